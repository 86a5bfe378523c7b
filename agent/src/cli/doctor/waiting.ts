// The last line of a terminal while something is still looked at: it goes away before anything else is written.

import type { Io } from '../command.ts';

const INTERVAL_MS = 200;

export interface Waiting {
  /** How many are still under way. */
  left(count: number): void;
  /** Takes the line away, so that other text may come; the next tick draws it again. */
  clear(): void;
  end(): void;
}

/** Nothing where `out` is no terminal. */
export function waiting(out: Io['err']): Waiting {
  if (out.isTTY !== true) return { left: () => undefined, clear: () => undefined, end: () => undefined };
  const begin = performance.now();
  let left = 0;
  let shown = false;
  const clear = () => {
    if (shown) out.write('\r\u001b[K');
    shown = false;
  };
  const timer = setInterval(() => {
    if (left === 0) return clear();
    shown = true;
    const seconds = ((performance.now() - begin) / 1_000).toFixed(0);
    out.write(`\rlooking: ${left} to go, ${seconds} s\u001b[K`);
  }, INTERVAL_MS);
  return {
    left: (count) => {
      left = count;
    },
    clear,
    end() {
      clearInterval(timer);
      clear();
    },
  };
}
