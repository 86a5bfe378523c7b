// The OPC UA adapter against open62541, the stack in C of many embedded servers. Its Python binding o6 is proprietary, so
// nobody gets it without asking: OPEN62541=1 installs and runs it.

import { interopSuite } from './opcua-suite.ts';
import { pythonStack } from './plant.ts';

const stack =
  process.env.OPEN62541 === '1'
    ? await pythonStack('open62541', 'open62541_plant_server.py', 'open62541-requirements.txt')
    : undefined;

interopSuite(stack, { pace: 120, filters: true, refreshes: false, overflow: 1_000 });
