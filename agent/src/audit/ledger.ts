// The ledger: which numbers of every gateway and epoch were delivered, which were given up and said so, and which are
// simply not there. Pure; memory is that of the holes, not of the readings.
//
// A row names its epoch only at the beginning of a message; the rows behind it are of the same. Rows that stand before
// any such beginning (they were delivered with the epoch as a message property) are taken for one epoch without a
// name, until a gap record `buffer-damaged` at number 1 says that a new one has begun.

import type { Entries, GapRecord } from './line.ts';
import { countOf, Numbers, type Range } from './numbers.ts';
import { type Outage, Outages } from './outages.ts';

export interface EpochReport {
  readonly gateway: string;
  /** Null: the rows do not say. */
  readonly epoch: string | null;
  readonly complete: boolean;
  /** Different readings, and different gap records. */
  readonly readings: number;
  readonly gapRecords: number;
  /** Entries that had come before. */
  readonly duplicates: number;
  readonly received: readonly Range[];
  /** Not received; a gap record says that they were given up. */
  readonly explained: readonly Range[];
  /** Given-up numbers by the reason that was first named. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Not received, and nothing says why. */
  readonly missing: readonly Range[];
  readonly outages: readonly Outage[];
}

export interface LedgerOptions {
  /** Numbers from 1 on must be there; otherwise from the first one that is. */
  readonly fromStart?: boolean;
}

/** An epoch as it is being read. */
class Page {
  readonly received = new Numbers();
  readonly explained = new Numbers();
  readonly reasons = new Map<string, number>();
  readonly outages = new Outages();
  readings = 0;
  gapRecords = 0;
  duplicates = 0;
  readonly gateway: string;
  epoch: string | null;
  /** The gap record that it began with, if it did. */
  readonly begin: string | undefined;

  constructor(gateway: string, epoch: string | null, begin?: string) {
    this.gateway = gateway;
    this.epoch = epoch;
    this.begin = begin;
  }
}

/** Reasons whose `range` is never of an earlier epoch. */
const OF_ITS_OWN: ReadonlySet<string> = new Set(['buffer-full', 'numbers-skipped']);

/** What tells the record apart that a gateway begins an epoch with when its buffer was set aside. */
function beginOf(record: GapRecord | undefined): string | undefined {
  if (record?.reason !== 'buffer-damaged' || record.range !== undefined) return undefined;
  return `${record.from} ${record.to}`;
}

export class Ledger {
  readonly #fromStart: boolean;
  /** Pages by gateway and epoch, in the order in which they were first named. */
  readonly #pages = new Map<string, Page>();
  /** The page that lines of a gateway belong to which name no epoch. */
  readonly #current = new Map<string, Page>();
  readonly #nameless = new Set<Page>();

  constructor({ fromStart = false }: LedgerOptions = {}) {
    this.#fromStart = fromStart;
  }

  /** Enters what a line holds. */
  enter(entries: Entries): void {
    const { first, last, gaps } = entries;
    const page = this.#pageOf(entries);
    const records = gaps.filter(({ seq }) => !page.received.has(seq));
    const fresh = page.received.add(first, last);
    page.duplicates += last - first + 1 - fresh;
    page.readings += fresh - records.length;
    page.gapRecords += records.length;
    for (const record of records) this.#explain(page, record);
  }

  /** What is known now, per gateway and epoch. */
  report(): EpochReport[] {
    this.#nameTheNameless();
    return [...new Set([...this.#pages.values(), ...this.#nameless])].map((page) => this.#reportOf(page));
  }

  #pageOf({ gateway, epoch, first, gaps }: Entries): Page {
    const current = this.#current.get(gateway);
    let page = epoch === undefined ? current : this.#named(gateway, epoch);
    const begin = epoch === undefined && first === 1 ? beginOf(gaps[0]) : undefined;
    // The same record again is a message that was sent again.
    const anew = page?.epoch === null && begin !== undefined && begin !== page.begin;
    if (page === undefined || anew) {
      page = new Page(gateway, null, begin);
      this.#nameless.add(page);
    }
    this.#current.set(gateway, page);
    return page;
  }

  #named(gateway: string, epoch: string): Page {
    const key = JSON.stringify([gateway, epoch]);
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = new Page(gateway, epoch);
      this.#pages.set(key, page);
    }
    return page;
  }

  /** A range that was given up may belong to an earlier epoch than the record that says so. */
  #explain(page: Page, record: GapRecord): void {
    const { reason, range } = record;
    if (range === undefined) {
      page.outages.see(record);
      return;
    }
    const owner = this.#named(page.gateway, range.epoch);
    const fresh = owner.explained.add(range.first, range.last);
    owner.reasons.set(reason, (owner.reasons.get(reason) ?? 0) + fresh);
  }

  /**
   * The one epoch that a gateway's gap records name is that of the rows that name none, if they speak of their own epoch
   * alone. The other records may speak of an older one: what they name must not explain holes of this one.
   */
  #nameTheNameless(): void {
    for (const page of this.#nameless) {
      const mates = [...this.#nameless, ...this.#pages.values()].filter(({ gateway }) => gateway === page.gateway);
      const [other] = mates.filter((mate) => mate !== page);
      if (mates.length !== 2 || other === undefined || other.epoch === null || other.received.size > 0) continue;
      if ([...other.reasons.keys()].some((reason) => !OF_ITS_OWN.has(reason))) continue;
      page.epoch = other.epoch;
      for (const { first, last } of other.explained.ranges) page.explained.add(first, last);
      for (const [reason, count] of other.reasons) page.reasons.set(reason, count);
      this.#pages.set(JSON.stringify([page.gateway, page.epoch]), page);
      this.#nameless.delete(page);
    }
  }

  #reportOf(page: Page): EpochReport {
    const { gateway, epoch, readings, gapRecords, duplicates } = page;
    const known = new Numbers();
    for (const { first, last } of page.received.ranges) known.add(first, last);
    for (const { first, last } of page.explained.ranges) known.add(first, last);
    const missing = known.holes(this.#fromStart ? 1 : undefined);
    return {
      gateway,
      epoch,
      complete: missing.length === 0,
      readings,
      gapRecords,
      duplicates,
      received: page.received.ranges,
      explained: page.explained.ranges.flatMap((range) => without(range, page.received)),
      reasons: Object.fromEntries(page.reasons),
      missing,
      outages: page.outages.list(),
    };
  }
}

/** The parts of `range` that are not in `numbers`. */
function without({ first, last }: Range, numbers: Numbers): Range[] {
  const parts: Range[] = [];
  let next = first;
  for (const known of numbers.ranges) {
    if (known.last < next) continue;
    if (known.first > last) break;
    if (known.first > next) parts.push({ first: next, last: known.first - 1 });
    next = known.last + 1;
  }
  return next <= last ? [...parts, { first: next, last }] : parts;
}

/** Numbers of an epoch that were not received and not explained. */
export function missingOf({ missing }: EpochReport): number {
  return countOf(missing);
}
