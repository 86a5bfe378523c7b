// What is asked of a server beside the readings: ranges, units, texts, types, history, events, values that stand still.
// Readings can do without, so a server that hangs up over it, or gives no answer, is not asked for ever. It promises:
//
// - What was asked for when two links in a row ended is asked for one by one from then on, and no reading waits for it.
// - What ended a third link in a call of its own is left out for an hour and longer, and then tried again once a new link
//   is made. So is what fails a call of its own without harm to the link.
// - When so many links have ended over one kind of these within an hour, none of it is asked for in the next.

import { patience } from './unreadable.ts';

/** A link may break for other reasons: once is no proof. */
const PROOF = 2;
const HOUR = 3_600_000;
/** Links that one kind may cost in an hour. */
const MOST = 8;
/** Named at most in what is told. */
const NAMED = 3;

export type Kind = 'ranges' | 'units' | 'texts' | 'types' | 'history' | 'values' | 'events';

/** How something may be asked for: with others, only in a call of its own for which no reading waits, or not now. */
export type Manner = 'together' | 'alone' | 'not';

/** Of one kind, what may be asked for; by the names under which it is told. */
export interface Courtesy {
  manner(name: string): Manner;
  /** Whether something is to be asked for alone. */
  readonly waiting: boolean;
  /** A service is asked for these; call what is returned when the server has answered in whatever way. */
  asking(service: string, names: readonly string[]): () => void;
  /** A call of the service for this one alone failed at a server that is there. */
  failed(service: string, name: string, reason: string): void;
}

export interface Courtesies extends Readonly<Record<Kind, Courtesy>> {
  /** A new link: calls that had no answer are held against what they asked for. */
  renew(): void;
  /** Tells again all that lacks. */
  tell(): void;
}

/** @param tell what lacks of a kind, and why; undefined: nothing */
export function courtesies(tell: (kind: Kind, text: string | undefined) => void): Courtesies {
  const make = (kind: Kind) => courtesy((text) => tell(kind, text));
  const all = {
    ranges: make('ranges'),
    units: make('units'),
    texts: make('texts'),
    types: make('types'),
    history: make('history'),
    values: make('values'),
    events: make('events'),
  };
  return {
    ...all,
    renew() {
      for (const one of Object.values(all)) one.renew();
    },
    tell() {
      for (const one of Object.values(all)) one.say();
    },
  };
}

interface Call {
  readonly service: string;
  readonly names: readonly string[];
}

interface Aside {
  readonly service: string;
  readonly reason: string;
  readonly tries: number;
  /** When it may be tried again, by the monotonic clock, ms. */
  readonly due: number;
}

function courtesy(tell: (text: string | undefined) => void): Courtesy & { renew(): void; say(): void } {
  const underWay = new Set<Call>();
  /** Links that ended in a row, by name and service. */
  const strikes = new Map<string, Map<string, number>>();
  const asides = new Map<string, Aside>();
  /** Tried again over this link, after their time. */
  const tried = new Set<string>();
  /** When links ended over this, and until when nothing is asked for; by the monotonic clock, ms. */
  let costs: number[] = [];
  let rest = Number.NEGATIVE_INFINITY;

  const isSuspect = (name: string) => [...(strikes.get(name)?.values() ?? [])].some((count) => count >= PROOF);

  function strike(service: string, name: string): number {
    const counts = strikes.get(name) ?? new Map<string, number>();
    const count = (counts.get(service) ?? 0) + 1;
    strikes.set(name, counts.set(service, count));
    return count;
  }

  /** The service has answered. */
  function clear(service: string, name: string): boolean {
    const counts = strikes.get(name);
    counts?.delete(service);
    if (counts?.size === 0) strikes.delete(name);
    if (asides.get(name)?.service !== service) return false;
    tried.delete(name);
    return asides.delete(name);
  }

  function setAside(service: string, name: string, reason: string): void {
    const tries = (asides.get(name)?.tries ?? 0) + 1;
    tried.delete(name);
    asides.set(name, { service, reason, tries, due: performance.now() + patience(HOUR, tries) });
  }

  function say(): void {
    const parts: string[] = [];
    for (const [name, { reason }] of asides) {
      if (parts.length === NAMED) break;
      parts.push(`${name} (${reason})`);
    }
    const more = asides.size > NAMED ? ` and ${asides.size - NAMED} more` : '';
    const lacks = parts.length > 0 ? [`the server does not say those of ${parts.join(', ')}${more}`] : [];
    if (performance.now() < rest)
      lacks.push(`${MOST} links ended over them within an hour: none is asked for in the next`);
    tell(
      lacks.length === 0
        ? undefined
        : `${lacks.join('; ')}; asked for again when a new link is made in an hour or later`,
    );
  }

  return {
    manner(name) {
      if (performance.now() < rest) return 'not';
      if (asides.has(name)) return tried.has(name) ? 'alone' : 'not';
      return isSuspect(name) ? 'alone' : 'together';
    },
    get waiting() {
      if (performance.now() < rest) return false;
      return tried.size > 0 || [...strikes.keys()].some((name) => isSuspect(name) && !asides.has(name));
    },
    asking(service, names) {
      const call = { service, names };
      underWay.add(call);
      return () => {
        if (!underWay.delete(call)) return;
        const cleared = names.filter((name) => clear(service, name));
        if (cleared.length > 0) say();
      };
    },
    failed(service, name, reason) {
      setAside(service, name, reason);
      say();
    },
    renew() {
      const time = performance.now();
      let guilty = false;
      for (const { service, names } of underWay) {
        for (const name of names) {
          const count = strike(service, name);
          guilty ||= count >= PROOF;
          if (count > PROOF && names.length === 1)
            setAside(service, name, `${count} links ended when it was asked for`);
        }
      }
      underWay.clear();
      costs = costs.filter((at) => time - at < HOUR);
      if (guilty) costs.push(time);
      if (costs.length >= MOST) {
        rest = time + HOUR;
        costs = [];
      }
      for (const [name, { due }] of asides) if (due <= time) tried.add(name);
    },
    say,
  };
}
