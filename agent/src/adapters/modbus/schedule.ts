// When a group of requests is due: a fixed rate on the monotonic clock, in slots counted from one common origin, so
// that nothing drifts. Within a source groups of the same interval stay together; sources are spread over the interval,
// or all connections of a gateway would ask in the same instant and wait for each other. Slots that were missed are
// never made up for. Pure: the time is passed in.

/**
 * Where in every interval a source has its slots, as a share of the interval: the same after every start, and spread
 * evenly over the names of sources (FNV-1a, and a last mixing because names often differ in their last letter alone).
 */
export function phaseOf(source: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < source.length; i++) hash = Math.imul(hash ^ source.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** In monotonic ms. */
export class Slots {
  readonly #origin: number;
  readonly #period: number;
  /** Slots in time that make it well again: ten, and ten seconds of them, so that a word on it does not flicker. */
  readonly #calm: number;
  #due: number;
  #late = 0;
  #inTime = 0;
  #missed = 0;

  /** What is due first is due at `start`, between the slots; the slot that is a period later, more or less, comes next. */
  constructor(origin: number, period: number, start: number) {
    this.#origin = origin;
    this.#period = period;
    this.#calm = Math.max(10, 10_000 / period);
    this.#due = start;
  }

  /** Begin of the slot that comes next, or that has come; of the first, when it was to begin. */
  get due(): number {
    return this.#due;
  }

  /** Slots that were left out because the work of those before took too long, since the start. */
  get missed(): number {
    return this.#missed;
  }

  /**
   * The slot's work is done. Its successor is the next slot, or the one that has begun meanwhile.
   * @returns whether the rate is kept: false after three overruns in a row, true again when slots have been in time for a while
   */
  done(now: number): boolean {
    const next = this.#slotAt(this.#due + 1.5 * this.#period);
    const current = this.#slotAt(now);
    this.#due = Math.max(next, current);
    if (current > next) {
      this.#missed += Math.round((current - next) / this.#period);
      this.#late = Math.min(3, this.#late + 1);
      this.#inTime = 0;
    } else if (this.#late > 0) {
      this.#inTime++;
      if (this.#late < 3 || this.#inTime >= this.#calm) this.#late = 0;
    }
    return this.#late < 3;
  }

  /** Goes on from the slot of this instant, after a time when nothing was to be done. */
  resume(now: number): void {
    this.#due = Math.max(this.#due, this.#slotAt(now));
  }

  #slotAt(now: number): number {
    return this.#origin + Math.floor((now - this.#origin) / this.#period) * this.#period;
  }
}
