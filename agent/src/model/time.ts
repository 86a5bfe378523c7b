// Timestamps. One double holds a whole OPC UA DateTime: 100-ns ticks since 2020-01-01T00:00:00Z. Every instant
// from 1991 to 2048 is exact (|ticks| < 2^53), so a batch needs one Float64Array for its time column and no
// BigInt; outside that range the resolution falls to 200 ns and slowly further, which no plant notices.

/** 100-ns ticks since 2020-01-01T00:00:00Z. */
export type Timestamp = number;

export const TICKS_PER_MS = 10_000;

const EPOCH_MS = Date.UTC(2020, 0, 1);

/** @param ms milliseconds since 1970 (as `Date.now()`), @param ticks 100-ns ticks beyond the millisecond, 0..9999 */
export function fromMillis(ms: number, ticks = 0): Timestamp {
  return (ms - EPOCH_MS) * TICKS_PER_MS + ticks;
}

/** Whole milliseconds since 1970, rounded down. */
export function toMillis(time: Timestamp): number {
  return Math.floor(time / TICKS_PER_MS) + EPOCH_MS;
}

/** The gateway's wall clock now. */
export function now(): Timestamp {
  return fromMillis(Date.now());
}

/**
 * ISO 8601 in UTC: three decimals, seven when the instant has a part below the millisecond.
 * An instant that a Date cannot hold (beyond the year 275760) is clamped to it.
 */
export function formatTime(time: Timestamp): string {
  const ms = toMillis(time);
  const text = new Date(Math.max(-8.64e15, Math.min(8.64e15, ms))).toISOString();
  const ticks = time - (ms - EPOCH_MS) * TICKS_PER_MS;
  // Far from 2020 the subtraction is rounded and its result may be no part of a millisecond.
  const whole = !(ticks > 0 && ticks < TICKS_PER_MS);
  return whole ? text : `${text.slice(0, -1)}${String(ticks).padStart(4, '0')}Z`;
}
