// The set of numbers against a plain Set, whatever is added in whatever order.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countOf, Numbers } from '../../agent/src/audit/numbers.ts';

const range = fc.tuple(fc.nat(60), fc.nat(12)).map(([first, more]) => [first, first + more] as const);

test('it holds what a Set holds, and says what was new', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), fc.nat(80), (ranges, from) => {
      const numbers = new Numbers();
      const set = new Set<number>();
      for (const [first, last] of ranges) {
        const before = set.size;
        for (let n = first; n <= last; n++) set.add(n);
        expect(numbers.add(first, last)).toBe(set.size - before);
      }
      expect(numbers.size).toBe(set.size);
      expect(countOf(numbers.ranges)).toBe(set.size);
      for (let n = 0; n < 80; n++) expect(numbers.has(n)).toBe(set.has(n));
      const greatest = Math.max(-1, ...set);
      const expected = (start: number) => {
        let missing = 0;
        for (let n = start; n < greatest; n++) if (!set.has(n)) missing++;
        return missing;
      };
      expect(countOf(numbers.holes(from))).toBe(expected(from));
      expect(countOf(numbers.holes())).toBe(expected(Math.min(...set, 80)));
    }),
  );
});

test('ranges that touch are one', () => {
  const numbers = new Numbers();
  numbers.add(1, 3);
  numbers.add(7, 9);
  numbers.add(4, 6);
  expect(numbers.ranges).toEqual([{ first: 1, last: 9 }]);
});
