// node-opcua 2.186.4: before the first notification message of a subscription has come, a client that reconnects asks
// with Republish for message 0, which there never is. It takes BadMessageNotAvailable for the end, and message 1, which
// was sent into the dead connection, is never asked for.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-first-message.mjs
//
// Expected: the first Republish asks for message 1. Found: it asks for 0, and nothing more.

import { RepublishResponse, StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer({
  Republish: ({ retransmitSequenceNumber: number }) =>
    number === 1
      ? new RepublishResponse({ notificationMessage: published(1, 10).notificationMessage })
      : fault(StatusCodes.BadMessageNotAvailable),
});
const { values } = await subscribed(server);
server.cut(); // message 1 with value 10 was on its way
await until(() => server.of('Republish').length > 0);
await sleep(200);
const asked = server.of('Republish').map(({ retransmitSequenceNumber }) => retransmitSequenceNumber);
end(!values.includes(10), `Republish asked for: ${asked}; values: ${values}`);
