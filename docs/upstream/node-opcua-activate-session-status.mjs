// node-opcua 2.186.4: when a server refuses ActivateSession in the header of its response (and not with a ServiceFault),
// the error of `createSession` has the StatusCode in its text only: neither `response` nor `statusCode`, by which a
// program could tell a wrong password from a server that is full.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-activate-session-status.mjs
//
// Expected: error.response or error.statusCode, as with every other service. Found: neither.

import { ActivateSessionResponse, OPCUAClient, StatusCodes } from 'node-opcua-client';
import { end, startServer } from './server.mjs';

const server = await startServer({
  ActivateSession: () =>
    new ActivateSessionResponse({ responseHeader: { serviceResult: StatusCodes.BadUserAccessDenied } }),
});
const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
await client.connect(server.endpoint);
const error = await client.createSession().catch((thrown) => thrown);
const code = error.response?.responseHeader.serviceResult ?? error.statusCode;
end(code === undefined, `StatusCode: ${code}; message: ${error.message?.trim()}`);
