// A pace: so many a second at most, evenly, with a twentieth of a second's worth at once. Pure but for what it
// remembers; the caller brings the time.

export interface Pace {
  /** How long until the next may go, ms; 0: now. */
  wait(now: number): number;
  /** So many went. More than were due are paid back by a longer wait. */
  spend(now: number, count: number): void;
}

/** @param perSecond undefined: no limit */
export function pace(perSecond: number | undefined): Pace {
  if (perSecond === undefined) return { wait: () => 0, spend: () => {} };
  const most = Math.max(1, perSecond / 20);
  let left = most;
  let at = Number.NEGATIVE_INFINITY;
  const refill = (now: number) => {
    left = Math.min(most, left + (Math.max(0, now - at) / 1_000) * perSecond);
    at = now;
  };
  return {
    wait(now) {
      refill(now);
      // Rounding must not leave a wait too short to pass.
      return left >= 1 - 1e-6 ? 0 : ((1 - left) / perSecond) * 1_000;
    },
    spend(now, count) {
      refill(now);
      left -= count;
    },
  };
}
