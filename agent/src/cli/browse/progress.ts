// One line on a terminal that says how far a walk has come; nothing where no person looks.

import type { Io } from '../command.ts';

/** Often enough to be seen to move, seldom enough not to cost anything, ms. */
const INTERVAL_MS = 200;

export interface ProgressLine {
  show(nodes: number, refused: number): void;
  /** Nodes that could not be looked into, as told last. */
  readonly refused: number;
  /** Takes the line away. */
  end(): void;
}

export function progressLine(out: Io['err']): ProgressLine {
  const begin = performance.now();
  let last = 0;
  let shown = false;
  let refused = 0;
  return {
    show(nodes, denied) {
      refused = denied;
      const time = performance.now();
      if (out.isTTY !== true || time - last < INTERVAL_MS) return;
      last = time;
      shown = true;
      out.write(`\r${nodes.toLocaleString('en')} nodes in ${((time - begin) / 1_000).toFixed(1)} s \u001b[K`);
    },
    get refused() {
      return refused;
    },
    end() {
      if (shown) out.write('\r\u001b[K');
      shown = false;
    },
  };
}
