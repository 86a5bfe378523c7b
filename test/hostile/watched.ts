// A source under its supervisor beside a hostile peer, and another one in the same process that must not notice: its
// readings flow during the attack, it is never connected anew, and the memory of the process stays bounded.

import { expect } from 'vitest';
import { type OpcUaOptions, opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../agent/src/adapters/opcua/kept.ts';
import type { Timings } from '../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { type Batch, Kind, type Value, valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { pkiTrusting, QUICK } from '../adapters/opcua/rig.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** A reading as it was accepted. */
export interface Accepted {
  readonly tag: number;
  readonly status: number;
  readonly value: Value;
}

/** A source in its supervisor, with what it said. */
export interface Watched {
  readonly supervisor: Supervisor;
  readonly log: string[];
  readonly gaps: readonly Gap[];
  received(): number;
  /** Why it is not connected, or what is wrong while it is; empty when all is well. */
  reason(): string;
}

/** @param accept given every reading; absent: they are only counted */
export function watch(options: OpcUaOptions, timings: Timings = QUICK, accept?: (reading: Accepted) => void): Watched {
  const log: string[] = [];
  const gaps: Gap[] = [];
  const kept = keep(options, undefined, undefined, timings.retry);
  const one = supervisor({
    source: {
      name: options.name,
      protocol: 'opcua',
      address: options.endpoint,
      tags: options.tags.map(({ index }) => index),
      latency: 0,
      create: () => opcuaAdapter(options, timings, kept),
    },
    accept: (batch) => {
      gaps.push(...batch.gaps);
      if (accept) for (const reading of readingsOf(batch)) accept(reading);
    },
    describe: () => {},
    lost: () => {},
    log: (level, text, fields) => log.push(JSON.stringify({ level, text, ...fields })),
  });
  one.start();
  return {
    supervisor: one,
    log,
    gaps,
    received: () => one.stats().received,
    reason() {
      const { state } = one.stats();
      if (state.state === 'waiting') return `${state.code}: ${state.reason}`;
      return state.state === 'degraded' ? [...state.trouble].map((part) => part.join(': ')).join('; ') : '';
    },
  };
}

function* readingsOf(batch: Batch): Generator<Accepted> {
  for (let i = 0; i < batch.count; i++) {
    const value = batch.kind[i] === Kind.Null ? null : valueAt(batch, i);
    yield { tag: batch.tag[i]!, status: batch.status[i]!, value };
  }
}

export interface Neighbour extends Watched {
  stop(): Promise<void>;
}

/** A source that is well, at a server of its own. */
export async function startNeighbour(): Promise<Neighbour> {
  const sim = await startOpcUaServer({ folder: scratch(), tags: 20, period: 100 });
  const watched = watch({
    name: 'neighbour',
    endpoint: sim.endpoint,
    user: { name: sim.user, password: async () => sim.password },
    publishing: 100,
    pki: pkiTrusting(sim.certificate),
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: sim.signals.map(({ name }, index) => {
      return { index, name, node: `nsu=${sim.namespace};s=${name}`, sampling: 50, wantsRange: false };
    }),
  });
  await until('the neighbour runs', () => watched.received() > 0);
  return {
    ...watched,
    async stop() {
      await watched.supervisor.stop();
      await sim.close();
    },
  };
}

/** The most that an attack may cost in memory, bytes: a message may have 16 MiB, and is copied and decoded. */
const MOST = 300 * 1024 * 1024;

/**
 * Waits until the attack is over; meanwhile memory is bounded, and afterwards the neighbour has gone on as if nothing were.
 * @param over what ends the attack: mostly that its source says why it is not well
 */
export async function endure<T>(neighbour: Watched, what: string, over: () => T | Promise<T>): Promise<NonNullable<T>> {
  const before = neighbour.supervisor.stats();
  const start = process.memoryUsage.rss();
  let peak = start;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  try {
    const answer = await until(what, over, 25_000);
    const { received } = neighbour.supervisor.stats();
    await until('the neighbour goes on', () => neighbour.received() > received);
    const after = neighbour.supervisor.stats();
    expect(after.state.state).toBe('running');
    expect(after.connects).toBe(before.connects);
    expect(peak - start).toBeLessThan(MOST);
    return answer;
  } finally {
    clearInterval(timer);
  }
}
