// What a change of the mapping does to conditioning: the tags that it names follow their new rule, all others keep
// what was last sent of them.

import { describe, expect, it } from 'vitest';
import { conditioner } from '../../agent/src/conditioning/conditioner.ts';
import { batchOf, rowsOf, seconds } from './support.ts';

const band = (tag: number, size: number) => ({ tag, deadband: { kind: 'absolute', size } }) as const;

describe('a change of the rules', () => {
  it('holds for the tags that it names, and others keep their reference', () => {
    const room = conditioner([band(4, 1), band(5, 1)]);
    room.apply(batchOf([4, 1, 10], [5, 1, 10]), 0);
    expect(room.change([band(4, 0.1)], [])).toBeUndefined();
    const out = room.apply(batchOf([4, 2, 10.5], [5, 2, 10.5]), 0);
    expect(rowsOf(out)).toEqual([[4, 2, 10.5]]);
  });

  it('makes room for tags on both sides of those known', () => {
    const room = conditioner([band(4, 1)]);
    room.apply(batchOf([4, 1, 10]), 0);
    room.change([band(1, 1), band(9, 1)], []);
    expect(rowsOf(room.apply(batchOf([1, 1, 5], [4, 2, 10.5], [9, 1, 7]), 0))).toEqual([
      [1, 1, 5],
      [9, 1, 7],
    ]);
    expect(rowsOf(room.apply(batchOf([1, 2, 5.5], [4, 3, 12], [9, 2, 7.5]), 0))).toEqual([[4, 3, 12]]);
  });

  it('begins where there was no rule at all', () => {
    const room = conditioner([]);
    room.change([band(7, 1)], []);
    expect(rowsOf(room.apply(batchOf([7, 1, 5], [7, 2, 5.5]), 0))).toEqual([[7, 1, 5]]);
  });

  it('lifts a rule with an empty one, and sends what its door held', () => {
    const room = conditioner([{ tag: 2, swingingDoor: 1 }]);
    room.apply(batchOf([2, 1, 5], [2, 2, 5.1]), 0);
    expect(rowsOf(room.change([{ tag: 2 }], []))).toEqual([[2, 2, 5.1]]);
    const batch = batchOf([2, 3, 5.1], [2, 4, 5.1]);
    expect(room.apply(batch, 0)).toBe(batch);
  });

  it('sends what the door of a tag held that is gone, and repeats it no more', () => {
    const room = conditioner([
      { tag: 2, swingingDoor: 1, heartbeat: 1_000 },
      { tag: 3, heartbeat: 1_000 },
    ]);
    room.apply(batchOf([2, 1, 5], [2, 2, 5.1], [3, 1, 8]), seconds(2));
    expect(rowsOf(room.change([], [2]))).toEqual([[2, 2, 5.1]]);
    expect(rowsOf(room.due(seconds(4)))).toEqual([[3, 4, 8]]);
  });

  it('knows the range that the source told for the deadband before', () => {
    const percent = (size: number) => ({ tag: 0, deadband: { kind: 'percent', size } }) as const;
    const room = conditioner([percent(10)]);
    room.describe(0, { range: [0, 100] });
    room.apply(batchOf([0, 1, 50]), 0);
    room.change([percent(20)], []);
    expect(rowsOf(room.apply(batchOf([0, 2, 65], [0, 3, 75]), 0))).toEqual([[0, 3, 75]]);
  });
});
