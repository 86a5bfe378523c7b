// A gap record as text: the same fields in every JSON format of ours, so that a consumer learns them once.

import type { Gap } from '../../model/gap.ts';
import { formatTime } from '../../model/time.ts';

/** The fields of the record and the closing brace, to be put behind `{` or `{"gateway":…,`. */
export function gapFields(gap: Gap, seq: number): string {
  const { reason, source, tags, from, to, count, recovered, complete, range } = gap;
  return JSON.stringify({
    gap: reason,
    source,
    tags,
    from: formatTime(from),
    to: to === null ? null : formatTime(to),
    count,
    recovered,
    complete,
    range,
    seq,
  }).slice(1);
}
