// Requests of a unit that fail again and again while its others are answered: a block that a device keeps silent about,
// where others would refuse it. Such a request is left out by itself and made again after 1 s, then 2 s, up to 60 s, so
// that it costs its neighbours next to nothing; any answer brings it back at once.

import { type Health, type Patience, struck, WELL } from './health.ts';
import type { Request } from './plan.ts';
import type { Troubles } from './troubles.ts';

/** Two failures in a row may be those of a unit that dies, which is left out then. */
const SHARE = 1 / 3;

export class Blocks {
  readonly #patience: Patience;
  readonly #troubles: Troubles;
  readonly #failing = new Map<Request, Health>();

  constructor(patience: Patience, troubles: Troubles) {
    this.#patience = patience;
    this.#troubles = troubles;
  }

  /** Nothing is failing. */
  get none(): boolean {
    return this.#failing.size === 0;
  }

  /** Until when the request is not to be made, monotonic ms; 0 when it is not left out. */
  restOf(request: Request): number {
    const health = this.#failing.get(request);
    return health?.kind === 'left-out' ? health.until : 0;
  }

  /** It failed while its unit was well. @returns whether it was left out already: then it says nothing of its unit */
  failed(request: Request, words: string, now: number): boolean {
    const before = this.#failing.get(request) ?? WELL;
    const after = struck(before, SHARE, true, now, this.#patience);
    this.#failing.set(request, after);
    if (after.kind === 'left-out')
      this.#troubles.set(nameOf(request), `${words}; it is left out, and probed from time to time`);
    return before.kind === 'left-out';
  }

  /** There was an answer to it, or it is not made any more. */
  clear(request: Request): void {
    if (this.#failing.delete(request)) this.#troubles.set(nameOf(request), undefined);
  }

  /** Others are forgotten: the plan has changed. */
  keep(requests: readonly Request[]): void {
    for (const request of this.#failing.keys()) if (!requests.includes(request)) this.clear(request);
  }
}

function nameOf({ group: { unit, table }, start, quantity }: Request): string {
  return `unit ${unit}, ${table} ${quantity === 1 ? start : `${start}-${start + quantity - 1}`}`;
}
