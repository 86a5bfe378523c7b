// node-opcua 2.186.4: what a handler of "changed" throws is caught by the client and only printed. The message counts as
// taken and is acknowledged; an application that could not store a value (a full disk) does not hear of it.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-handler-throws.mjs
//
// Expected: the message is not acknowledged, or an event or an uncaught exception tells. Found: acknowledged, nothing told.

import { end, published, sleep, startServer, subscribed, until } from './server.mjs';

let told = 0;
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, () => told++);
const server = await startServer();
const { item, subscription } = await subscribed(server);
for (const event of ['internal_error', 'error']) subscription.on(event, () => told++);
item.on('err', () => told++);
item.removeAllListeners('changed');
item.on('changed', () => {
  throw new Error('the disk is full');
});
await server.publish(published(1, 10));
const acknowledged = () => server.of('Publish').flatMap((request) => request.subscriptionAcknowledgements ?? []);
await until(() => acknowledged().length > 0 || told > 0);
await sleep(200);
end(told === 0 && acknowledged().length > 0, `acknowledged: ${acknowledged().length > 0}; events: ${told}`);
