// Salvage: what a set-aside file still holds is delivered under its old epoch and numbers, and what cannot be had is
// said. It promises:
//
// - The file is never changed; how far it came stands in a mark beside it, so that a restart goes on from there.
// - Every number of the file is handed out, or named by a gap record; what was acknowledged may come twice after a
//   crash. What the file says was delivered, and keeps for a replay only, is passed over.
// - A reading whose tag's name is lost is not delivered under a wrong one: its segment counts as lost.

import { statSync } from 'node:fs';
import type { Batch } from '../model/batch.ts';
import type { Gap, GapReason } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import { fromMillis, now, type Timestamp } from '../model/time.ts';
import type { StoredTag } from './dictionary.ts';
import { readProgress, writeProgress } from './progress.ts';
import { add, type Range, remove } from './ranges.ts';
import { type Found, openReader } from './reader.ts';
import type { Row } from './table.ts';

export interface SalvageStats {
  /** The file that was set aside. */
  readonly file: string;
  readonly epoch: string;
  /** Numbers that are still to be looked at. */
  readonly waiting: number;
  /** Readings delivered and lost, earlier runs included. */
  readonly delivered: number;
  readonly lost: number;
  /** Readings delivered since this start. */
  readonly deliveredNow: number;
  /** Readings lost since this start, by reason. */
  readonly dropped: Readonly<Partial<Record<GapReason, number>>>;
  /** Those of them that are numbers for which there is no segment: a few may have been gap records. */
  readonly missingNumbers: number;
  readonly done: boolean;
}

export interface Salvage {
  readonly epoch: string;
  tag(id: number): StoredTag;
  /** Why it stopped before its end; the next start goes on. */
  readonly trouble: unknown;
  /** Everything comes by the backfill lane. Numbers that the file does not hold count too. */
  waiting(stream: Stream): number;
  /** As the buffer's `next`. */
  next(stream: Stream, limit: number): { readonly first: number; readonly batch: Batch }[];
  ack(first: number, last: number, readings: number): void;
  giveUp(
    reason: GapReason,
    first: number,
    last: number,
    readings: number,
    times?: readonly [Timestamp, Timestamp],
  ): void;
  /** Writes how far it came. @param keep commits gap records in the new file; when it throws, nothing is forgotten */
  tidy(keep: (gaps: readonly Gap[]) => void): void;
  stats(): SalvageStats;
  close(): void;
}

/** Payloads handed out at once, in bytes. */
const MAX_TAKE_BYTES = 1024 * 1024;

/** Undefined when the file does not even tell its epoch: its numbers would mean nothing. Throws as `openReader`. */
export function openSalvage(file: string): Salvage | undefined {
  const reader = openReader(file);
  const { epoch } = reader;
  if (epoch === undefined) {
    reader.close();
    return undefined;
  }
  const begun = readProgress(file);
  let { delivered, lost, done } = begun;
  /** The next number to hand out; infinite at the end. */
  let position = begun.next;
  let last = reader.next - 1;
  const walk = reader.walk(position)[Symbol.iterator]();
  let ahead: Found | undefined;
  let handed: Range[] = [];
  let owed: Gap[] = [];
  const dropped: Partial<Record<GapReason, number>> = {};
  /** The time up to which the segments before were committed; at first, when the file was made. */
  let before: Timestamp = fromMillis(Math.floor(statSync(file).birthtimeMs));
  /** Unreadable numbers whose end in time is not known before the next segment is seen. */
  let hidden: { readonly range: Range; readonly from: Timestamp } | undefined;
  let changed = false;
  let missingNumbers = 0;
  let trouble: unknown;

  /** @param count readings; undefined: not known, then each number counts as one */
  function lose(reason: GapReason, range: Range, from: Timestamp, to: Timestamp, count?: number): void {
    const readings = count ?? range[1] - range[0] + 1;
    if (count === undefined) missingNumbers += readings;
    owed.push({
      reason,
      from: Math.min(from, to),
      to,
      ...(count !== undefined && { count }),
      range: { epoch: epoch as string, first: range[0], last: range[1] },
    });
    lost += readings;
    dropped[reason] = (dropped[reason] ?? 0) + readings;
    changed = true;
  }

  function reveal(until: Timestamp): void {
    if (hidden === undefined) return;
    const { range, from } = hidden;
    hidden = undefined;
    lose('buffer-damaged', range, from, until);
  }

  function peek(): Found | undefined {
    if (ahead !== undefined) return ahead;
    const { value, done: ended } = walk.next();
    ahead = ended === true ? undefined : value;
    return ahead;
  }

  function content(row: Row): Batch | undefined {
    const batch = reader.read(row);
    if (batch === undefined) return undefined;
    for (let i = 0; i < batch.count; i++) if (reader.tag(batch.tag[i] as number) === undefined) return undefined;
    return batch;
  }

  function take(parts: { first: number; batch: Batch }[], limit: number): void {
    let bytes = 0;
    for (let found = peek(); found !== undefined; found = peek()) {
      if (found.type === 'unreadable') {
        if (parts.length > 0) return;
        if (hidden !== undefined && hidden.range[1] + 1 !== found.range[0]) reveal(hidden.from);
        hidden = { range: [hidden?.range[0] ?? found.range[0], found.range[1]], from: before };
        position = found.range[1] + 1;
      } else {
        const { row } = found;
        const enough = row.last - (parts[0]?.first ?? row.first) >= limit || bytes >= MAX_TAKE_BYTES;
        if (parts.length > 0 && (row.first !== position || enough)) return;
        reveal(fromMillis(row.committed));
        const batch = content(row);
        if (batch !== undefined) {
          parts.push({ first: row.first, batch });
          handed = add(handed, row.first, row.last);
          bytes += row.bytes;
        } else lose('buffer-damaged', [row.first, row.last], row.oldest, row.newest, row.readings);
        before = fromMillis(row.committed);
        position = row.last + 1;
        last = Math.max(last, row.last);
      }
      ahead = undefined;
    }
    reveal(now());
    position = Number.POSITIVE_INFINITY;
  }

  const salvage: Salvage = {
    epoch,
    get trouble() {
      return trouble;
    },
    tag: (id) => reader.tag(id) ?? { name: `#${id}`, source: '' },
    waiting(stream) {
      const over = position === Number.POSITIVE_INFINITY || trouble !== undefined;
      return stream === 'live' || over ? 0 : Math.max(1, last - position + 1);
    },
    next(stream, limit) {
      if (salvage.waiting(stream) === 0) return [];
      const parts: { first: number; batch: Batch }[] = [];
      try {
        take(parts, limit);
      } catch (error) {
        // A disk that does not answer must not keep live readings from being sent: the next start goes on here.
        trouble = error;
      }
      return parts;
    },
    ack(first, last, readings) {
      handed = remove(handed, first, last);
      delivered += readings;
      changed = true;
    },
    giveUp(reason, first, last, readings, [from, to] = [now(), now()]) {
      handed = remove(handed, first, last);
      lose(reason, [first, last], from, to, readings);
    },
    tidy(keep) {
      const ended = position === Number.POSITIVE_INFINITY && handed.length === 0;
      if (done || (!changed && !ended)) return;
      if (owed.length > 0) keep(owed);
      owed = [];
      const next = handed[0]?.[0] ?? hidden?.range[0] ?? (ended ? last + 1 : position);
      writeProgress(file, { next, delivered, lost, done: ended });
      changed = false;
      done = ended;
    },
    stats: () => ({
      file,
      epoch,
      waiting: salvage.waiting('backfill'),
      delivered,
      lost,
      deliveredNow: delivered - begun.delivered,
      dropped: { ...dropped },
      missingNumbers,
      done,
    }),
    close: () => reader.close(),
  };
  return salvage;
}
