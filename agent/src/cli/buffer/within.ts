// The part of a segment that lies in a range of time. Numbers stay with their entries: what is left is runs.

import type { Numbered } from '../../delivery/queue.ts';
import { slice } from '../../model/batch.ts';
import type { Timestamp } from '../../model/time.ts';

/** Readings with `from` ≤ time < `to`, and gap records that overlap it, as runs of consecutive numbers. */
export function within({ first, batch }: Numbered, from: Timestamp, to: Timestamp): Numbered[] {
  const { count, time, gaps } = batch;
  const wanted = (i: number): boolean => {
    if (i < count) return (time[i] as number) >= from && (time[i] as number) < to;
    const gap = gaps[i - count];
    return gap !== undefined && gap.from < to && (gap.to ?? Number.POSITIVE_INFINITY) >= from;
  };
  const total = count + gaps.length;
  const runs: Numbered[] = [];
  for (let i = 0; i < total; ) {
    if (!wanted(i)) {
      i++;
      continue;
    }
    let end = i + 1;
    while (end < total && wanted(end)) end++;
    runs.push({ first: first + i, batch: slice(batch, i, end) });
    i = end;
  }
  return runs;
}
