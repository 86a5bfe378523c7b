// node-opcua 2.186.4: an event notification that comes after its monitored item was removed (it was on its way, or a
// server repeats it) makes the client assert in a promise that nobody catches. Node ends the process.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-event-after-removal.mjs
//
// Expected: the event is nobody's. Found: an unhandled rejection, "Expecting a monitored item".

import { DataType, EventFieldList, EventNotificationList, Variant } from 'node-opcua-client';
import { end, published, sleep, startServer, subscribed, until } from './server.mjs';

let rejected;
process.on('unhandledRejection', (error) => {
  rejected = error;
});
const server = await startServer();
const { item, subscription } = await subscribed(server);
await item.terminate();
let heard = 0;
subscription.on('raw_notification', () => heard++);
const late = published(1);
const eventFields = [new Variant({ dataType: DataType.String, value: 'late' })];
late.notificationMessage.notificationData = [
  new EventNotificationList({ events: [new EventFieldList({ clientHandle: 1, eventFields })] }),
];
await server.publish(late);
await until(() => heard === 1);
await sleep(200);
end(rejected !== undefined, `unhandled rejection: ${rejected?.message ?? 'none'}`);
