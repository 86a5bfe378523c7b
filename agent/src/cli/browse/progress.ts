// How far a walk has come: one line that changes on a terminal, a new line now and then where a log is kept.

import type { Io } from '../command.ts';

/** Often enough to be seen to move, seldom enough not to cost anything, ms. */
const INTERVAL_MS = 200;
/** Where every line stays, ms. */
const LOG_INTERVAL_MS = 10_000;

export interface ProgressLine {
  show(nodes: number, refused: ReadonlyMap<string, number>): void;
  /** Nodes that could not be looked into, by why, as told last. */
  readonly refused: ReadonlyMap<string, number>;
  /** A line that stays. */
  say(text: string): void;
  /** Takes the line away. */
  end(): void;
}

/** @param source named from the beginning: connecting may take a while */
export function progressLine(out: Io['err'], source: string): ProgressLine {
  const begin = performance.now();
  const terminal = out.isTTY === true;
  let last = begin;
  let shown = false;
  let refused: ReadonlyMap<string, number> = new Map();
  const write = (text: string) => {
    shown = true;
    out.write(terminal ? `\r${text} \u001b[K` : `${text}\n`);
  };
  if (terminal) write(`connecting to ${source} …`);
  return {
    show(nodes, denied) {
      refused = denied;
      const time = performance.now();
      if (time - last < (terminal ? INTERVAL_MS : LOG_INTERVAL_MS)) return;
      last = time;
      write(`${nodes.toLocaleString('en')} nodes in ${((time - begin) / 1_000).toFixed(1)} s`);
    },
    get refused() {
      return refused;
    },
    say(text) {
      out.write(terminal ? `\r\u001b[K${text}\n` : `${text}\n`);
    },
    end() {
      if (shown && terminal) out.write('\r\u001b[K');
      shown = false;
    },
  };
}
