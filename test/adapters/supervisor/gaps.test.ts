// S2: an outage is one gap record that opens and one that closes, whatever the adapter or the clock does.

import { expect, test, vi } from 'vitest';
import { Fault } from '../../../agent/src/model/fault.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { fromMillis, TICKS_PER_MS, toMillis } from '../../../agent/src/model/time.ts';
import { bad, batch, bench, bringUp, LATENCY, pass, stateOf, TAGS } from './rig.ts';

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

test('S2: a source that is stopped during an outage closes its record: nobody else would', async () => {
  const one = bench();
  one.source.start();
  await pass();
  (await bringUp(one)).ended.reject(new Fault('source.closed', 'reset'));
  await pass(60_000);
  const [open] = one.gaps as [Gap];
  expect(open).toMatchObject({ reason: 'source-down', to: null });
  await one.source.stop();
  expect(one.gaps.slice(1)).toEqual([{ ...open, to: fromMillis(Date.now()) }]);
});

test('S2: what is not known from before is told also by a source that is stopped before its first attempt ends', async () => {
  const alive = fromMillis(Date.now() - 3_600_000);
  const one = bench(alive);
  one.source.start();
  await pass(5_000);
  expect(one.gaps).toEqual([]);
  await one.source.stop();
  const from = alive - LATENCY * 10_000;
  expect(one.gaps).toEqual([{ reason: 'gateway-down', source: 'flare-plc', from, to: fromMillis(Date.now()) }]);
});
