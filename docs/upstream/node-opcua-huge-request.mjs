// node-opcua 2.186.4: `monitorItems` puts all its items into one CreateMonitoredItems request, whatever the server says
// in MaxMonitoredItemsPerCall (OPC 10000-5 section 6.3.11). It is refused as a whole. Only the recreation after a
// reconnection goes by the limit. `session.read` does the same with MaxNodesPerRead.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-huge-request.mjs
//
// Expected: requests of 100 items at most. Found: one request with 1000.

import {
  AttributeIds,
  DataType,
  DataValue,
  ReadResponse,
  StatusCodes,
  TimestampsToReturn,
  Variant,
} from 'node-opcua-client';
import { end, fault, sleep, startServer, subscribed, until } from './server.mjs';

const LIMIT = 100;
const server = await startServer({
  Read: ({ nodesToRead }) =>
    new ReadResponse({
      results: nodesToRead.map(
        () => new DataValue({ value: new Variant({ dataType: DataType.UInt32, value: LIMIT }) }),
      ),
    }),
  CreateMonitoredItems: ({ itemsToCreate }, { usual }) =>
    itemsToCreate.length > LIMIT ? fault(StatusCodes.BadTooManyOperations) : usual(),
});
const { subscription } = await subscribed(server);
const items = Array.from({ length: 1_000 }, (_, i) => ({ nodeId: `ns=1;i=${i + 1}`, attributeId: AttributeIds.Value }));
await subscription
  .monitorItems(items, { samplingInterval: 100, queueSize: 10 }, TimestampsToReturn.Both)
  .catch(() => {});
await until(() => server.of('CreateMonitoredItems').length > 1);
await sleep(200);
const sizes = server.of('CreateMonitoredItems').map(({ itemsToCreate }) => itemsToCreate.length);
end(Math.max(...sizes) > LIMIT, `items of each request: ${sizes}`);
