// node-opcua 2.186.4: `setMonitoringMode` and `modify` of a group of monitored items resolve with what the server said
// of the first item; the others may have been refused.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-group-results.mjs
//
// Expected: three results, one of them Bad. Found: Good.

import {
  AttributeIds,
  MonitoringMode,
  SetMonitoringModeResponse,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua-client';
import { end, startServer, subscribed } from './server.mjs';

const server = await startServer({
  SetMonitoringMode: () =>
    new SetMonitoringModeResponse({
      results: [StatusCodes.Good, StatusCodes.BadMonitoredItemIdInvalid, StatusCodes.Good],
    }),
});
const { subscription } = await subscribed(server);
const nodes = ['A', 'B', 'C'].map((name) => ({ nodeId: `ns=1;s=${name}`, attributeId: AttributeIds.Value }));
const group = await subscription.monitorItems(nodes, { samplingInterval: 100, queueSize: 2 }, TimestampsToReturn.Both);
const told = await group.setMonitoringMode(MonitoringMode.Sampling);
end(!Array.isArray(told) || told.length < 3, `three items, told: ${told}`);
