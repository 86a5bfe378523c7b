// Readings of the past pass as they are: they are scaled, and neither compared with what was sent of now nor remembered.

import { expect, test } from 'vitest';
import { conditioner } from '../../agent/src/conditioning/conditioner.ts';
import { batchOf, type Row, rowsOf, seconds } from './support.ts';

const past = (...rows: readonly Row[]) => ({ ...batchOf(...rows), stream: 'backfill' as const });

test('what comes by the backfill lane is scaled, never withheld, and leaves no trace', () => {
  const rule = { tag: 1, deadband: { kind: 'absolute', size: 5 }, scale: { from: [0, 10], to: [0, 100] } } as const;
  const conditioning = conditioner([rule]);
  expect(rowsOf(conditioning.apply(batchOf([1, 100, 5]), seconds(100)))).toEqual([[1, 100, 50]]);
  const told = conditioning.apply(past([1, 50, 5], [1, 51, 5.1], [2, 52, 7], [1, 53, [1, 2]]), seconds(101));
  expect(told.stream).toBe('backfill');
  expect(rowsOf(told)).toEqual([
    [1, 50, 50],
    [1, 51, 51],
    [2, 52, 7],
    [1, 53, [10, 20]],
  ]);
  // Still measured from 50, which was sent of now.
  expect(rowsOf(conditioning.apply(batchOf([1, 102, 5.4]), seconds(102)))).toEqual([]);
  expect(conditioning.withheld).toBe(1);
});
