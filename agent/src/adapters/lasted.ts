// How long something was not known, where the clock may have been set meanwhile. Pure.

import { TICKS_PER_MS, type Timestamp } from '../model/time.ts';

/** Clocks that differ by less were not set. */
const STEP = 500 * TICKS_PER_MS;

export interface Span {
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/**
 * The time from `from` to `to`, by a clock that people may set, of something that lasted so many ms by the steady clock.
 * Two where the clock was set back: by the clock of now it was at another time. None ends before it begins.
 */
export function spansOf(from: Timestamp, to: Timestamp, ms: number): readonly [Span, ...Span[]] {
  const lasted = Math.round(ms * TICKS_PER_MS);
  if (to > from + lasted - STEP) return [{ from, to: Math.max(from, to) }];
  return [
    { from, to: from + lasted },
    { from: to - lasted, to },
  ];
}
