// A supervisor on the bench: with adapters that do exactly as they are told, and everything that it says written down.

import { afterEach, beforeEach, vi } from 'vitest';
import type { Adapter, Sink } from '../../../agent/src/adapters/adapter.ts';
import { type SourceState, type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { type Batch, BatchBuilder } from '../../../agent/src/model/batch.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { StatusCode } from '../../../agent/src/model/status.ts';
import { fromMillis, type Timestamp } from '../../../agent/src/model/time.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

export const TAGS = [3, 4];
export const LATENCY = 2_000;

/** One adapter under control: the test decides when connecting and running end, and how. */
export interface Scripted extends Adapter {
  readonly connecting: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<void>;
  sink: Sink | undefined;
  closes: number;
}

export interface Bench {
  readonly source: Supervisor;
  readonly adapters: Scripted[];
  readonly gaps: Gap[];
  /** Tag and status of every reading. */
  readonly readings: { readonly tag: number; readonly status: number }[];
  readonly lines: {
    readonly level: string;
    readonly text: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
  readonly lost: (readonly number[])[];
}

export function scripted(): Scripted {
  const one: Scripted = {
    connecting: Promise.withResolvers<void>(),
    ended: Promise.withResolvers<void>(),
    sink: undefined,
    closes: 0,
    connect(signal) {
      signal.addEventListener('abort', () => one.connecting.reject(new Fault('source.closed', 'aborted')));
      return one.connecting.promise;
    },
    run(sink, signal) {
      one.sink = sink;
      signal.addEventListener('abort', () => one.ended.resolve());
      return one.ended.promise;
    },
    async close() {
      one.closes++;
    },
  };
  return one;
}

export function bench(lastAlive: Timestamp | null = null, create?: () => Adapter): Bench {
  const adapters: Scripted[] = [];
  const gaps: Gap[] = [];
  const readings: { tag: number; status: number }[] = [];
  const lines: { level: string; text: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const lost: (readonly number[])[] = [];
  const source = supervisor({
    source: {
      name: 'flare-plc',
      protocol: 'modbus-tcp',
      address: '10.20.4.7:502',
      tags: TAGS,
      latency: LATENCY,
      create:
        create ??
        (() => {
          const one = scripted();
          adapters.push(one);
          return one;
        }),
    },
    ...(lastAlive !== null && { unknown: { since: lastAlive, reason: 'gateway-down' } }),
    accept(batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) readings.push({ tag: batch.tag[i]!, status: batch.status[i]! });
    },
    describe: () => {},
    lost: (tags) => lost.push(tags),
    log: (level, text, fields = {}) => lines.push({ level, text, fields }),
  });
  return { source, adapters, gaps, readings, lines, lost };
}

/** Lets everything that is due run, and `ms` of time pass. */
export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

export function batch(count = 1): Batch {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++) builder.add(TAGS[i % 2]!, fromMillis(Date.now()), 0, i);
  return builder.take();
}

export const stateOf = ({ source }: Bench): SourceState['state'] => source.stats().state.state;
export const bad = TAGS.map((tag) => ({ tag, status: StatusCode.BadNoCommunication }));

/** Connects the newest adapter and delivers a reading. */
export async function bringUp({ adapters }: Bench): Promise<Scripted> {
  const one = adapters.at(-1)!;
  one.connecting.resolve();
  await pass();
  one.sink!.deliver(batch());
  one.sink!.ready();
  return one;
}
