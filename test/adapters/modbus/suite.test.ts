// The adapter contract, kept by the Modbus adapter against the simulated flare PLC, over every way that has a link to
// lose. UDP has none: lines.test.ts tries it.

import { type ModbusAdapter, modbusAdapter } from '../../../agent/src/adapters/modbus/adapter.ts';
import type { Transport } from '../../../agent/src/adapters/modbus/transport.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { type Carrier, startModbusServer } from '../../../sim/refinery/modbus.ts';
import { haveSocat, type SerialLine, serialLine } from '../../support/serial-line.ts';
import { adapterSuite } from '../suite.ts';
import { tag } from './tags.ts';

function suite(
  name: string,
  carrier: Carrier,
  adapterAt: (port: number, make: (to: Transport) => ModbusAdapter) => ModbusAdapter,
) {
  adapterSuite(name, async () => {
    const sim = await startModbusServer({ site: 'flare', ticking: false, carrier });
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
    sim.setRegister(1, 'holding', 505, [4_711]);
    sim.refuse(1, 'holding', 510, 510);
    const make = (transport: Transport) =>
      modbusAdapter({
        name: 'flare',
        transport,
        timeout: 300,
        delayBetweenRequests: 0,
        maxRegisters: 125,
        maxGap: 16,
        tags,
      });
    return {
      port: sim.port,
      adapter: (port) => adapterAt(port, make),
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
      retag(adapter) {
        const next = [...tags.filter(({ index }) => index !== 41), tag(46, 'holding:505')];
        (adapter as ModbusAdapter).retag(next, { added: [46], gone: [41] });
        return { tag: 46, value: 4_711 };
      },
      silence: 5_000,
      stop: () => sim.close(),
    };
  });
}

suite('modbus-tcp', 'tcp', (port, make) => make({ kind: 'tcp', host: '127.0.0.1', port }));
suite('modbus-rtu-over-tcp', 'rtu-over-tcp', (port, make) => make({ kind: 'rtu-over-tcp', host: '127.0.0.1', port }));
if (haveSocat()) suite('modbus-rtu', 'rtu-over-tcp', plugged);

/** An adapter on a serial port that is there from connect to close. */
function plugged(port: number, make: (to: Transport) => ModbusAdapter): ModbusAdapter {
  let adapter: ModbusAdapter | undefined;
  let plugging: Promise<SerialLine> | undefined;
  let closed = false;
  return {
    async connect(signal) {
      if (signal.aborted) throw new Fault('source.closed', 'called off');
      plugging = serialLine(port);
      const { device } = await plugging;
      if (closed) throw new Fault('source.closed', 'called off');
      adapter = make({ kind: 'rtu', device, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 });
      await adapter.connect(signal);
    },
    counts: undefined,
    retag: (next, change) => adapter!.retag(next, change),
    run: (sink, signal) => adapter!.run(sink, signal),
    async close() {
      closed = true;
      await adapter?.close();
      await (await plugging)?.stop();
    },
  };
}
