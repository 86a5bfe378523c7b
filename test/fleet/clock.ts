// A clock that runs 1000 times as fast as the machine's.

import { type Clock, systemClock } from '../../fleet/clock.ts';

const FACTOR = 1_000;

/** @param origin when both times were the same: processes that share it share the time */
export function fastClock(origin: number, factor = FACTOR): Clock {
  return {
    now: () => origin + (Date.now() - origin) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
