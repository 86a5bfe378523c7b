// The simple model of the buffer: what was promised, where it waits, what has come of it. Exact as long as nothing is
// damaged: every segment's numbers, which segments come next in a lane, what makes room for what, every figure of `stats`.
// What contradicts it is thrown.

import { isDeepStrictEqual } from 'node:util';
import type { BufferStats, Segment } from '../../agent/src/buffer/contract.ts';
import type { StoredTag } from '../../agent/src/buffer/dictionary.ts';
import type { Gap, GapReason } from '../../agent/src/model/gap.ts';
import type { Stream } from '../../agent/src/model/stream.ts';
import type { Priority } from '../../agent/src/model/tag.ts';
import { flawOf, timeOf } from '../durability/content.ts';

/** What was appended as one part: readings `n`, `n + 1`, … of content.ts, and gap records. */
export interface Written {
  readonly n: number;
  readonly count: number;
  readonly gaps: readonly Gap[];
  readonly priority: Priority;
  readonly stream: Stream;
}

export interface Piece extends Omit<Written, 'gaps' | 'stream'> {
  readonly first: number;
  readonly last: number;
  readonly committed: number;
  /** Of the buffer's own gap records undefined until they are seen. */
  gaps: readonly Gap[] | undefined;
  readonly own: boolean;
  /** `gone`: delivered, or given up; what is written down of it says so. */
  where: Stream | 'handed' | 'gone';
  readonly acked: Set<number>;
  /** It was handed out at least once. */
  seen: boolean;
  /** All of it was acknowledged once, and that was written. */
  delivered: boolean;
  /** Delivered, and there for a replay. */
  kept: boolean;
  /** A part of it was given up: it is not kept. */
  forgone: boolean;
}

export interface Tally {
  promised: Record<Priority, number>;
  delivered: Record<Priority, number>;
  dropped: Record<Priority, number>;
  /** Entries that gap records named. */
  told: number;
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const entriesOf = ({ first, last }: Pick<Piece, 'first' | 'last'>) => last - first + 1;
const isWaiting = ({ where }: Piece) => where === 'live' || where === 'backfill';
const byNumber = (a: Piece, b: Piece) => a.first - b.first;

/** Bytes: so much is given up at once, and wanted by a commit. */
const NEAR = 1_500_000;

/** A number and why it was lost. */
const lossOf = (seq: number, reason: GapReason) => `${seq} ${reason}`;

export class Model {
  readonly epoch: string;
  head: number;
  /** All of the epoch, in the order of their numbers. */
  readonly pieces: Piece[] = [];
  /** Whether it is known which delivered segments are kept: not where their room was needed. */
  keptKnown = true;
  readonly #keeps: boolean;
  readonly #tally: Tally;
  /** Given up, and whether it was a reading; the gap record about it is not committed yet. */
  #owed = new Map<string, boolean>();
  /** Given up, and a committed gap record that was not seen yet must name it. */
  readonly #booked = new Map<string, boolean>();
  readonly #told = new Map<string, boolean>();
  readonly #toldNumbers = new Set<number>();
  /** Numbers that an opening passed over; booked with the next commit. */
  #skipped: { readonly first: number; readonly last: number } | undefined;
  readonly #skips: { readonly first: number; readonly last: number; heard: boolean }[] = [];
  #pending = { entries: 0, readings: 0 };
  #dropped: Partial<Record<GapReason, number>> = {};

  constructor(epoch: string, head: number, tally: Tally, { keeps = false } = {}) {
    this.epoch = epoch;
    this.head = head;
    this.#tally = tally;
    this.#keeps = keeps;
  }

  /** Numbers that wait in a lane. */
  waiting(lane: Stream): number {
    return this.pieces.reduce((sum, piece) => sum + (piece.where === lane ? entriesOf(piece) : 0), 0);
  }

  get #kept(): number {
    return this.pieces.reduce((sum, piece) => sum + (piece.kept ? piece.count : 0), 0);
  }

  /** What a buffer that was opened again must say. @param head the number that it gives next */
  opened(epoch: string, head: number, stats: BufferStats): void {
    must(epoch === this.epoch, `epoch ${epoch}, not ${this.epoch}`);
    const found = this.#skipped?.first ?? this.head;
    this.#skipped = head > found ? { first: found, last: head - 1 } : undefined;
    this.head = head;
    for (const piece of this.pieces) {
      if (piece.where === 'gone') continue;
      piece.where = 'backfill';
      piece.acked.clear();
      piece.forgone = false;
    }
    this.#owed.clear();
    this.#dropped = {};
    const left = this.pieces.filter(isWaiting);
    this.#pending = {
      entries: left.reduce((sum, piece) => sum + entriesOf(piece), 0),
      readings: left.reduce((sum, { count }) => sum + count, 0),
    };
    this.check(stats);
  }

  /** Every figure. */
  check(stats: BufferStats): void {
    const oldest = this.pieces.find(isWaiting)?.committed ?? null;
    const found = { ...this.#pending, dropped: this.#dropped, backlog: this.waiting('backfill'), oldest };
    const said = {
      entries: stats.pending,
      readings: stats.pendingReadings,
      dropped: stats.dropped,
      backlog: stats.backlog,
      oldest: stats.oldest,
    };
    must(isDeepStrictEqual(said, found), `stats ${JSON.stringify(said)}, not ${JSON.stringify(found)}`);
    must(stats.missingNumbers === 0, `${stats.missingNumbers} numbers are missing`);
    if (this.keptKnown)
      must(stats.keptReadings === this.#kept, `${stats.keptReadings} readings kept, not ${this.#kept}`);
    const handed = this.pieces.some(({ where }) => where === 'handed');
    must(handed || stats.bytes <= stats.maxBytes, `${stats.bytes} bytes of ${stats.maxBytes}`);
  }

  /** These parts were committed. @param head the number after them */
  appended(parts: readonly Written[], head: number, stats: BufferStats, at: number): void {
    const size = parts.reduce((sum, { count, gaps }) => sum + count + gaps.length, 0);
    const own = head - this.head - size;
    this.#makeRoom('buffer-full', stats, size + own);
    if (this.keptKnown && stats.keptReadings < this.#kept) {
      must(stats.bytes + NEAR > stats.maxBytes, 'what is kept goes, and its room is not needed');
      this.keptKnown = false;
    }
    this.#bookOwn(own, at);
    for (const part of parts) {
      this.#put({ ...part, own: false, committed: at }, part.count + part.gaps.length, part.stream);
      this.#tally.promised[part.priority] += part.count;
    }
  }

  /** What was acknowledged is written. @param head the number after the gap records that this wrote */
  tidied(head: number, stats: BufferStats, at: number): void {
    this.#makeRoom('buffer-age', stats, head - this.head);
    this.#settle();
    this.#bookOwn(head - this.head, at);
  }

  #settle(): void {
    for (const piece of this.pieces) {
      if (piece.where !== 'handed' || piece.acked.size < entriesOf(piece)) continue;
      piece.where = 'gone';
      piece.delivered = true;
      piece.kept = this.#keeps && !piece.forgone;
      piece.acked.clear();
    }
  }

  /** What was given up is found by how much it was: whole segments, in the order of the rule. */
  #makeRoom(reason: 'buffer-full' | 'buffer-age', stats: BufferStats, added: number): void {
    let missing = this.#pending.entries + added - stats.pending;
    must(missing >= 0, `${-missing} entries more than were written`);
    const order = this.pieces.filter(isWaiting);
    if (reason === 'buffer-full') order.sort((a, b) => rank(a) - rank(b) || byNumber(a, b));
    let readings = 0;
    for (const piece of order) {
      if (missing <= 0) break;
      missing -= entriesOf(piece);
      readings += piece.count;
      piece.where = 'gone';
      this.#count(reason, piece.count);
      this.#pending.entries -= entriesOf(piece);
      this.#pending.readings -= piece.count;
      for (let seq = piece.first; seq <= piece.last; seq++)
        this.#owed.set(lossOf(seq, reason), seq < piece.first + piece.count);
    }
    must(missing === 0, `what was given up ends ${-missing} entries within a segment, or is another than the oldest`);
    must(
      readings === 0 || reason === 'buffer-age' || stats.keptReadings === 0,
      'what is kept must go before what waits',
    );
  }

  /** So many gap records of the buffer's own were committed first. */
  #bookOwn(entries: number, at: number): void {
    let left = entries;
    const own = { n: 0, count: 0, gaps: undefined, priority: 'high', own: true, committed: at } as const;
    if (this.#skipped !== undefined && left > 0) {
      this.#skips.push({ ...this.#skipped, heard: false });
      this.#skipped = undefined;
      this.#put(own, 1, 'live');
      left--;
    }
    must(
      left > 0 === this.#owed.size > 0,
      `${left} gap records are written, ${this.#owed.size} numbers are to be told`,
    );
    if (left > 0) this.#put(own, left, 'live');
    for (const [loss, reading] of this.#owed) this.#booked.set(loss, reading);
    this.#owed.clear();
  }

  #put(written: Pick<Piece, 'n' | 'count' | 'gaps' | 'priority' | 'own' | 'committed'>, size: number, to: Stream) {
    const { n, count, gaps, priority, own, committed } = written;
    const first = this.head;
    this.head += size;
    const fresh = { acked: new Set<number>(), seen: false, delivered: false, kept: false, forgone: false };
    this.pieces.push({ first, last: this.head - 1, n, count, gaps, priority, own, committed, where: to, ...fresh });
    this.#pending.entries += size;
    this.#pending.readings += count;
  }

  /** A lane's next segments are those that it must hand out, and what they always were. */
  took(lane: Stream, limit: number, segments: readonly Segment[], nameOf: (id: number) => StoredTag): void {
    const expected = this.pieces.filter(({ where }) => where === lane);
    must(segments.length > 0 || expected.length === 0, `nothing comes, and ${expected[0]?.first} waits`);
    for (const [i, segment] of segments.entries()) {
      const piece = expected[i];
      const place = `${lane} ${segment.first} to ${segment.last}`;
      must(piece?.first === segment.first && piece.last === segment.last, `${place} comes, not ${piece?.first}`);
      const before = segments[i - 1];
      must(before === undefined || before.last + 1 === segment.first, `${place} does not follow ${before?.last}`);
      must(
        before === undefined || before.last - (segments[0] as Segment).first < limit,
        `${place} is beyond the limit`,
      );
      must(segment.committed === piece.committed, `${place} has another time of its commit`);
      this.see(piece, segment, nameOf);
      piece.where = 'handed';
    }
  }

  /** The content of a segment is what it must be. */
  see(piece: Piece, { first, batch }: Pick<Segment, 'first' | 'batch'>, nameOf: (id: number) => StoredTag): void {
    must(batch.count === piece.count, `${first} holds ${batch.count} readings, not ${piece.count}`);
    const flaw = flawOf(batch, piece.n, nameOf);
    must(flaw === undefined, `${first}: ${flaw}`);
    if (piece.gaps !== undefined)
      must(isDeepStrictEqual(batch.gaps, piece.gaps), `${first} has other gap records: ${JSON.stringify(batch.gaps)}`);
    else {
      piece.gaps = batch.gaps;
      for (const gap of batch.gaps) this.#hear(gap);
    }
    piece.seen = true;
  }

  /** A gap record of the buffer's own names what was given up, with its count, and nothing else. */
  #hear({ reason, range, count, from, to }: Gap): void {
    must(to !== null && from <= to, `a gap record (${reason}) from ${from} to ${to}`);
    if (range === undefined) return;
    const { first, last } = range;
    must(range.epoch === this.epoch, 'a gap record about another epoch');
    if (reason === 'numbers-skipped') {
      const skip = this.#skips.find((each) => each.first === first && each.last === last);
      must(skip !== undefined, `${first} to ${last} were not skipped`);
      skip.heard = true;
      return;
    }
    let readings = 0;
    for (let seq = first; seq <= last; seq++) {
      const loss = lossOf(seq, reason);
      const reading = this.#booked.get(loss) ?? this.#told.get(loss);
      must(
        reading !== undefined,
        `a gap record from ${first} to ${last} says ${reason} of ${seq}, which is not lost so`,
      );
      if (reading) readings++;
      this.#booked.delete(loss);
      this.#told.set(loss, reading);
      this.#toldNumbers.add(seq);
    }
    must(count === readings, `a gap record counts ${count} readings from ${first} on, there were ${readings}`);
  }

  /** Entries of a segment that was handed out. */
  acked(piece: Piece, first: number, last: number): number {
    let readings = 0;
    for (let seq = first; seq <= last; seq++) {
      if (piece.acked.has(seq)) continue;
      piece.acked.add(seq);
      this.#pending.entries--;
      if (seq >= piece.first + piece.count) continue;
      readings++;
      this.#pending.readings--;
    }
    return readings;
  }

  gaveUp(piece: Piece, first: number, last: number): void {
    const readings = this.acked(piece, first, last);
    this.#count('too-large', readings);
    piece.forgone = true;
    for (let seq = first; seq <= last; seq++) this.#owed.set(lossOf(seq, 'too-large'), seq < piece.first + piece.count);
  }

  #count(reason: GapReason, readings: number): void {
    this.#dropped = { ...this.#dropped, [reason]: (this.#dropped[reason] ?? 0) + readings };
  }

  split(): void {
    for (const piece of this.pieces) if (piece.where === 'live') piece.where = 'backfill';
  }

  /** What is kept of this time waits again; how many readings that is. */
  replayed(from: number, to: number): number {
    let readings = 0;
    for (const piece of this.pieces) {
      const [oldest, newest] = timesOf(piece);
      if (!piece.kept || newest < from || oldest > to) continue;
      piece.kept = false;
      piece.where = 'backfill';
      readings += piece.count;
      this.#pending.entries += entriesOf(piece);
      this.#pending.readings += piece.count;
    }
    return readings;
  }

  /** Everything was handed out and acknowledged: what was promised has come, or a gap record that has come names it. */
  ended(): void {
    const silent = [...this.#booked.keys()].slice(0, 5);
    must(this.#owed.size + silent.length === 0, `no gap record that came tells of ${silent.join(', ')}`);
    for (const { first, last, heard } of this.#skips)
      must(heard, `nothing tells that ${first} to ${last} were skipped`);
    this.account();
  }

  /**
   * Sums up what has become of everything. @param lost after damage: numbers of which gap records outside of the model
   * tell. A gap record can be among them; then what it told is told no more, and was counted.
   */
  account(lost?: ReadonlySet<number>): void {
    const untold = lost === undefined ? [] : [...this.#booked.keys()].map((loss) => Number(loss.split(' ')[0]));
    const explained = new Set([...(lost ?? []), ...untold]);
    for (const { first, last, count, priority, seen } of this.pieces)
      for (let seq = first; seq <= last; seq++) {
        const told = this.#toldNumbers.has(seq) || (!seen && explained.has(seq));
        must(seen || told, `${seq} has not come, and nothing says so`);
        if (told) this.#tally.told++;
        if (seq < first + count) this.#tally[told ? 'dropped' : 'delivered'][priority]++;
      }
  }

  /** After `close`, when nothing is too old. @param head the number after the gap records that this wrote */
  closed(head: number, at: number): void {
    this.#settle();
    this.#bookOwn(head - this.head, at);
  }
}

const rank = ({ priority }: Piece) => (priority === 'high' ? 1 : 0);

function timesOf({ n, count, committed }: Piece): readonly [oldest: number, newest: number] {
  if (count > 0) return [timeOf(n), timeOf(n + count - 1)];
  const at = (committed - Date.UTC(2020, 0, 1)) * 10_000;
  return [at, at];
}
