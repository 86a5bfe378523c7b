// Outages of sources, from their gap records: how often and how long nothing was known. A record that has begun and
// one that ends it have the same `from`; they may come in any order, and more than once. One that says `complete` tells
// that nothing is missing after all: the outage is counted as bridged, and its time is not.

import type { GapRecord } from './line.ts';

export interface Outage {
  /** Null: the whole gateway. */
  readonly source: string | null;
  readonly reason: string;
  readonly count: number;
  /** Those of which nothing is missing. */
  readonly bridged: number;
  /** Length of those that have ended and were not bridged, together, in ms. */
  readonly milliseconds: number;
  /** How many have not ended. */
  readonly open: number;
}

/** Outages that are remembered one by one; beyond them the oldest are only counted, and count again if they come again. */
const MOST = 100_000;

interface Sum {
  count: number;
  bridged: number;
  milliseconds: number;
  open: number;
}

export class Outages {
  /** A number: it has ended, and was so many ms long. */
  readonly #known = new Map<string, 'open' | 'bridged' | number>();
  readonly #sums = new Map<string, Sum>();

  see({ source, reason, from, to, complete }: GapRecord): void {
    const owner = JSON.stringify([source ?? null, reason]);
    const key = `${owner}${from}`;
    const known = this.#known.get(key);
    if (known === 'bridged' || (known !== undefined && to === null)) return;
    if (typeof known === 'number' && !complete) return;
    let sum = this.#sums.get(owner);
    if (sum === undefined) {
      sum = { count: 0, bridged: 0, milliseconds: 0, open: 0 };
      this.#sums.set(owner, sum);
    }
    if (known === undefined) sum.count++;
    else if (known === 'open') sum.open--;
    else sum.milliseconds -= known;
    const length = to === null ? 0 : Math.max(0, Date.parse(to) - Date.parse(from));
    if (to === null) sum.open++;
    else if (complete) sum.bridged++;
    else sum.milliseconds += length;
    this.#known.set(key, to === null ? 'open' : complete ? 'bridged' : length);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value as string);
  }

  list(): Outage[] {
    return [...this.#sums].map(([owner, sum]) => {
      const [source, reason] = JSON.parse(owner) as [string | null, string];
      return { source, reason, ...sum };
    });
  }
}
