// The consumer's account of what arrived: proves from the numbering alone that nothing is missing, and says what came
// twice or late. Pure: no I/O, no clock. Numbers are kept as ranges, so memory is that of the holes, not of the flow.
//
// Readings and gap records share one contiguous numbering per gateway and epoch; entry k of a message has seqFirst + k.

import { decodeRows, type EventRow, type GapRow } from './decode.ts';
import { Intervals, type Range } from './intervals.ts';

/** One message as it was received. */
export interface Received {
  readonly id: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Application properties: site, gateway, stream, epoch, seqFirst, seqLast, count, format. */
  readonly properties: Readonly<Record<string, string>>;
  /** As on the wire, that is compressed when `contentEncoding` is gzip. */
  readonly body: Buffer;
}

export interface Summary {
  readonly messages: number;
  /** Different readings and events; one that came twice counts once. With detail `messages`: entries, readings and gaps alike. */
  readonly readings: number;
  /** Different gap records. */
  readonly gaps: number;
  /** Bytes of all bodies as on the wire. */
  readonly bytes: number;
  /** Numbers between the least and the greatest of an epoch that neither came nor were explained by a gap record. */
  readonly missing: number;
  /** Entries that had come before. */
  readonly double: number;
  /** Of these, the ones in a message whose id had come before: the same message, recognisable by its id. */
  readonly doubleById: number;
  /** Entries that came first after a greater number of the same stream and epoch. */
  readonly outOfOrder: number;
  /** Numbers given up, as a gap record's `range` says. */
  readonly explained: number;
  /** Messages that could not be read, or whose entries do not fit their properties. */
  readonly malformed: number;
}

export interface EpochSummary {
  readonly gateway: string;
  readonly epoch: string;
  readonly delivered: readonly Range[];
  readonly missing: readonly Range[];
  readonly explained: readonly Range[];
}

/** What is known of a tag: how many different readings came, and the one with the latest timestamp. */
export interface TagAccount {
  readonly count: number;
  readonly ts: string;
  readonly value: unknown;
  readonly status: string;
}

export interface AccountOptions {
  /** `messages` counts from the properties alone and reads no body: for benchmarks. Default `rows`. */
  readonly detail?: 'rows' | 'messages';
}

interface Epoch {
  readonly gateway: string;
  readonly epoch: string;
  readonly delivered: Intervals;
  readonly explained: Intervals;
  /** Delivered or explained: its holes are what is missing. */
  readonly known: Intervals;
  /** Greatest number per stream. */
  readonly highest: Map<string, number>;
}

const MOST_GAPS = 10_000;
const MOST_EVENTS = 10_000;
const MOST_IDS = 100_000;
const MOST_FLAWS = 100;

export class Account {
  readonly #rows: boolean;
  readonly #epochs = new Map<string, Epoch>();
  readonly #tags = new Map<string, TagAccount>();
  readonly #gaps: GapRow[] = [];
  readonly #events: EventRow[] = [];
  /** Ids of the latest messages, oldest first. */
  readonly #ids = new Set<string>();
  readonly #flaws: string[] = [];
  readonly #count = { messages: 0, readings: 0, gaps: 0, bytes: 0, double: 0, doubleById: 0, late: 0, malformed: 0 };

  constructor(options: AccountOptions = {}) {
    this.#rows = options.detail !== 'messages';
  }

  /** Takes a message into account. Never throws: what cannot be read is counted as malformed. */
  receive(message: Received): void {
    this.#count.messages += 1;
    this.#count.bytes += message.body.length;
    const { gateway, stream, epoch: epochName, format } = message.properties;
    const first = Number(message.properties.seqFirst ?? Number.NaN);
    const last = Number(message.properties.seqLast ?? Number.NaN);
    const count = Number(message.properties.count ?? Number.NaN);
    if (!gateway || !stream || !epochName || !(last >= first) || count !== last - first + 1) {
      this.#flaw(`message ${message.id}: properties are missing or contradict each other`);
      return;
    }
    const again = this.#seenBefore(message.id);
    const epoch = this.#epoch(gateway, epochName);
    if (this.#rows && format === 'rows') this.#readRows(message, epoch, first, count);

    const highest = epoch.highest.get(stream) ?? -1;
    const late = first <= highest ? epoch.delivered.add(first, Math.min(last, highest)) : 0;
    const fresh = late + (last > highest ? epoch.delivered.add(Math.max(first, highest + 1), last) : 0);
    epoch.known.add(first, last);
    this.#count.late += late;
    if (last > highest) epoch.highest.set(stream, last);
    this.#count.double += count - fresh;
    if (again) this.#count.doubleById += count - fresh;
    if (!this.#rows || format !== 'rows') this.#count.readings += fresh;
  }

  summary(): Summary {
    const { messages, readings, gaps, bytes, double, doubleById, late, malformed } = this.#count;
    let [missing, explained] = [0, 0];
    for (const epoch of this.#epochs.values()) {
      missing += epoch.known.missing;
      explained += epoch.explained.size;
    }
    return { messages, readings, gaps, bytes, missing, double, doubleById, outOfOrder: late, explained, malformed };
  }

  /** One entry per gateway and epoch, in order of arrival. */
  epochs(): EpochSummary[] {
    return [...this.#epochs.values()].map(({ gateway, epoch, delivered, explained, known }) => ({
      gateway,
      epoch,
      delivered: delivered.ranges,
      missing: known.holes,
      explained: explained.ranges,
    }));
  }

  tag(name: string): TagAccount | undefined {
    return this.#tags.get(name);
  }

  get tags(): ReadonlyMap<string, TagAccount> {
    return this.#tags;
  }

  /** The latest gap records, at most 10,000. */
  get gaps(): readonly GapRow[] {
    return this.#gaps;
  }

  /** The latest events, at most 10,000; each counts as a reading too. */
  get events(): readonly EventRow[] {
    return this.#events;
  }

  /** What was malformed, in words; the first 100. */
  get flaws(): readonly string[] {
    return this.#flaws;
  }

  #readRows(message: Received, epoch: Epoch, first: number, count: number): void {
    const decoded = decodeRows(message.body, message.contentEncoding);
    if (typeof decoded === 'string') {
      this.#flaw(`message ${message.id}: ${decoded}`);
      return;
    }
    if (decoded.length !== count) {
      this.#flaw(`message ${message.id}: ${decoded.length} entries where its properties say ${count}`);
    }
    for (const [k, row] of decoded.entries()) {
      if (row.gateway !== epoch.gateway || row.seq !== first + k) {
        this.#flaw(`message ${message.id}: entry ${k} is ${row.gateway} ${row.seq}, not ${epoch.gateway} ${first + k}`);
        return;
      }
      if (epoch.delivered.has(row.seq)) continue;
      if ('tag' in row) {
        this.#count.readings += 1;
        const known = this.#tags.get(row.tag);
        const { ts, value, status } = known !== undefined && known.ts > row.ts ? known : row;
        this.#tags.set(row.tag, { count: (known?.count ?? 0) + 1, ts, value, status });
      } else if ('event' in row) {
        this.#count.readings += 1;
        this.#events.push(row);
        if (this.#events.length > MOST_EVENTS) this.#events.shift();
      } else {
        this.#count.gaps += 1;
        this.#gaps.push(row);
        if (this.#gaps.length > MOST_GAPS) this.#gaps.shift();
        if (row.range !== undefined) this.#explain(epoch.gateway, row.range);
      }
    }
  }

  /** A range given up may belong to an earlier epoch than the record that says so. */
  #explain(gateway: string, range: { epoch: string; first: number; last: number }): void {
    const epoch = this.#epoch(gateway, range.epoch);
    epoch.explained.add(range.first, range.last);
    epoch.known.add(range.first, range.last);
  }

  #epoch(gateway: string, epoch: string): Epoch {
    const key = JSON.stringify([gateway, epoch]);
    let found = this.#epochs.get(key);
    if (found === undefined) {
      found = {
        gateway,
        epoch,
        delivered: new Intervals(),
        explained: new Intervals(),
        known: new Intervals(),
        highest: new Map(),
      };
      this.#epochs.set(key, found);
    }
    return found;
  }

  #seenBefore(id: string | undefined): boolean {
    if (id === undefined) return false;
    if (this.#ids.has(id)) return true;
    this.#ids.add(id);
    if (this.#ids.size > MOST_IDS) for (const oldest of this.#ids) return this.#ids.delete(oldest) && false;
    return false;
  }

  #flaw(text: string): void {
    this.#count.malformed += 1;
    if (this.#flaws.length < MOST_FLAWS) this.#flaws.push(text);
  }
}
