// The OPC UA adapter against open62541, the stack in C of many embedded servers.

import { interopSuite } from './opcua-suite.ts';
import { pythonStack } from './plant.ts';

interopSuite(await pythonStack('open62541', 'open62541_plant_server.py', 'o6'), {
  pace: 120,
  filters: true,
  refreshes: false,
  overflow: 1_000,
});
