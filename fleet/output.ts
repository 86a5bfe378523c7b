// What the tool says: lines for people, with one that is rewritten on a terminal, or JSON, an object a line.

import type { Tell } from './rollout.ts';

export interface Output {
  readonly tell: Tell;
  /** Ends the line that is being rewritten. */
  end(): void;
}

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** @param now ms since 1970 */
export function outputTo(
  stream: Stream,
  { json, now }: { readonly json: boolean; readonly now: () => number },
): Output {
  let open = false;
  let last = '';
  const end = () => {
    if (open) stream.write('\n');
    open = false;
  };
  return {
    end,
    tell(event, text, data = {}) {
      const at = new Date(now()).toISOString();
      if (json) return void stream.write(`${JSON.stringify({ at, event, text, ...data })}\n`);
      if (event === 'progress') {
        // A log wants what is new, a terminal the newest.
        if (text === last) return;
        last = text;
        if (stream.isTTY) {
          open = true;
          return void stream.write(`\r\u001b[K${`${at.slice(11, 19)} ${text}`.slice(0, (stream.columns ?? 80) - 1)}`);
        }
      }
      end();
      stream.write(`${at.slice(11, 19)} ${event === 'warning' ? 'warning: ' : ''}${text}\n`);
    },
  };
}
