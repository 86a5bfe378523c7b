// node-opcua 2.186.4: where no connection can be made, the error of the socket is replaced by one with a text. Its `code`
// (ECONNREFUSED, ENOTFOUND, EHOSTUNREACH, ...), by which a program can tell one cause from another, is lost.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-socket-error-code.mjs
//
// Expected: an error with `code`, or one whose `cause` has it. Found: neither.

import { createServer } from 'node:net';
import { OPCUAClient } from 'node-opcua-client';
import { end } from './server.mjs';

const listener = createServer();
await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
const { port } = listener.address();
await new Promise((resolve) => listener.close(resolve));
const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
const error = await client.connect(`opc.tcp://127.0.0.1:${port}`).catch((thrown) => thrown);
const code = error.code ?? error.cause?.code;
end(code === undefined, `code: ${code}; message: ${error.message.replace(/\s+/g, ' ').trim()}`);
