// node-opcua 2.186.4: a server that acknowledges (ACK) buffers of a few bytes ends the client's process: the client takes
// the limits as they are and asserts on them in the handler of the socket, where no application can catch it. A server
// must offer 8192 bytes at least (OPC 10000-6 section 7.1.2.4).
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-acknowledge-limits.mjs
//
// Expected: connect rejects. Found: an uncaught exception.

import { createServer } from 'node:net';
import { OPCUAClient } from 'node-opcua-client';
import { end, sleep } from './server.mjs';

let thrown;
process.on('uncaughtException', (error) => {
  thrown = error;
});
const acknowledge = Buffer.alloc(28);
acknowledge.write('ACKF');
for (const [i, number] of [28, 0, 1, 1, 0, 0].entries()) acknowledge.writeUInt32LE(number, 4 + 4 * i);
const listener = createServer((socket) => {
  socket.on('error', () => {}).once('data', () => socket.write(acknowledge));
});
await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
const connecting = client.connect(`opc.tcp://127.0.0.1:${listener.address().port}`).catch((error) => error);
await Promise.race([connecting, sleep(3_000)]);
end(
  thrown !== undefined,
  `uncaught: ${thrown === undefined ? 'nothing' : thrown.stack.split('\n').slice(0, 2).join(' ')}`,
);
