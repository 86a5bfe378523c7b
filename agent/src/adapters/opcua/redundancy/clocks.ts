// How far the clocks of a set's servers are apart: every answer of a server says its time, and that it was made between
// the question and the answer. Source times of different servers mean as much as their clocks agree. Pure.

import { TICKS_PER_MS } from '../../../model/time.ts';

/** What one answer says of a server's clock; ms. */
export interface Clock {
  /** Ahead of the gateway's steady clock by this. */
  readonly offset: number;
  /** Give or take this. */
  readonly error: number;
  /** When it was asked. */
  readonly at: number;
}

/** Clocks this close count as one, ms: a site's time servers do better, and a sampling interval is longer. */
const CLOSE = 100;

/** An exact answer is taken for a better one than any newer for so long, ms; clocks drift. */
const FRESH = 30_000;

/** @param sent, received by a clock that does not jump, ms; @param said the server's time, ms since 1970 */
export function clockOf(said: number, sent: number, received: number): Clock {
  const error = (received - sent) / 2;
  return { offset: said - (sent + error), error, at: sent };
}

export const better = (old: Clock | undefined, fresh: Clock): Clock =>
  old === undefined || fresh.error <= old.error || fresh.at - old.at > FRESH ? fresh : old;

/**
 * What becomes of times when one server is left for another.
 * @returns `behind`: how far the other's clock may be behind, ticks; 0 when the two agree. `apart`: they do not, or it is
 * not known
 */
export function compare(left: Clock | undefined, next: Clock | undefined): { behind: number; apart: boolean } {
  if (left === undefined || next === undefined) return { behind: 0, apart: true };
  const error = left.error + next.error;
  const behind = left.offset - next.offset;
  if (Math.abs(behind) <= CLOSE + error) return { behind: 0, apart: false };
  return { behind: behind > 0 ? Math.ceil(behind + error) * TICKS_PER_MS : 0, apart: true };
}
