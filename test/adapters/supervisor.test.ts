// The promises S1 to S3 of the supervisor, with adapters that do exactly as they are told.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Adapter, Sink, Source } from '../../agent/src/adapters/adapter.ts';
import { type SourceState, type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { type Batch, BatchBuilder } from '../../agent/src/model/batch.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { fromMillis, TICKS_PER_MS, type Timestamp, toMillis } from '../../agent/src/model/time.ts';

const TAGS = [3, 4];
const LATENCY = 2_000;

/** One adapter under control: the test decides when connecting and running end, and how. */
interface Scripted extends Adapter {
  readonly connecting: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<void>;
  sink: Sink | undefined;
  closes: number;
}

interface Bench {
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

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function scripted(): Scripted {
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

function bench(lastAlive: Timestamp | null = null, create?: () => Adapter): Bench {
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
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

function batch(count = 1): Batch {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++) builder.add(TAGS[i % 2]!, fromMillis(Date.now()), 0, i);
  return builder.take();
}

const stateOf = ({ source }: Bench): SourceState['state'] => source.stats().state.state;
const bad = TAGS.map((tag) => ({ tag, status: StatusCode.BadNoCommunication }));

/** Connects the newest adapter and delivers a reading. */
async function bringUp({ adapters }: Bench): Promise<Scripted> {
  const one = adapters.at(-1)!;
  one.connecting.resolve();
  await pass();
  one.sink!.deliver(batch());
  one.sink!.ready();
  return one;
}

test('S1: states follow each other as they should, each with one line that names both', async () => {
  const one = bench();
  expect(stateOf(one)).toBe('stopped');
  one.source.start();
  one.source.start();
  await pass();
  const seen = [stateOf(one)];
  const adapter = await bringUp(one);
  seen.push(stateOf(one));
  adapter.sink!.trouble(new Map([['70PT201', 'IllegalDataAddress']]));
  seen.push(stateOf(one));
  adapter.sink!.trouble(new Map([['70PT201', 'IllegalDataAddress']]));
  adapter.sink!.trouble(new Map());
  seen.push(stateOf(one));
  adapter.ended.reject(new Fault('source.timeout', 'no answer'));
  await pass();
  seen.push(stateOf(one));
  await pass(1_000);
  seen.push(stateOf(one));
  await one.source.stop();
  seen.push(stateOf(one));
  expect(seen).toEqual(['connecting', 'running', 'degraded', 'running', 'waiting', 'connecting', 'stopped']);
  const changes = one.lines.filter(({ fields }) => 'to' in fields).map(({ fields }) => [fields.from, fields.to]);
  expect(changes).toEqual(seen.map((state, i) => [i === 0 ? 'stopped' : seen[i - 1], state]));
  expect(one.adapters).toHaveLength(2);
  expect(one.adapters.map((adapter) => adapter.closes)).toEqual([1, 1]);
});

test('S1: the counters tell readings, connections and the time of the last delivery', async () => {
  const one = bench();
  expect(one.source.stats()).toMatchObject({ received: 0, connects: 0, lastReading: null, tags: 2 });
  one.source.start();
  await pass();
  const adapter = await bringUp(one);
  adapter.sink!.deliver(batch(5));
  expect(one.source.stats()).toMatchObject({ received: 6, connects: 1, lastReading: Date.now() });
  await one.source.stop();
});

test('S2: one outage is one gap that opens, one that closes, and one Bad reading for every tag', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const adapter = await bringUp(one);
  const lastSeen = Date.now();
  await pass(60_000);
  expect(one.gaps).toEqual([]);
  const before = one.readings.length;
  adapter.ended.reject(new Fault('source.closed', 'reset'));
  await pass();
  expect(one.readings.slice(before)).toEqual(bad);
  expect(one.lost).toEqual([TAGS]);
  for (let attempt = 0; attempt < 5; attempt++) {
    await pass(11_000);
    one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
    await pass();
  }
  expect(one.readings.slice(before), 'no more while it stays down').toEqual(bad);
  await pass(11_000);
  await bringUp(one);
  expect(one.gaps).toHaveLength(2);
  const [open, close] = one.gaps as [Gap, Gap];
  expect(open).toMatchObject({ reason: 'source-down', source: 'flare-plc', to: null });
  expect(close).toMatchObject({ reason: 'source-down', source: 'flare-plc', from: open.from });
  expect(toMillis(open.from), 'as far back as a reading may have been under way').toBe(lastSeen - LATENCY);
  expect(toMillis(close.to!)).toBe(Date.now());
  await one.source.stop();
  expect(one.gaps).toHaveLength(2);
});

test('S2: an outage of which nothing is missing is closed as complete; of any other the adapter is told', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const first = await bringUp(one);
  first.ended.reject(new Fault('source.closed', 'gone'));
  await pass(1_000);
  one.adapters.at(-1)!.connecting.resolve();
  await pass();
  expect(one.adapters.at(-1)!.sink!.ready(true)).toBeUndefined();
  const [begun, ended] = one.gaps.slice(-2);
  expect(ended).toEqual({ ...begun, to: expect.any(Number), complete: true });
  one.adapters.at(-1)!.ended.reject(new Fault('source.closed', 'gone'));
  await pass(1_000);
  one.adapters.at(-1)!.connecting.resolve();
  await pass();
  const outage = one.adapters.at(-1)!.sink!.ready(false);
  const told = one.gaps.at(-1);
  expect(told).toEqual({ source: expect.any(String), ...outage });
  expect(told).not.toHaveProperty('complete');
});

test('S2: the next outage is told anew', async () => {
  const one = bench();
  one.source.start();
  await pass();
  for (let outage = 1; outage <= 3; outage++) {
    const adapter = await bringUp(one);
    adapter.ended.reject(new Fault('source.closed', 'reset'));
    await pass(11_000);
    expect(one.gaps).toHaveLength(2 * outage - 1);
  }
  await bringUp(one);
  expect(one.gaps.map((gap) => gap.to === null)).toEqual([true, false, true, false, true, false]);
  expect(one.readings.filter((reading) => reading.status !== 0)).toEqual([...bad, ...bad, ...bad]);
  await one.source.stop();
});

test('S2: a source that is down from the start has a gap from the start', async () => {
  const one = bench();
  const begun = Date.now();
  one.source.start();
  await pass();
  one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
  await pass(11_000);
  expect(one.gaps).toMatchObject([{ reason: 'source-down', to: null, from: fromMillis(begun) }]);
  expect(one.readings).toEqual(bad);
  await one.source.stop();
});

test('S2: the time in which the gateway did not run is one gap, closed when the source is back', async () => {
  const alive = fromMillis(Date.now() - 3_600_000);
  const one = bench(alive);
  one.source.start();
  await pass();
  await bringUp(one);
  const gap = {
    reason: 'gateway-down',
    source: 'flare-plc',
    from: alive - LATENCY * 10_000,
    to: fromMillis(Date.now()),
  };
  expect(one.gaps).toEqual([gap]);
  expect(one.readings, 'no Bad reading: the first reading is there').toEqual([{ tag: 3, status: 0 }]);
  await one.source.stop();
});

test('S2: a gateway that comes back to a source that is down tells one gap, from when it was last alive', async () => {
  const alive = fromMillis(Date.now() - 3_600_000);
  const one = bench(alive);
  one.source.start();
  await pass();
  one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'no route'));
  await pass(11_000);
  await bringUp(one);
  const from = alive - LATENCY * 10_000;
  expect(one.gaps).toMatchObject([
    { reason: 'gateway-down', from, to: null },
    { reason: 'gateway-down', from, to: fromMillis(Date.now()) },
  ]);
  await one.source.stop();
});

test('S2: a link that breaks before all was read again marks the tags again, within the same gap', async () => {
  const one = bench();
  one.source.start();
  await pass();
  (await bringUp(one)).ended.reject(new Fault('source.closed', 'reset'));
  await pass(11_000);
  const half = one.adapters.at(-1)!;
  half.connecting.resolve();
  await pass();
  half.sink!.deliver(batch());
  half.ended.reject(new Fault('source.closed', 'reset'));
  await pass(11_000);
  expect(one.gaps).toHaveLength(1);
  expect(one.readings.slice(-2)).toEqual(bad);
  await bringUp(one);
  expect(one.gaps).toHaveLength(2);
  await one.source.stop();
});

test('S2: what an adapter says after it was closed is not taken', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const zombie = await bringUp(one);
  zombie.ended.reject(new Fault('source.closed', 'reset'));
  await pass(11_000);
  const [readings, gaps] = [one.readings.length, one.gaps.length];
  zombie.sink!.deliver(batch());
  zombie.sink!.ready();
  zombie.sink!.gap({ reason: 'source-overflow', from: 0, to: 1 });
  zombie.sink!.trouble(new Map([['x', 'y']]));
  expect([one.readings.length, one.gaps.length, stateOf(one)]).toEqual([readings, gaps, 'connecting']);
  await one.source.stop();
});

test('a gap that the adapter tells carries the name of the source', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const adapter = await bringUp(one);
  adapter.sink!.gap({ reason: 'source-overflow', from: 1, to: 2, tags: ['70PT201'] });
  expect(one.gaps).toEqual([{ reason: 'source-overflow', from: 1, to: 2, tags: ['70PT201'], source: 'flare-plc' }]);
  await one.source.stop();
});

const thrown: Record<string, unknown> = {
  'a fault': new Fault('source.refused', 'too many sessions'),
  'an error': new TypeError('x is not a function'),
  nothing: undefined,
  'a string': 'broken',
  'an object without a prototype': Object.create(null),
};
for (const [what, thing] of Object.entries(thrown)) {
  for (const where of ['create', 'connect', 'run', 'close'] as const) {
    test(`S3: ${what} thrown in ${where}, at once or later, is a wait and another attempt`, async () => {
      let made = 0;
      const one = bench(null, () => {
        const fails = (step: typeof where) => step === where && made <= 2;
        made++;
        const act = (step: typeof where): Promise<void> => {
          if (fails(step) && made === 1) throw thing;
          return fails(step) ? Promise.reject(thing) : Promise.resolve();
        };
        if (where === 'create' && made <= 2) throw thing;
        return {
          connect: () => act('connect'),
          run: (_, signal) =>
            made <= 2 && where === 'close'
              ? Promise.resolve()
              : fails('run')
                ? act('run')
                : new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
          close: () => act('close'),
        };
      });
      one.source.start();
      await pass();
      expect(stateOf(one)).toBe('waiting');
      await pass(11_000);
      await pass(11_000);
      expect(stateOf(one)).toBe('running');
      expect(made).toBe(3);
      const waited = one.lines.find(({ fields }) => fields.to === 'waiting')!;
      expect(typeof waited.fields.reason).toBe('string');
      await one.source.stop();
      expect(stateOf(one)).toBe('stopped');
    });
  }
}

test('a long outage is told at the first, second, fourth… attempt, and when its reason changes', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const levels = () => one.lines.filter(({ text }) => text === 'source not reachable').map(({ level }) => level);
  for (let i = 0; i < 6; i++) {
    one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
    await pass(2_000);
  }
  expect(levels()).toEqual(['warn', 'warn', 'debug', 'warn', 'debug', 'debug']);
  one.adapters.at(-1)!.connecting.reject(new Fault('source.refused', 'too many sessions'));
  await pass();
  expect(levels().at(-1)).toBe('warn');
  await one.source.stop();
});

test('the wait grows while a source that connects breaks at once, and is short after one that was well', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    one.adapters.at(-1)!.connecting.reject(new Fault('source.refused', 'too many sessions'));
    await pass();
    const { state } = one.source.stats();
    if (state.state === 'waiting') waits.push(state.until - Date.now());
    await pass(11_000);
  }
  expect(waits[0]).toBeLessThanOrEqual(500);
  expect(waits[5]).toBeGreaterThanOrEqual(7_000);
  // A closed port is looked at every 2 s at least.
  one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
  await pass(2_000);
  expect(stateOf(one)).toBe('connecting');
  (await bringUp(one)).ended.reject(new Fault('source.closed', 'reset'));
  await pass();
  const { state } = one.source.stats();
  expect(state.state === 'waiting' && state.until - Date.now()).toBeLessThanOrEqual(500);
  await one.source.stop();
});

test('stop is prompt while connecting, while running and while waiting, and nothing begins after it', async () => {
  for (const situation of ['connecting', 'running', 'waiting'] as const) {
    const one = bench();
    one.source.start();
    await pass();
    if (situation === 'running') await bringUp(one);
    if (situation === 'waiting') one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'no route'));
    await pass();
    expect(stateOf(one)).toBe(situation);
    let stopped = false;
    const stop = one.source.stop().then(() => (stopped = true));
    await pass(10);
    expect(stopped, situation).toBe(true);
    await stop;
    await pass(60_000);
    expect([one.adapters.length, one.adapters[0]!.closes, stateOf(one)]).toEqual([1, 1, 'stopped']);
    expect(one.gaps.filter((gap) => gap.reason === 'source-down').length).toBe(situation === 'waiting' ? 1 : 0);
  }
});

test('an adapter that heeds neither the signal nor close does not keep the gateway from ending', async () => {
  const one = bench(null, () => ({
    connect: () => new Promise(() => {}),
    run: () => Promise.resolve(),
    close: () => new Promise(() => {}),
  }));
  one.source.start();
  await pass();
  let stopped = false;
  void one.source.stop().then(() => (stopped = true));
  await pass(10_100);
  expect(stopped).toBe(true);
});

test('an adapter whose close hangs is left behind, and the source goes on with a new one', async () => {
  let made = 0;
  const one = bench(null, () => ({
    connect: () => (++made === 1 ? Promise.reject(new Fault('source.closed', 'reset')) : new Promise(() => {})),
    run: () => Promise.resolve(),
    close: () => new Promise(() => {}),
  }));
  one.source.start();
  await pass(6_000);
  await pass(1_000);
  expect([made, stateOf(one)]).toEqual([2, 'connecting']);
});

const grown = (one: Bench, retag?: Source['retag']): Source => ({
  name: 'flare-plc',
  protocol: 'modbus-tcp',
  address: '10.20.4.7:502',
  tags: [...TAGS, 5],
  latency: LATENCY,
  create: () => {
    const adapter = scripted();
    one.adapters.push(adapter);
    return adapter;
  },
  ...(retag && { retag }),
});
const CHANGE = { added: [5], gone: [] };

test('S4: an adapter that runs is told of other tags, and goes on', async () => {
  const one = bench();
  one.source.start();
  const adapter = await bringUp(one);
  const told: unknown[] = [];
  one.source.retag(
    grown(one, (...given) => told.push(given)),
    CHANGE,
  );
  await pass(60_000);
  expect(told).toEqual([[adapter, CHANGE]]);
  expect(adapter.closes).toBe(0);
  expect(one.gaps).toEqual([]);
  expect(one.source.stats().tags).toBe(3);
});

test.each([
  ['cannot be told', undefined],
  [
    'cannot take it',
    () => {
      throw new Error('too many items');
    },
  ],
])('S4: an adapter that %s is replaced at once, and the gap says why', async (_, retag) => {
  const one = bench();
  one.source.start();
  const adapter = await bringUp(one);
  const before = one.readings.length;
  one.source.retag(grown(one, retag), CHANGE);
  await pass();
  expect(adapter.closes).toBe(1);
  expect(one.adapters).toHaveLength(2);
  expect(one.gaps).toMatchObject([{ reason: 'reload', to: null }]);
  expect(one.readings.slice(before).map(({ tag }) => tag)).toEqual([3, 4, 5]);
  await bringUp(one);
  expect(one.gaps).toHaveLength(2);
  expect(one.gaps[1]).toMatchObject({ reason: 'reload', from: one.gaps[0]!.from });
  expect(one.gaps[1]!.to).not.toBeNull();
});

test('S4: while it waits, the next connection has the new tags, and the next failure marks them', async () => {
  const one = bench();
  one.source.start();
  await pass();
  one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'no route'));
  await pass();
  expect(stateOf(one)).toBe('waiting');
  one.source.retag(grown(one), CHANGE);
  await pass(20_000);
  expect(one.adapters).toHaveLength(2);
  one.adapters[1]!.connecting.reject(new Fault('source.unreachable', 'no route'));
  await pass();
  expect(one.readings.map(({ tag }) => tag)).toEqual([3, 4, 3, 4, 5]);
  expect(one.gaps).toHaveLength(1);
});

test('S4: while it connects, the attempt is begun anew with the new tags', async () => {
  const one = bench();
  one.source.start();
  await pass();
  one.source.retag(
    grown(one, () => {}),
    CHANGE,
  );
  await pass();
  expect(one.adapters[0]!.closes).toBe(1);
  expect(stateOf(one)).toBe('connecting');
  await bringUp(one);
  expect(stateOf(one)).toBe('running');
});

/** The longest wait after attempt `from` and later, until attempt `to`, of a source that fails so each time, ms. */
async function waitsOf(code: 'source.unreachable' | 'source.unready' | 'source.credentials', from: number, to: number) {
  const one = bench();
  one.source.start();
  await pass();
  let longest = 0;
  for (let attempt = 1; attempt <= to; attempt++) {
    one.adapters.at(-1)!.connecting.reject(new Fault(code, 'no'));
    await pass();
    const { state } = one.source.stats();
    if (state.state === 'waiting' && attempt >= from) longest = Math.max(longest, state.until - Date.now());
    await pass(11_000);
  }
  await one.source.stop();
  return longest;
}

test('what costs a server little is tried every two seconds, a refused login is not', async () => {
  expect(await waitsOf('source.unreachable', 1, 90)).toBeLessThanOrEqual(2_000);
  expect(await waitsOf('source.unready', 1, 60)).toBeLessThanOrEqual(2_000);
  expect(await waitsOf('source.credentials', 7, 7)).toBeGreaterThanOrEqual(7_000);
});

test('a server that takes nobody for minutes is asked more seldom', async () => {
  expect(await waitsOf('source.unready', 61, 70)).toBeGreaterThanOrEqual(7_000);
});

test('an attempt that took long itself is followed by the next one soon', async () => {
  const one = bench();
  one.source.start();
  await pass();
  for (let attempt = 1; attempt <= 6; attempt++) {
    await pass(3_500);
    one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ETIMEDOUT'));
    await pass(250);
    expect(stateOf(one)).toBe('connecting');
  }
  await one.source.stop();
});

test.each([-7_200_000, -1_500, 1_500, 7_200_000])('the clock is set by %s ms during an outage', async (step) => {
  const one = bench();
  one.source.start();
  await pass();
  const adapter = await bringUp(one);
  await pass(5_000);
  adapter.ended.reject(new Fault('source.closed', 'reset'));
  await pass(100);
  vi.setSystemTime(Date.now() + step);
  await pass(1_000);
  const back = one.adapters.at(-1)!;
  back.connecting.resolve();
  await pass();
  back.sink!.ready();
  const end = fromMillis(Date.now());
  const lasted = (LATENCY + 5_000 + 1_100) * TICKS_PER_MS;
  const [begun, closed, ...more] = one.gaps;
  expect(begun).toMatchObject({ to: null });
  expect(closed!.from).toBe(begun!.from);
  // It ends after it began; where the clock of now says otherwise, it is told by that clock, too.
  expect(closed!.to! - closed!.from).toBeGreaterThanOrEqual(lasted);
  expect(more).toEqual(
    step < -1_000 ? [{ source: 'flare-plc', reason: 'source-down', from: end - lasted, to: end }] : [],
  );
  await one.source.stop();
});
