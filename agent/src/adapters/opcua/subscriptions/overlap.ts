// The queues of a server that stood by hold what the other one has delivered, and what was made since: the first is left
// out, by its source time, which the servers of a set have in common (OPC 10000-4, 6.6.2.4.1: "approximately the
// same"). A queue that reaches back to what was delivered proves that nothing is missing between the two.

import type { Known } from '../source/failover.ts';

/** An item with the length of its queue. */
interface Queued {
  readonly item: { readonly position: number };
  readonly queue: number;
}

export interface Overlap {
  /** Whether a reading is news. Asked for each as it comes. */
  isNews(position: number, time: number): boolean;
  /** The server said itself what its queue has lost. */
  admitted(position: number): void;
  /** Readings left out so far, and those taken that are newer than what was delivered. */
  readonly skipped: number;
  readonly news: number;
  /** Items whose queue was full and reaches back to nothing that is known: a server may drop values without a mark. */
  short<T extends Queued>(items: readonly T[]): T[];
}

export function overlap({ latest, behind }: Pick<Known, 'latest' | 'behind'>): Overlap {
  const came = new Uint32Array(latest.length);
  /** Nothing more has to be proven, or left out: what comes after the first news is newer, whatever its time says. */
  const reaches = new Uint8Array(latest.length);
  const passed = new Uint8Array(latest.length);
  let skipped = 0;
  let news = 0;
  return {
    isNews(position, time) {
      const known = latest[position] ?? Number.NEGATIVE_INFINITY;
      if (known === Number.NEGATIVE_INFINITY) return true;
      came[position]! += 1;
      if (passed[position] === 1) return true;
      if (time > known) {
        news += 1;
        passed[position] = 1;
        return true;
      }
      reaches[position] = 1;
      // Of one instant is what was delivered; older, by a clock that is behind, is perhaps what was not.
      if (time !== known && time > known - behind) return true;
      skipped += 1;
      return false;
    },
    admitted(position) {
      reaches[position] = 1;
    },
    get news() {
      return news;
    },
    get skipped() {
      return skipped;
    },
    short: (items) =>
      items.filter(({ item: { position }, queue }) => (came[position] ?? 0) >= queue && reaches[position] === 0),
  };
}
