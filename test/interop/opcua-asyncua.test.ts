// The OPC UA adapter against asyncua, the stack in Python. Its variables' types one by one: opcua.test.ts.

import { interopSuite } from './opcua-suite.ts';
import { pythonStack } from './plant.ts';

interopSuite(await pythonStack('asyncua', 'asyncua_plant_server.py'), {
  pace: 30,
  filters: true,
  refreshes: false,
});
