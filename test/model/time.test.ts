import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTime, fromMillis, now, TICKS_PER_MS, toMillis } from '../../agent/src/model/time.ts';

const FIRST = Date.UTC(1991, 6, 1);
const LAST = Date.UTC(2048, 6, 1);

test('every 100 ns from 1991 to 2048 is exact: millis and ticks come back, and so does the text', () => {
  fc.assert(
    fc.property(fc.integer({ min: FIRST, max: LAST }), fc.integer({ min: 0, max: TICKS_PER_MS - 1 }), (ms, ticks) => {
      const time = fromMillis(ms, ticks);
      expect(Number.isSafeInteger(time)).toBe(true);
      expect(toMillis(time)).toBe(ms);
      expect(time - fromMillis(ms)).toBe(ticks);
      const text = formatTime(time);
      expect(text).toMatch(ticks === 0 ? /^.{20}\d{3}Z$/ : /^.{20}\d{7}Z$/);
      expect(Date.parse(`${text.slice(0, 23)}Z`)).toBe(ms);
      expect(Number(text.slice(23, -1))).toBe(ticks);
    }),
    { numRuns: 1_000 },
  );
});

test('texts sort as their instants do', () => {
  const instant = fc.integer({ min: fromMillis(FIRST), max: fromMillis(LAST) });
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      const [earlier, later] = [Math.min(a, b), Math.max(a, b)];
      expect(formatTime(earlier).slice(0, -1) <= formatTime(later).slice(0, -1)).toBe(true);
    }),
  );
});

test('an instant beyond what a Date holds is clamped, and none is written malformed', () => {
  expect(formatTime(1e300)).toBe('+275760-09-13T00:00:00.000Z');
  expect(formatTime(-1e300)).toBe('-271821-04-20T00:00:00.000Z');
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (time) => {
      expect(formatTime(Math.trunc(time))).toMatch(/^([+-]\d{6}|\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{4})?Z$/);
    }),
  );
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1.4e17, max: 2.6e17 }), (time) => {
      expect(formatTime(Math.trunc(time)), 'a DateTime from 1601 to 9999').toMatch(/^\d{4}-[^+]*\.\d{3}(\d{4})?Z$/);
    }),
  );
});

test('now is the wall clock', () => {
  const before = Date.now();
  const time = toMillis(now());
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
});
