// Readings of the past pass as they are: they are scaled, and neither compared with what was sent of now nor remembered.

import { expect, test } from 'vitest';
import { conditioner } from '../../agent/src/conditioning/conditioner.ts';
import { BatchBuilder, Kind } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
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

test('a reading of the past becomes what it would have become at its time', () => {
  const rule = { tag: 1, scale: { from: [0, 10], to: [0, 100] }, clamp: [0, 100] } as const;
  const bad = StatusCode.BadSensorFailure;
  const rows: Row[] = [
    [1, 1, 5],
    [1, 2, Number.NaN],
    [1, 3, 11],
    [1, 4, -1],
    [1, 5, 11, bad],
    [1, 6, null, bad],
    [1, 7, 'text'],
  ];
  const then = conditioner([rule]).apply(batchOf(...rows), seconds(10));
  expect(rowsOf(conditioner([rule]).apply(past(...rows), seconds(10)))).toEqual(rowsOf(then));
});

test('a 32-bit float within its clamp stays one', () => {
  const builder = new BatchBuilder();
  builder.push(1, seconds(1), StatusCode.Good, Kind.Float32, Math.fround(12.31));
  const told = conditioner([{ tag: 1, clamp: [0, 100] }]).apply(builder.take('backfill'), seconds(2));
  expect([told.kind[0], told.number[0]]).toEqual([Kind.Float32, Math.fround(12.31)]);
});
