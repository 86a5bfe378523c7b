// The pace of a lane: evenly, and never more than was asked for.

import { expect, test } from 'vitest';
import { pace } from '../../agent/src/delivery/pace.ts';

/** What goes in `seconds` when somebody always waits. */
function gone(perSecond: number, seconds: number): number {
  const one = pace(perSecond);
  let count = 0;
  for (let now = 0; now < seconds * 1_000; ) {
    const wait = one.wait(now);
    if (wait > 0) now += wait;
    else {
      one.spend(now, 1);
      count++;
    }
  }
  return count;
}

test.each([0.5, 1, 7, 100, 1_000])('%d a second are as many', (perSecond) => {
  const count = gone(perSecond, 60);
  expect(count).toBeLessThanOrEqual(perSecond * 60 + Math.max(1, perSecond / 20) + 1);
  expect(count).toBeGreaterThanOrEqual(perSecond * 60 - 1);
});

test('more than were due are paid back, an idle hour is not saved up', () => {
  const one = pace(10);
  expect(one.wait(0)).toBe(0);
  one.spend(0, 5);
  expect(one.wait(0)).toBeCloseTo(500);
  expect(one.wait(3_600_000)).toBe(0);
  one.spend(3_600_000, 1);
  expect(one.wait(3_600_000)).toBeCloseTo(100);
});

test('no limit never waits', () => {
  const one = pace(undefined);
  one.spend(0, 1e9);
  expect(one.wait(0)).toBe(0);
});
