// node-opcua 2.186.4: a client is to look for gaps in the sequence numbers of a subscription and to ask for what is
// missing with Republish (OPC 10000-4 section 5.14.1.1). It does neither: a message that the server sent and that did
// not come is lost without an event.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-sequence-gap.mjs
//
// Expected: after messages 1 and 3 a Republish for 2, or an event that tells of the loss. Found: neither.

import { StatusCodes } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const server = await startServer({ Republish: () => fault(StatusCodes.BadMessageNotAvailable) });
const { values, subscription } = await subscribed(server);
let told = 0;
for (const event of ['internal_error', 'error', 'status_changed']) subscription.on(event, () => told++);
await server.publish(published(1, 10));
await server.publish(published(3, 30));
await until(() => values.length === 2);
await sleep(300);
const asked = server.of('Republish').length;
end(asked === 0 && told === 0, `values: ${values}; Republish asked ${asked} times, ${told} events`);
