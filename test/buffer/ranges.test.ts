import fc from 'fast-check';
import { expect, test } from 'vitest';
import { add, covers, type Range, remove, size } from '../../agent/src/buffer/ranges.ts';

const LIMIT = 40;
const span = fc.tuple(fc.nat(LIMIT), fc.nat(8)).map(([first, length]) => [first, first + length] as const);
const change = fc.tuple(fc.boolean(), span);

test('ranges behave as the set of their numbers, and stay sorted, disjoint and apart', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), span, (changes, [first, last]) => {
      let ranges: Range[] = [];
      const numbers = new Set<number>();
      for (const [adding, [a, b]] of changes) {
        ranges = adding ? add(ranges, a, b) : remove(ranges, a, b);
        for (let n = a; n <= b; n++) adding ? numbers.add(n) : numbers.delete(n);
      }
      const held = ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i));
      expect(held).toEqual([...numbers].sort((a, b) => a - b));
      for (let i = 1; i < ranges.length; i++) expect(ranges[i]![0]).toBeGreaterThan(ranges[i - 1]![1] + 1);
      expect(size(ranges)).toBe(numbers.size);
      const all = Array.from({ length: last - first + 1 }, (_, i) => first + i).every((n) => numbers.has(n));
      expect(covers(ranges, first, last)).toBe(all);
    }),
    { numRuns: 500 },
  );
});

test('adding an empty range changes nothing', () => {
  expect(add([[1, 2]], 5, 4)).toEqual([[1, 2]]);
});
