// Outages of sources, from their gap records: how often and how long nothing was known. A record that has begun and
// one that ends it have the same `from`; they may come in any order, and more than once.

import type { GapRecord } from './line.ts';

export interface Outage {
  /** Null: the whole gateway. */
  readonly source: string | null;
  readonly reason: string;
  readonly count: number;
  /** Length of those that have ended, together, in ms. */
  readonly milliseconds: number;
  /** How many have not ended. */
  readonly open: number;
}

/** Outages that are remembered one by one; beyond them the oldest are only counted, and count again if they come again. */
const MOST = 100_000;

interface Sum {
  count: number;
  milliseconds: number;
  open: number;
}

export class Outages {
  readonly #known = new Map<string, 'open' | 'ended'>();
  readonly #sums = new Map<string, Sum>();

  see({ source, reason, from, to }: GapRecord): void {
    const owner = JSON.stringify([source ?? null, reason]);
    const key = `${owner}${from}`;
    const known = this.#known.get(key);
    if (known === 'ended' || (known === 'open' && to === null)) return;
    let sum = this.#sums.get(owner);
    if (sum === undefined) {
      sum = { count: 0, milliseconds: 0, open: 0 };
      this.#sums.set(owner, sum);
    }
    if (known === undefined) sum.count++;
    else sum.open--;
    if (to === null) sum.open++;
    else sum.milliseconds += Math.max(0, Date.parse(to) - Date.parse(from));
    this.#known.set(key, to === null ? 'open' : 'ended');
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value as string);
  }

  list(): Outage[] {
    return [...this.#sums].map(([owner, sum]) => {
      const [source, reason] = JSON.parse(owner) as [string | null, string];
      return { source, reason, ...sum };
    });
  }
}
