// The rule of an overload: what is lost lies within a gap record, and so does what gap records beyond the bound told.

import { expect, test } from 'vitest';
import { BatchBuilder, gapBatch } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { fromMillis } from '../../agent/src/model/time.ts';
import { overload } from '../../agent/src/store/overload.ts';

const BEGUN = fromMillis(Date.UTC(2026, 10, 23));
const HOUR = 3_600_000 * 10_000;

const down = (from: number, to: number | null): Gap => ({ reason: 'source-down', source: 'flare-plc', from, to });

test('of each tag the newest reading is kept, and the others are lost', () => {
  const one = overload(BEGUN);
  const builder = new BatchBuilder();
  for (let i = 0; i < 6; i++) builder.add(i % 2, BEGUN + i, 0, i);
  expect(one.refuse(builder.take())).toBe(4);
  const { count, number, gaps } = one.end(BEGUN + 10);
  expect([...number.subarray(0, count)]).toEqual([4, 5]);
  expect(gaps).toEqual([{ reason: 'store-overload', from: BEGUN, to: BEGUN + 10, count: 4 }]);
});

test('the time of gap records beyond the bound lies within the one about the overload', () => {
  const one = overload(BEGUN);
  const kept = Array.from({ length: 10_000 }, (_, i) => down(BEGUN + i, BEGUN + i + 1));
  one.refuse(gapBatch(kept));
  expect(one.end(BEGUN + HOUR).gaps).toEqual(kept);
  one.refuse(gapBatch([down(BEGUN - HOUR, BEGUN - 5), down(BEGUN + 5, null)]));
  const { gaps } = one.end(BEGUN + HOUR);
  expect(gaps).toHaveLength(10_001);
  expect(gaps.at(-1)).toEqual({ reason: 'store-overload', from: BEGUN - HOUR, to: BEGUN + HOUR, count: 0 });
});
