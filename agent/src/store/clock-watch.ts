// Steps of the wall clock: it is compared with the monotonic clock, which nobody sets. A drift that NTP slews away
// stays far below what counts here.

import { fromMillis, type Timestamp } from '../model/time.ts';

/** A difference between two looks beyond this is a step, ms. */
const LEAST_STEP = 500;

export interface ClockStep {
  /** The earlier and the later of the two times: what the clock would have shown, and what it shows. */
  readonly from: Timestamp;
  readonly to: Timestamp;
  /** Ahead (positive) or back, ms. */
  readonly by: number;
}

/** The first look is the reference of the second, and so on: only what happened between two looks is told. */
export function clockWatch() {
  let offset: number | undefined;
  return {
    /** @param wall ms since 1970, @param monotonic ms since any beginning; read together */
    look(wall: number, monotonic: number): ClockStep | undefined {
      const before = offset ?? wall - monotonic;
      offset = wall - monotonic;
      const by = Math.round(offset - before);
      if (Math.abs(by) <= LEAST_STEP) return undefined;
      return { from: fromMillis(Math.min(wall, wall - by)), to: fromMillis(Math.max(wall, wall - by)), by };
    },
  };
}
