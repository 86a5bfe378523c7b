// node-opcua 2.186.4: after a restart of the server the index of a namespace may be another one. When the client creates
// its subscription anew in a new session, it uses the node ids as they were (`adjustMonitoredItemNodeIds` is empty) and
// does not ask for the namespaces: the values of other nodes come under the names of these. (`getNamespaceIndex` throws
// then until `readNamespaceArray` was called again, which is right.)
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-namespace-shift.mjs
//
// Expected: NamespaceArray (i=2255) is read before the items are created anew. Found: it is not, ns=1 stays ns=1.

import {
  DataType,
  DataValue,
  ReadResponse,
  StatusCodes,
  TransferSubscriptionsResponse,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { end, fault, published, sleep, startServer, subscribed, until } from './server.mjs';

const NAMESPACES = 'ns=0;i=2255';
let restarted = false;
let activations = 0;
const server = await startServer({
  ActivateSession: (_, { usual }) =>
    restarted && activations++ === 0 ? fault(StatusCodes.BadSessionIdInvalid) : usual(),
  TransferSubscriptions: ({ subscriptionIds }) =>
    new TransferSubscriptionsResponse({
      results: subscriptionIds.map(() => ({ statusCode: StatusCodes.BadSubscriptionIdInvalid })),
    }),
  Read: ({ nodesToRead }) => {
    const value = ['http://opcfoundation.org/UA/', ...(restarted ? ['urn:new', 'urn:plc'] : ['urn:plc'])];
    const namespaces = new Variant({ dataType: DataType.String, arrayType: VariantArrayType.Array, value });
    return new ReadResponse({
      results: nodesToRead.map(({ nodeId }) =>
        String(nodeId) === NAMESPACES
          ? new DataValue({ value: namespaces })
          : new DataValue({ statusCode: StatusCodes.BadNodeIdUnknown }),
      ),
    });
  },
});
const { session, values } = await subscribed(server);
await session.readNamespaceArray();
await server.publish(published(1, 10));
await until(() => values.length === 1);
restarted = true;
server.cut();
await until(() => server.of('CreateMonitoredItems').length > 1);
await sleep(200);
const nodes = server
  .of('CreateMonitoredItems')
  .map(({ itemsToCreate }) => String(itemsToCreate[0].itemToMonitor.nodeId));
const asked = server
  .of('Read')
  .filter(({ nodesToRead }) => nodesToRead.some(({ nodeId }) => String(nodeId) === NAMESPACES));
end(nodes[1] === nodes[0], `item before: ${nodes[0]}, after: ${nodes[1]}; namespaces read ${asked.length} times`);
