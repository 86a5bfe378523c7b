// node-opcua 2.186.4: CreateSession tells the server to send no response beyond 800,000 bytes, whatever the transport
// was set to take (`transportSettings.maxMessageSize`), and no option changes that. A server that obeys answers
// BadResponseTooLarge to a history read, a browse, or a burst of notifications that the client could well take.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-response-size.mjs
//
// Expected: what `transportSettings` says. Found: 800000.

import { OPCUAClient } from 'node-opcua-client';
import { end, startServer } from './server.mjs';

const server = await startServer();
const maxMessageSize = 16 * 1024 * 1024;
const client = OPCUAClient.create({
  endpointMustExist: false,
  connectionStrategy: { maxRetry: 0 },
  transportSettings: { maxMessageSize, maxChunkCount: 2_048, receiveBufferSize: 65_536, sendBufferSize: 65_536 },
});
await client.connect(server.endpoint);
await client.createSession();
const [{ maxResponseMessageSize }] = server.of('CreateSession');
end(maxResponseMessageSize < maxMessageSize, `transport: ${maxMessageSize}; CreateSession: ${maxResponseMessageSize}`);
