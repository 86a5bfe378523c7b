// Nodes that a server cannot be asked for: it hangs up, never answers, or fails the whole call over one of them. Which node
// it is shows by halving. A call that failed is halved at once (calls.ts); one that ended the link is remembered here, over
// links: when it has happened twice its tags are withheld until all others stand, then asked for in halves, link by link,
// until one is left. That one is set aside and tried alone, ever more seldom.

import { StatusCode } from '../../../model/status.ts';
import { patience } from './unreadable.ts';

/** A tag (by its position) that is set aside, and why. */
export interface Aside {
  readonly status: number;
  readonly reason: string;
  /** How often it was tried. */
  readonly tries: number;
  /** When it may be tried again, by the monotonic clock, ms. */
  readonly due: number;
}

export interface Suspects {
  /**
   * A service is asked for tags; call what is returned when the server has answered in whatever way. Without positions a
   * hang-up is held against the service (`ended`).
   */
  asking(service: string, positions: readonly number[]): () => void;
  /** A new link: calls that had no answer are held against their tags. */
  renew(): void;
  /** A call for this tag alone failed. */
  setAside(position: number, status: number, reason: string): void;
  /** Tags not to be asked for together with others, and what is to be said of them. */
  withheld(): ReadonlyMap<number, { readonly status: number; readonly reason: string }>;
  /** Tags to be asked for now, in a call of their own; undefined: none is due. */
  next(): readonly number[] | undefined;
  /** What `next` gave has been asked for. */
  tried(positions: readonly number[]): void;
  /** Whether calls of this service, without positions, ended links so often that it is not to be used any more. */
  ended(service: string): boolean;
}

/** A link may break for other reasons: once is no proof. */
const PROOF = 2;

/** Trying what made the server hang up costs a link: so many times the usual patience. */
const COSTLY = 20;

const HUNG_UP = `the server hung up ${PROOF} times while it was asked for this tag`;

/** In place of a position, where a service itself is held guilty. */
const NOBODY = -1;

const keysOf = (positions: readonly number[]) => (positions.length > 0 ? positions : [NOBODY]);

/**
 * @param retry how long a tag is set aside first, ms
 * @param found a tag was found out by the links that it cost
 */
export function suspects(retry: number, found: () => void): Suspects {
  interface Call {
    readonly service: string;
    readonly positions: readonly number[];
  }
  const underWay = new Set<Call>();
  /** Links that ended in a row, by service and position. */
  const strikes = new Map<string, Map<number, number>>();
  const asides = new Map<number, Aside>();
  let groups: (readonly number[])[] = [];
  /** Set aside since `next` gave them. */
  const again = new Set<number>();

  function setAside(position: number, status: number, reason: string, factor = 1): void {
    const tries = (asides.get(position)?.tries ?? 0) + 1;
    again.add(position);
    asides.set(position, { status, reason, tries, due: performance.now() + patience(factor * retry, tries) });
  }

  function strike({ service, positions }: Call): readonly number[] {
    const counts = strikes.get(service) ?? new Map<number, number>();
    strikes.set(service, counts);
    for (const position of keysOf(positions)) counts.set(position, (counts.get(position) ?? 0) + 1);
    return positions.filter((position) => (counts.get(position) ?? 0) >= PROOF);
  }

  return {
    asking(service, positions) {
      const call = { service, positions };
      underWay.add(call);
      return () => {
        if (!underWay.delete(call)) return;
        const counts = strikes.get(service);
        for (const position of keysOf(positions)) counts?.delete(position);
      };
    },
    renew() {
      const calls = [...underWay];
      underWay.clear();
      for (const call of calls) {
        const guilty = strike(call);
        if (call.positions.length === 1 && guilty.length === 1) {
          setAside(guilty[0] as number, StatusCode.BadConnectionClosed, `BadConnectionClosed: ${HUNG_UP}`, COSTLY);
          found();
        } else if (guilty.length > 0) {
          const half = Math.ceil(guilty.length / 2);
          groups.push(guilty.slice(0, half), guilty.slice(half));
        }
      }
      groups = groups.filter((group) => group.length > 0);
    },
    setAside: (position, status, reason) => setAside(position, status, reason),
    withheld() {
      const all = new Map<number, { status: number; reason: string }>(asides);
      const status = StatusCode.BadConnectionClosed;
      for (const group of groups)
        for (const position of group)
          all.set(position, { status, reason: `BadConnectionClosed: ${HUNG_UP} or others; they are tried in parts` });
      return all;
    },
    next() {
      again.clear();
      const group = groups.shift();
      if (group !== undefined) return group;
      const time = performance.now();
      for (const [position, { due }] of asides) if (due <= time) return [position];
      return undefined;
    },
    tried(positions) {
      for (const position of positions) if (!again.has(position)) asides.delete(position);
    },
    ended: (service) => (strikes.get(service)?.get(NOBODY) ?? 0) >= PROOF,
  };
}
