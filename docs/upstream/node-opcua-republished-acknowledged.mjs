// node-opcua 2.186.4: a message that was had with Republish is never acknowledged, so that the server keeps it, and all
// others of that kind, in its retransmission queue until that overflows (OPC 10000-4 section 5.14.1.2).
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-republished-acknowledged.mjs
//
// Expected: message 2, had with Republish, is acknowledged with one of the next Publish requests. Found: it is not.

import { RepublishResponse, StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer({
  Republish: ({ retransmitSequenceNumber: number }) =>
    number === 2
      ? new RepublishResponse({ notificationMessage: published(2, 20).notificationMessage })
      : fault(StatusCodes.BadMessageNotAvailable),
});
const { values } = await subscribed(server);
await server.publish(published(1, 10));
await until(() => values.length === 1);
server.cut(); // message 2 was on its way
await until(() => values.length === 2);
await server.publish(published(3, 30));
await server.publish(published(4, 40));
await until(() => values.length === 4);
await sleep(300);
const acknowledged = server
  .of('Publish')
  .flatMap(({ subscriptionAcknowledgements }) => subscriptionAcknowledgements ?? [])
  .map(({ sequenceNumber }) => sequenceNumber);
end(!acknowledged.includes(2), `values: ${values}; acknowledged: ${acknowledged}`);
