// Which server of a redundant set is used, without servers: time and levels as the test says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooser, healthOf } from '../../../../agent/src/adapters/opcua/redundancy/chooser.ts';

const limits = { steady: 1_000, dwell: 10_000 };

test('classes of ServiceLevel', () => {
  const levels = [undefined, 0, 1, 2, 199, 200, 255];
  expect(levels.map(healthOf)).toEqual([
    'unreachable',
    'maintenance',
    'no-data',
    'degraded',
    'degraded',
    'healthy',
    'healthy',
  ]);
});

test('among equals the one in use stays, then the first of the mapping', () => {
  const it = chooser(3, limits);
  for (const server of [0, 1, 2]) it.hear(server, 255, 0);
  expect(it.order()).toEqual([0, 1, 2]);
  it.use(2, 0);
  expect(it.order()).toEqual([2, 0, 1]);
  it.hear(0, 255, 5_000);
  it.hear(2, 210, 5_000);
  expect(it.better(2, 60_000)).toBeUndefined(); // a higher number in the same class is no reason
});

test('one that is better for long enough is changed to; one without data is left at once', () => {
  const it = chooser(2, limits);
  it.hear(0, 150, 0);
  it.hear(1, 255, 0);
  expect(it.better(0, 999)).toBeUndefined();
  expect(it.better(0, 1_000)).toBe(1);
  it.hear(0, 255, 2_000);
  it.hear(0, 1, 2_500);
  expect(it.better(0, 2_500)).toBe(1);
});

test('however levels flap, changes between working servers are as far apart as they must be', () => {
  const level = fc.constantFrom(undefined, 0, 1, 100, 255);
  const step = fc.record({ server: fc.nat(2), level, after: fc.nat(2_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const it = chooser(3, limits);
      let now = 0;
      let used = 0;
      let last = Number.NEGATIVE_INFINITY;
      for (const { server, level, after } of steps) {
        now += after;
        it.hear(server, level, now);
        const next = it.better(used, now);
        if (next === undefined) continue;
        const works = ['degraded', 'healthy'].includes(healthOf(it.level(used)));
        if (works) expect(now - last).toBeGreaterThanOrEqual(limits.dwell);
        it.use(next, now);
        used = next;
        last = now;
      }
    }),
  );
});
