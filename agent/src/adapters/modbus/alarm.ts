// One alarm clock for all units of a source. Units that wait for the same moment are woken together and always in the
// same order, so that each has the same place in every cycle; timers of their own would fire in any order and move a
// unit on a slow line by as much as its neighbours' requests take.

/** A timer cannot run for longer than 24 days. */
const LONGEST_MS = 3_600_000;

interface Sleeper {
  /** Monotonic ms. */
  readonly until: number;
  readonly order: number;
  readonly wake: () => void;
}

export class Alarm {
  #sleepers: Sleeper[] = [];
  #timer: NodeJS.Timeout | undefined;
  #set = Number.POSITIVE_INFINITY;
  #over = false;

  /** Resolves at `until` (monotonic ms), or when the alarm is ended. @param order among those woken together */
  sleep(until: number, order: number): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((wake) => {
      this.#sleepers.push({ until, order, wake });
      if (until < this.#set) this.#arm(until);
    });
  }

  /** Wakes who has this order before the time: there is something new to do. */
  rouse(order: number): void {
    const roused = this.#sleepers.filter((sleeper) => sleeper.order === order);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.order !== order);
    for (const { wake } of roused) wake();
  }

  /** Wakes everybody, now and for good. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    for (const { wake } of this.#sleepers.splice(0)) wake();
  }

  #arm(until: number): void {
    clearTimeout(this.#timer);
    this.#set = until;
    const pause = Math.ceil(until - performance.now());
    this.#timer = setTimeout(() => this.#ring(), Math.min(LONGEST_MS, Math.max(0, pause)));
  }

  #ring(): void {
    const now = performance.now();
    const due = this.#sleepers.filter(({ until }) => until <= now);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > now);
    this.#set = Number.POSITIVE_INFINITY;
    const next = this.#sleepers.reduce((least, { until }) => Math.min(least, until), Number.POSITIVE_INFINITY);
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
    for (const { wake } of due.sort((a, b) => a.order - b.order)) wake();
  }
}
