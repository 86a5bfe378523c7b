// Chance that can be repeated: every storm prints its seed, and SEED=<number> runs the same one again.

export interface Chance {
  readonly seed: number;
  /** A whole number from `low` to `high`, both included. */
  within(low: number, high: number): number;
  /** True with this probability. */
  happens(probability: number): boolean;
}

/** @param seed default: SEED of the environment, or a new one */
export function chance(seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))): Chance {
  // mulberry32: 32 bits of state are enough for a storm.
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    seed,
    within: (low, high) => low + Math.floor(next() * (high - low + 1)),
    happens: (probability) => next() < probability,
  };
}
