// The adapter contract, kept by the Modbus adapter against the simulated flare PLC.

import { modbusAdapter } from '../../../agent/src/adapters/modbus/adapter.ts';
import { startModbusServer } from '../../../sim/refinery/modbus.ts';
import { adapterSuite } from '../suite.ts';
import { tag } from './tags.ts';

adapterSuite('modbus-tcp', async () => {
  const sim = await startModbusServer({ site: 'flare', ticking: false });
  let changes = 1_000;
  sim.setRegister(1, 'holding', 500, [changes, 0x4049, 0x0fdb]);
  sim.setRegister(1, 'coil', 7, [1]);
  const tags = [
    tag(40, 'holding:500'),
    tag(41, 'holding:501', { type: 'float32' }),
    tag(42, 'coil:7', { type: 'bool' }),
    tag(43, 'holding:510'),
    tag(44, 'input:65535'),
    tag(45, 'holding:65535', { type: 'float64' }),
  ];
  sim.refuse(1, 'holding', 510, 510);
  return {
    port: sim.port,
    adapter: (port) =>
      modbusAdapter({
        name: 'flare',
        transport: { kind: 'tcp', host: '127.0.0.1', port },
        timeout: 300,
        delayBetweenRequests: 0,
        maxRegisters: 125,
        maxGap: 16,
        tags,
      }),
    good: [
      { tag: 40, value: changes },
      { tag: 41, value: Math.fround(Math.PI) },
      { tag: 42, value: true },
    ],
    bad: [43, 44, 45].map((index) => ({ tag: index, name: `T${index}` })),
    change() {
      changes++;
      sim.setRegister(1, 'holding', 500, [changes]);
      return changes;
    },
    silence: 5_000,
    stop: () => sim.close(),
  };
});
