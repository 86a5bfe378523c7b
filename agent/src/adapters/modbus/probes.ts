// When a unit that is left out may be asked again, and for how long it may keep the line: dead units must not cost the
// living their polls. Pure: the time is passed in. What it promises:
//
// P1  One probe at a time on a line.
// P2  A probe goes into a gap, when nothing is due, and is over before the next request is due: it costs nothing. A
//     unit that answers as fast as its neighbours is found that way.
// P3  What cannot go into a gap (a slow unit, a line that is never idle) is charged to an account that grows by a
//     hundredth of the time: so much, and no more, do dead units ever cost the living.

/** Share of the time that probes may take from requests that are due. */
const SHARE = 1 / 100;
/** Least that a probe waits for its reply, ms. */
const LEAST_MS = 20;
/** What is kept free between the end of a probe and the next request, for a new connection, ms. */
const MARGIN_MS = 5;
/** How soon a probe that found no gap looks again, ms. */
const AGAIN_MS = 25;
/** How long a probe waits for a gap before it is charged, ms. */
const GAP_PATIENCE_MS = 1_000;
/** Short probes in vain before one waits for its reply as long as any request. */
const SHORT_ONES = 3;

export type Leave =
  /** ms until asking again makes sense */
  | { readonly wait: number }
  /** The probe may begin, and must be over after so many ms. */
  | { readonly timeout: number };

export class Probes {
  readonly #timeout: number;
  readonly #due: () => number;
  #busy = false;
  /** ms that probes may take from others */
  #account: number;
  #credited: number;
  /** ms that a reply takes at its fastest, about */
  #reply = Number.POSITIVE_INFINITY;

  /**
   * @param timeout ms that any request waits for its reply
   * @param due when the next request of a unit that is well is due, monotonic ms; in the past when one waits
   */
  constructor(timeout: number, due: () => number, now: number) {
    this.#timeout = timeout;
    this.#due = due;
    this.#account = timeout;
    this.#credited = now;
  }

  /** A reply took so many ms, waiting for its turn included. */
  replied(took: number): void {
    // The fastest reply had to wait for nobody; the memory of it fades, because a line can become slower.
    this.#reply = Math.min(took, this.#reply * 1.05);
  }

  /**
   * Whether a probe that is due since `since` may begin now.
   * @param vain probes of this unit in vain
   */
  ask(now: number, since: number, vain: number): Leave {
    this.#account = Math.min(2 * this.#timeout, this.#account + (now - this.#credited) * SHARE);
    this.#credited = now;
    if (this.#busy) return { wait: AGAIN_MS };
    const gap = this.#due() - now - MARGIN_MS;
    const enough = Math.min(this.#timeout, Math.max(LEAST_MS, 4 * this.#reply));
    if (gap >= this.#timeout) return this.#begin(this.#timeout);
    const long = vain >= SHORT_ONES && vain % (SHORT_ONES + 1) === SHORT_ONES;
    if (long && this.#account >= this.#timeout - Math.max(0, gap)) return this.#begin(this.#timeout);
    if (gap >= enough) return this.#begin(gap);
    if (now - since >= GAP_PATIENCE_MS && this.#account >= enough) return this.#begin(enough);
    return { wait: AGAIN_MS };
  }

  /** The probe is over. @returns ms for which it kept others waiting */
  ended(now: number, begun: number): number {
    this.#busy = false;
    const cost = Math.max(0, Math.min(now - begun, now - this.#due()));
    this.#account -= cost;
    return cost;
  }

  #begin(timeout: number): Leave {
    this.#busy = true;
    return { timeout };
  }
}
