// Steps of the clock: what counts as one, and from when to when it is told.

import { expect, test } from 'vitest';
import { fromMillis } from '../../agent/src/model/time.ts';
import { clockWatch } from '../../agent/src/store/clock-watch.ts';

const NOON = Date.UTC(2026, 10, 22, 12);

test('a clock that runs, late ticks and slewing are no steps', () => {
  const watch = clockWatch();
  let wall = NOON;
  let monotonic = 5_000;
  for (const [elapsed, drift] of [
    [0, 0],
    [1_000, 0.5],
    [90_000, 45],
    [1_000, -400],
    [1_000, 400],
  ] as const) {
    wall += elapsed + drift;
    monotonic += elapsed;
    expect(watch.look(wall, monotonic), String(drift)).toBeUndefined();
  }
});

test.each([3_600_000, -3_600_000, 501, -501])('a step of %d ms is told once, earlier time first', (by) => {
  const watch = clockWatch();
  watch.look(NOON, 5_000);
  const step = watch.look(NOON + 1_000 + by, 6_000);
  const times = [NOON + 1_000, NOON + 1_000 + by].sort((a, b) => a - b).map((ms) => fromMillis(ms));
  expect(step).toEqual({ from: times[0], to: times[1], by });
  expect(watch.look(NOON + 2_000 + by, 7_000)).toBeUndefined();
});
