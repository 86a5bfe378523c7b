import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ABSENT, RECONNECT, wait } from '../../agent/src/model/backoff.ts';

test('every wait lies between the jittered minimum and the maximum, however often it was tried', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, random) => {
        const ms = wait(RECONNECT, attempt, random);
        expect(ms).toBeGreaterThanOrEqual(Math.floor(RECONNECT.initial * (1 - RECONNECT.jitter)));
        expect(ms).toBeLessThanOrEqual(RECONNECT.max);
        expect(Number.isInteger(ms)).toBe(true);
      },
    ),
  );
});

test('without jitter it doubles up to the maximum', () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((attempt) => wait(RECONNECT, attempt, 0))).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
  ]);
});

test('jitter spreads gateways that lost the same server over a third of the wait', () => {
  const waits = [0, 0.25, 0.5, 0.75, 1].map((random) => wait(RECONNECT, 4, random));
  expect(waits).toEqual([4_000, 3_700, 3_400, 3_100, 2_800]);
});

test('a peer that is absent is looked for often enough to be found within 3 s of its return', () => {
  for (const attempt of [1, 5, 1_000]) expect(wait(ABSENT, attempt, 0)).toBeLessThanOrEqual(2_000);
});
