// What is shown of a source's trouble has a bound, and its count has none.

import { expect, test } from 'vitest';
import { troubleOf } from '../../agent/src/adapters/trouble.ts';

const parts = (count: number, reason: (i: number) => string) =>
  new Map(Array.from({ length: count }, (_, i) => [`tag ${i}`, reason(i)]));

test('a hundred parts are shown as they are', () => {
  const all = parts(100, () => 'BadNodeIdUnknown');
  expect(troubleOf(all)).toEqual({ trouble: all, troubleCount: 100 });
});

test('of 5,000 the first are shown, and all are counted by reason', () => {
  const all = parts(5_000, (i) => (i % 50 === 0 ? 'BadNotReadable' : 'BadNodeIdUnknown'));
  const { trouble, troubleCount, troubleReasons } = troubleOf(all);
  expect([...trouble.keys()]).toEqual([...all.keys()].slice(0, 100));
  expect(troubleCount).toBe(5_000);
  expect([...troubleReasons!]).toEqual([
    ['BadNodeIdUnknown', 4_900],
    ['BadNotReadable', 100],
  ]);
});

test('reasons that are all different are not listed without end', () => {
  expect(troubleOf(parts(5_000, (i) => `nothing is at /Objects/${i}`)).troubleReasons?.size).toBe(20);
});
