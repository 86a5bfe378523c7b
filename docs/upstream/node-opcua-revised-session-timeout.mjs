// node-opcua 2.186.4: when a server revises the session's timeout below keep-alive count times publishing interval, the
// client throws NODE-OPCUA-W09 inside the callback of CreateSubscription. The throw is swallowed there, the promise of
// `createSubscription2` never settles, and the subscription stands at the server with nobody to publish for it.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-revised-session-timeout.mjs
//
// Expected: a subscription, or a rejection. Found: the promise is pending for ever.

import { CreateSubscriptionResponse, OPCUAClient } from 'node-opcua-client';
import { end, sleep, startServer } from './server.mjs';

const server = await startServer({
  // As a server may: it wants to be seldom asked.
  CreateSubscription: () =>
    new CreateSubscriptionResponse({
      subscriptionId: 1,
      revisedPublishingInterval: 10_000,
      revisedLifetimeCount: 1_000,
      revisedMaxKeepAliveCount: 100,
    }),
});
let uncaught;
process.on('uncaughtException', (error) => {
  uncaught = error;
});
const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
await client.connect(server.endpoint);
const session = await client.createSession();
const asked = session.createSubscription2({
  requestedPublishingInterval: 100,
  requestedLifetimeCount: 1_000,
  requestedMaxKeepAliveCount: 10,
  publishingEnabled: true,
});
const outcome = await Promise.race([
  asked.then(
    () => 'a subscription',
    () => 'a rejection',
  ),
  sleep(3_000).then(() => 'pending'),
]);
end(
  outcome === 'pending' || uncaught !== undefined,
  `${outcome} after 3 s; uncaught: ${uncaught?.message ?? 'nothing'}`,
);
