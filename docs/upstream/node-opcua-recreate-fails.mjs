// node-opcua 2.186.4: after a reconnection with a new session, a subscription that cannot be transferred is created
// anew with its items. When the server refuses the items (it can take no more just now), the error is swallowed: the
// subscription stays empty, it is not tried again, and nothing tells the application. (Where CreateSubscription itself
// is refused, "internal_error" is emitted once, and nothing is tried again either.) Items that are refused one by one
// get a bad `statusCode`, without an event.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-recreate-fails.mjs
//
// Expected: an event, or another try. Found: neither; "session_restored" is told as if all were well.

import { StatusCodes, TransferSubscriptionsResponse } from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

let restarted = false;
let activations = 0;
let creations = 0;
const server = await startServer({
  ActivateSession: (_, { usual }) =>
    restarted && activations++ === 0 ? fault(StatusCodes.BadSessionIdInvalid) : usual(),
  TransferSubscriptions: ({ subscriptionIds }) =>
    new TransferSubscriptionsResponse({
      results: subscriptionIds.map(() => ({ statusCode: StatusCodes.BadSubscriptionIdInvalid })),
    }),
  CreateMonitoredItems: (_, { usual }) =>
    restarted && creations++ === 0 ? fault(StatusCodes.BadResourceUnavailable) : usual(),
});
const { session, subscription, item, values } = await subscribed(server);
let told = 0;
let restored = false;
for (const event of ['internal_error', 'error', 'status_changed', 'terminated']) subscription.on(event, () => told++);
for (const event of ['err', 'terminated']) item.on(event, () => told++);
for (const event of ['session_repaired_failed', 'session_closed']) session.on(event, () => told++);
session.on('session_restored', () => {
  restored = true;
});
await server.publish(published(1, 10));
await until(() => values.length === 1);
restarted = true;
server.cut();
await until(() => restored);
await sleep(1_500);
end(
  creations === 1 && told === 0,
  `items tried: ${creations}; events of failure: ${told}; session_restored: ${restored}`,
);
