// Gap records that are owed: the fewest that say the same.

import { expect, test } from 'vitest';
import { fewest, owing } from '../../agent/src/buffer/owed.ts';
import type { Gap, GapReason } from '../../agent/src/model/gap.ts';

const gap = (first: number, last: number, reason: GapReason = 'buffer-full', count: number | null = last - first + 1) =>
  ({
    reason,
    from: first,
    to: last,
    ...(count !== null && { count }),
    range: { epoch: 'e', first, last },
  }) satisfies Gap;

test('numbers that follow each other and were lost for one reason are one record', () => {
  expect(owing([gap(1, 10)], gap(11, 20))).toEqual([gap(1, 20)]);
  expect(owing([gap(1, 10)], gap(12, 20))).toEqual([gap(1, 10), gap(12, 20)]);
  expect(owing([gap(1, 10)], gap(11, 20, 'buffer-age'))).toHaveLength(2);
  expect(owing([gap(1, 10)], gap(11, 20, 'buffer-full', null)), 'an unknown count stays unknown').toHaveLength(2);
  const other: Gap = { ...gap(11, 20), range: { epoch: 'another', first: 11, last: 20 } };
  expect(owing([gap(1, 10)], other)).toHaveLength(2);
});

test('in whatever order they came; the record about a whole file stays', () => {
  const aside: Gap = { reason: 'buffer-damaged', from: 0, to: 5 };
  expect(fewest([gap(21, 30), gap(1, 10), aside, gap(11, 20)])).toEqual([aside, gap(1, 30)]);
});
