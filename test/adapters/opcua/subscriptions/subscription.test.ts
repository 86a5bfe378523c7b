// Every value that the server sampled arrives once and in order, what it lost is said, and an end of the subscription
// ends run at once.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OpcUaTag, opcuaAdapter, type Timings } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { queueSize } from '../../../../agent/src/adapters/opcua/subscriptions/items.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { pkiTrusting, QUICK } from '../rig.ts';

const LEVEL = '20LIC112.PV';
let sim: OpcUaSim;
let pki: string;

beforeAll(async () => {
  sim = await startOpcUaServer({ folder: scratch(), tags: 100, counters: 0.5, ticking: false });
  pki = pkiTrusting(sim.certificate);
});
afterAll(() => sim?.close());
beforeEach(() => sim.restart());

async function start(
  names: readonly string[],
  more: { publishing?: number; timings?: Timings; tag?: Partial<OpcUaTag> } = {},
) {
  const adapter = opcuaAdapter(
    {
      name: 'dcs',
      endpoint: sim.endpoint,
      security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' },
      user: { name: sim.user, password: async () => sim.password },
      publishing: more.publishing ?? 100,
      bridge: 0,
      pki,
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: names.map((name, index) => {
        const node = `nsu=${sim.namespace};s=${name}`;
        return { index, name, node, sampling: 50, wantsRange: false, ...more.tag };
      }),
    },
    more.timings ?? QUICK,
  );
  await adapter.connect(new AbortController().signal);
  const sink = recorder();
  const stop = new AbortController();
  const run = adapter.run(sink, stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  await until('a first reading of every tag', () => names.every((_, tag) => sink.last(tag)));
  return { adapter, sink, run, stop };
}

test('queues hold twice what is sampled between two messages, and what is sampled in a short outage', () => {
  expect(queueSize(1_000, 1_000, 0)).toBe(2);
  expect(queueSize(100, 1_000, 0)).toBe(20);
  expect(queueSize(300, 1_000, 0)).toBe(8);
  expect(queueSize(5_000, 1_000, 0)).toBe(2);
  expect(queueSize(0, 1_000, 0)).toBe(100);
  expect(queueSize(1_000, 1_000, 10_000)).toBe(10);
  expect(queueSize(60_000, 1_000, 10_000)).toBe(2);
  expect(queueSize(1, 1_000, 60_000)).toBe(1_000);
});

test('counters that go up by one arrive without a hole', async () => {
  const counters = sim.signals.filter(({ process }) => process === 'counter').map(({ name }) => name);
  const { adapter, sink } = await start(counters, { publishing: 400 });
  const first = sim.counters().updates;
  for (let i = 0; i < 60; i++) {
    sim.tick();
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  const last = sim.counters().updates;
  await until('the last value', () => counters.every((_, tag) => sink.last(tag)?.value === last));
  for (const tag of counters.keys()) {
    const values = sink.of(tag).map(({ value }) => value as number);
    const after = values.filter((value) => value > first);
    expect(after).toEqual(Array.from({ length: last - first }, (_, i) => first + 1 + i));
  }
  expect(sink.gaps).toEqual([]);
  await adapter.close();
});

test('a range is told before the first reading', async () => {
  const { adapter, sink } = await start([LEVEL, '20P101.RUN'], { tag: { wantsRange: true } });
  expect(sink.facts.get(0)).toEqual({ range: [0, 100] });
  expect(sink.facts.get(1)).toEqual({});
  await adapter.close();
});

test('an overflow of the queue is a gap of that tag, from its last reading before to the next one', async () => {
  const { adapter, sink } = await start([LEVEL, '20P101.RUN'], { publishing: 300 });
  const before = sink.last(0)!.time;
  for (let i = 1; i <= 200; i++) sim.set(LEVEL, i / 10);
  await until('the last value', () => Math.abs((sink.last(0)?.value as number) - 20) < 0.001);
  expect(sink.gaps.length).toBeGreaterThan(0);
  const [gap] = sink.gaps;
  expect(gap).toMatchObject({ reason: 'source-overflow', tags: [LEVEL] });
  expect(gap!.from).toBeGreaterThanOrEqual(before);
  expect(gap!.to).toBeGreaterThanOrEqual(gap!.from);
  await adapter.close();
});

describe('run ends', () => {
  test('at once when the server is gone', async () => {
    const { adapter, run } = await start([LEVEL]);
    const since = performance.now();
    await sim.stop();
    expect(await run).toMatchObject({ code: 'source.closed' });
    expect(performance.now() - since).toBeLessThan(2_000);
    await adapter.close();
  });

  test('when the link is a black hole, after three keep-alives', async () => {
    const { adapter, run } = await start([LEVEL]);
    const since = performance.now();
    sim.freeze();
    const fault = await run;
    expect(fault).toBeInstanceOf(Fault);
    expect(fault).toMatchObject({ code: 'source.silent' });
    expect(performance.now() - since).toBeLessThan(8_000);
    const closing = performance.now();
    await adapter.close();
    expect(performance.now() - closing).toBeLessThan(4_500);
    sim.thaw();
  });

  test('not while keep-alives come, though no value changes', async () => {
    const { adapter, run, stop } = await start([LEVEL]);
    const ended = await Promise.race([
      run,
      new Promise((resolve) => setTimeout(() => resolve('still running'), 4_000)),
    ]);
    expect(ended).toBe('still running');
    stop.abort();
    expect(await run).toBeUndefined();
    await adapter.close();
  });

  test('a clean end leaves neither session nor subscription nor connection', async () => {
    const { adapter, run, stop } = await start([LEVEL]);
    expect(sim.counters()).toMatchObject({ sessions: 1, subscriptions: 1, connections: 1 });
    stop.abort();
    await run;
    await adapter.close();
    await until('nothing left', () => {
      const { sessions, subscriptions, connections } = sim.counters();
      return sessions + subscriptions + connections === 0;
    });
  });
});
