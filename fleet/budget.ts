// What the service lets us do in a minute. Counted from the end of each call, so that however long a call is on its way
// the service never sees more than `limit` within any minute. Others may use the same hub: 429 is still to be expected.

import type { Clock } from './clock.ts';

const MINUTE = 60_000;

export class Budget {
  readonly #clock: Clock;
  readonly #limit: number;
  /** Ends of the calls of the last minute, in order. */
  #ended: number[] = [];
  #running = 0;

  /** @param limit calls a minute */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Does `work` when the minute has room for it. */
  async spend<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      const now = this.#clock.now();
      this.#ended = this.#ended.filter((at) => at > now - MINUTE);
      if (this.#ended.length + this.#running < this.#limit) break;
      await this.#clock.sleep(Math.max(100, (this.#ended[0] ?? now) + MINUTE - now), signal);
    }
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#ended.push(this.#clock.now());
    }
  }
}

/** The most of `times` that fall into one minute. @param times in order, ms */
export function busiestMinute(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [i, at] of times.entries()) {
    while (times[first]! <= at - MINUTE) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}
