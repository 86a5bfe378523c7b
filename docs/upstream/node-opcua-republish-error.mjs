// node-opcua 2.186.4: what goes wrong while the client asks for lost messages (Republish) after a reconnection is
// swallowed by `republish()` (`.catch(() => callback())`), whatever it was. A server that says BadSessionIdInvalid
// there is not given a new session; the repair counts as done.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-republish-error.mjs
//
// Expected: after BadSessionIdInvalid a new session, or an event that tells of it. Found: neither.

import { StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer({ Republish: () => fault(StatusCodes.BadSessionIdInvalid) });
const { client, session, subscription, values } = await subscribed(server);
let told = 0;
for (const event of ['internal_error', 'error', 'status_changed', 'terminated']) subscription.on(event, () => told++);
for (const event of ['session_repaired_failed', 'session_closed']) session.on(event, () => told++);
let reconnected = false;
client.on('after_reconnection', () => {
  reconnected = true;
});
await server.publish(published(1, 10));
await until(() => values.length === 1);
server.cut();
await until(() => server.of('Republish').length > 0);
await until(() => server.waiting > 0 || server.of('CreateSession').length > 1);
await sleep(300);
const sessions = server.of('CreateSession').length;
end(
  sessions === 1 && told === 0,
  `sessions created: ${sessions}; reconnected: ${reconnected}; events of failure: ${told}`,
);
