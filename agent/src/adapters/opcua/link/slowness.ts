// How slow a server has been lately: the longest time that counts, and half as much of it a minute later.

/** What was long ago counts half for each of these, ms. */
const HALF = 60_000;

export interface Slowness {
  note(ms: number): void;
  /** ms */
  readonly longest: number;
}

export function slowness(): Slowness {
  let took = 0;
  let at = 0;
  const longest = () => took * 2 ** ((at - performance.now()) / HALF);
  return {
    note(ms) {
      if (ms < longest()) return;
      took = ms;
      at = performance.now();
    },
    get longest() {
      return longest();
    },
  };
}
