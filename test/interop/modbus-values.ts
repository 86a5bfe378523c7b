// What the Modbus peers of the interop tests hold, and a run of the adapter that reads all of it.

import { expect } from 'vitest';
import { type ModbusTag, modbusAdapter } from '../../agent/src/adapters/modbus/adapter.ts';
import type { Transport } from '../../agent/src/adapters/modbus/transport.ts';
import type { ByteOrder } from '../../agent/src/config/schema/modbus.ts';
import { tag } from '../adapters/modbus/tags.ts';
import { type Recorder, recorder } from '../adapters/recorder.ts';
import { until } from '../support/until.ts';

export type Told = readonly [unit: number, address: string, type: string, order: ByteOrder, value: string];

export interface Reading {
  readonly sink: Recorder;
  stop(): Promise<void>;
}

/** Reads everything that a peer told of, and `more`, until it is stopped. */
export async function readAll(
  transport: Transport,
  told: readonly Told[],
  more: readonly ModbusTag[] = [],
): Promise<Reading> {
  const tags = told.map(([unitId, address, type, order], i) => tag(i, address, { unitId, type, order }));
  const adapter = modbusAdapter({
    name: 'plc',
    transport,
    timeout: 2_000,
    delayBetweenRequests: 0,
    maxRegisters: 125,
    maxGap: 16,
    tags: [...tags, ...more],
  });
  const stop = new AbortController();
  await adapter.connect(stop.signal);
  const sink = recorder();
  let ended: unknown;
  const run = adapter.run(sink, stop.signal).catch((thrown: unknown) => {
    ended = thrown;
  });
  await until('a first reading of every tag', () => {
    if (ended) throw new Error('run ended', { cause: ended });
    return sink.readies > 0;
  });
  return {
    sink,
    async stop() {
      stop.abort();
      await run;
      await adapter.close();
    },
  };
}

/** Every value is exactly what the peer holds. */
export function expectExact(told: readonly Told[], sink: Recorder): void {
  const wrong = told
    .map(([, , type, , value], i) => ({ what: told[i], expected: expectedOf(type, value), got: sink.last(i) }))
    .filter(({ expected, got }) => got?.status !== 0 || !Object.is(got.value, expected));
  expect(wrong).toEqual([]);
}

function expectedOf(type: string, value: string): unknown {
  if (type.startsWith('string')) return value;
  if (type === 'bool') return value === 'true';
  if (type === 'float32') return Math.fround(Number(value));
  const number = Number(value);
  return type.endsWith('int64') && !Number.isSafeInteger(number) ? BigInt(value) : number;
}
