// node-opcua 2.186.4: a keep-alive carries the number that the *next* notification message will have (OPC 10000-4
// section 5.14.1.1). The client keeps it as the number of the last message received. When the connection breaks then,
// it asks with Republish from the number after it, and the first message that was sent into the dead connection is
// never asked for: one message is lost, without a word, at every reconnection that follows a keep-alive.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-keep-alive-sequence-number.mjs
//
// Expected: after messages 1, 2 and a keep-alive (3), the first Republish asks for message 3. Found: it asks for 4.

import { RepublishResponse, StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer({
  Republish: ({ retransmitSequenceNumber: number }) =>
    number === 3
      ? new RepublishResponse({ notificationMessage: published(3, 30).notificationMessage })
      : fault(StatusCodes.BadMessageNotAvailable),
});
const { values, subscription } = await subscribed(server);
let keepAlives = 0;
subscription.on('keepalive', () => keepAlives++);
for (const message of [published(1, 10), published(2, 20), published(3)]) await server.publish(message);
await until(() => keepAlives === 1 && values.length === 2);
server.cut(); // message 3 with value 30 was on its way
await until(() => server.of('Republish').length > 0);
await sleep(200);
const [first] = server.of('Republish');
end(!values.includes(30), `Republish began with message ${first?.retransmitSequenceNumber}; values: ${values}`);
