// node-opcua 2.186.4: BadNoSubscription (also BadSessionIdInvalid, BadSessionClosed, BadSecureChannelIdInvalid) as the
// answer to a Publish request takes that request out of the pump for good. When all of them were answered so once,
// nothing is published any more, though subscription, session and connection stand: connected, but silent, no event.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-publish-pump.mjs
//
// Expected: the client goes on publishing, recreates the subscription, or tells that it ended. Found: nothing happens.

import { StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer();
const { client, session, subscription } = await subscribed(server);
let told = 0;
for (const event of ['internal_error', 'error', 'status_changed', 'terminated']) subscription.on(event, () => told++);
for (const event of ['session_closed', 'session_restored']) session.on(event, () => told++);
for (const event of ['connection_lost', 'close']) client.on(event, () => told++);
await server.publish(published(1, 10));
await until(() => server.waiting === 5);
for (let i = 0; i < 5; i++) await server.publish(fault(StatusCodes.BadNoSubscription));
await sleep(3_000);
const restarted = server.waiting > 0 || server.of('CreateSubscription').length > 1;
end(!restarted && told === 0, `${server.waiting} Publish requests wait 3 s later, ${told} events`);
