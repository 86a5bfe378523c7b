// What a standby's queue has is told from what was delivered, and clocks are compared, without servers.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { better, clockOf, compare } from '../../../../agent/src/adapters/opcua/redundancy/clocks.ts';
import { overlap } from '../../../../agent/src/adapters/opcua/subscriptions/overlap.ts';

test('each value comes once, whatever the queue kept; a full queue that does not reach back is told', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.nat(60), fc.integer({ min: 1, max: 70 }), (gaps, share, queue) => {
      let time = 0;
      const times = gaps.map((gap) => {
        time += gap;
        return time;
      });
      const delivered = Math.max(1, Math.min(share, times.length));
      const it = overlap({ latest: Float64Array.of(times[delivered - 1]!), behind: 0 });
      const kept = times.slice(-queue);
      const came = kept.filter((time) => it.isNews(0, time));
      const expected = times.slice(delivered);
      const item = { item: { position: 0 }, queue };
      if (it.short([item]).length === 0) expect(came).toEqual(expected);
      else expect(kept[0]).toBeGreaterThan(times[delivered - 1]!);
      expect(it.skipped + came.length).toBe(kept.length);
    }),
  );
});

test('a tag that never came is news; of a clock that is behind older values are news as well', () => {
  const it = overlap({ latest: Float64Array.of(Number.NEGATIVE_INFINITY, 1_000), behind: 100 });
  expect(it.isNews(0, 5)).toBe(true);
  expect(it.isNews(7, 5)).toBe(true);
  expect([850, 950, 1_000, 1_001, 990].map((time) => it.isNews(1, time))).toEqual([false, true, false, true, true]);
});

test('what the server admits to have lost is not told twice', () => {
  const it = overlap({ latest: Float64Array.of(10), behind: 0 });
  const item = { item: { position: 0 }, queue: 1 };
  expect(it.isNews(0, 20)).toBe(true);
  expect(it.short([item])).toEqual([item]);
  it.admitted(0);
  expect(it.short([item])).toEqual([]);
});

test('clocks: as exact as the answer was quick; the better answer counts, for a while', () => {
  const exact = clockOf(1_010, 0, 10);
  expect(exact).toEqual({ offset: 1_005, error: 5, at: 0 });
  const vague = clockOf(1_500, 400, 600);
  expect(better(exact, vague)).toBe(exact);
  expect(better(vague, exact)).toBe(exact);
  expect(better(exact, clockOf(40_000, 39_000, 39_500))).not.toBe(exact);
});

test('clocks that agree, are apart, or are not known', () => {
  const at = (offset: number, error = 1) => ({ offset, error, at: 0 });
  expect(compare(at(0), at(90))).toEqual({ behind: 0, apart: false });
  expect(compare(at(0), at(500))).toEqual({ behind: 0, apart: true });
  expect(compare(at(500), at(0))).toEqual({ behind: 5_020_000, apart: true });
  expect(compare(at(500, 300), at(0, 200))).toEqual({ behind: 0, apart: false });
  expect(compare(undefined, at(0))).toEqual({ behind: 0, apart: true });
});
