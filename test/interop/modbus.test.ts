// The Modbus adapter against pymodbus, which shares no code with it: every type in every order, exact, from several
// units; and addresses and units that are not there.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ModbusTag, modbusAdapter } from '../../agent/src/adapters/modbus/adapter.ts';
import type { ByteOrder } from '../../agent/src/config/schema/modbus.ts';
import { Kind } from '../../agent/src/model/batch.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { tag } from '../adapters/modbus/tags.ts';
import { type Recorder, recorder } from '../adapters/recorder.ts';
import { until } from '../support/until.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

type Told = readonly [unit: number, address: string, type: string, order: ByteOrder, value: string];

const python = await interopPython();

describe.skipIf(python === undefined)('pymodbus', () => {
  let peer: Peer;
  let told: readonly Told[];
  let sink: Recorder;
  let run: Promise<void>;
  const stop = new AbortController();
  const missing = [
    tag(9_000, 'holding:1995', { unitId: 1 }),
    tag(9_001, 'holding:1999', { unitId: 5, type: 'float32' }),
    tag(9_002, 'holding:0', { unitId: 99 }),
  ];
  const neighbour = tag(9_003, 'holding:2000', { unitId: 5 });

  beforeAll(async () => {
    peer = await startPeer(python!, 'pymodbus_server.py');
    told = peer.ready.values as Told[];
    const tags: ModbusTag[] = told.map(([unitId, address, type, order], i) => tag(i, address, { unitId, type, order }));
    const adapter = modbusAdapter({
      name: 'plc',
      transport: { kind: 'tcp', host: '127.0.0.1', port: Number(peer.ready.port) },
      timeout: 2_000,
      delayBetweenRequests: 0,
      maxRegisters: 125,
      maxGap: 16,
      tags: [...tags, ...missing, neighbour],
    });
    await adapter.connect(stop.signal);
    sink = recorder();
    run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    run.catch(() => {});
    await until('a first reading of every tag', () => sink.readies > 0);
  });
  afterAll(async () => {
    stop.abort();
    await run;
    await peer?.stop();
  });

  test('every value of every type, order and unit', () => {
    expect(told.length).toBeGreaterThan(500);
    const wrong = told
      .map(([, , type, , value], i) => ({ what: told[i], expected: expectedOf(type, value), got: sink.last(i) }))
      .filter(({ expected, got }) => got?.status !== 0 || !Object.is(got.value, expected));
    expect(wrong).toEqual([]);
    const float = told.findIndex(([, , type]) => type === 'float32');
    expect(sink.last(float)?.kind).toBe(Kind.Float32);
  });

  test('addresses and units that are not there are Bad, their neighbours are not', async () => {
    expect(missing.map(({ index }) => statusName(sink.last(index)!.status))).toEqual([
      'BadConfigurationError',
      'BadConfigurationError',
      expect.stringMatching(/^Bad(NoCommunication|DeviceFailure)$/),
    ]);
    await until('unit 99 is left out', () => sink.parts.has('unit 99'));
    expect([...sink.parts.keys()].sort()).toEqual(['T9000', 'T9001', 'unit 99']);
    expect(sink.last(neighbour.index)?.value).toBe(5);
  });

  test('it goes on, and every poll is a reading', async () => {
    const seen = sink.of(0).length;
    await until('five more', () => sink.of(0).length >= seen + 5);
    expect(sink.faults()).toEqual([]);
  });
});

function expectedOf(type: string, value: string): unknown {
  if (type.startsWith('string')) return value;
  if (type === 'bool') return value === 'true';
  if (type === 'float32') return Math.fround(Number(value));
  const number = Number(value);
  return type.endsWith('int64') && !Number.isSafeInteger(number) ? BigInt(value) : number;
}
