// The table of segments: what is asked of it, and its rows as batches and back. A row carries two checksums: one of its
// payload, and one of everything else that it says of itself, the epoch of its file included.

import { crc32 } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import { type Batch, entries } from '../model/batch.ts';
import type { Priority } from '../model/tag.ts';
import { fromMillis, type Timestamp } from '../model/time.ts';
import { named } from './named.ts';
import { isDamage, isStorageError } from './result.ts';
import { decodeSegment, encodeSegment } from './segment.ts';

/** Entries of one priority that are committed together; the tag column holds the dictionary's numbers. */
export interface Part {
  readonly priority: Priority;
  /** `batch.stream` says which lane it waits in; after a restart everything waits in the backfill lane. */
  readonly batch: Batch;
}

/** A stored segment without its payload. */
export interface Row {
  readonly first: number;
  readonly last: number;
  readonly readings: number;
  /** 0 normal, 1 high. */
  readonly priority: number;
  readonly committed: number;
  readonly oldest: Timestamp;
  readonly newest: Timestamp;
  readonly crc: number;
  /** CRC-32 of the columns; null in rows that a release before version 3 of the file wrote. */
  readonly sum: number | null;
  /** Length of the payload. */
  readonly bytes: number;
}

/** A part of a commit as it will be stored. */
export interface Encoded extends Part {
  readonly payload: Uint8Array;
}

export const encoded = (part: Part): Encoded => ({ ...part, payload: encodeSegment(part.batch) });

/** All but `sum`, which files of earlier versions do not have. */
export const ROW = `${named('first', 'last', 'readings', 'priority', 'committed', 'oldest', 'newest', 'crc')}, length(payload) AS bytes`;
const COLUMNS = `${ROW}, ${named('sum')}`;

/** @param db an open buffer file */
export function segmentStatements(db: Database) {
  const select = (where: string) => db.prepare(`SELECT ${COLUMNS} FROM segment WHERE ${where}`);
  return {
    insert: db.prepare(
      'INSERT INTO segment (first, last, readings, priority, committed, oldest, newest, crc, sum, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    from: select('first >= ? ORDER BY first'),
    before: select('first < ? ORDER BY first DESC'),
    payload: db.prepare('SELECT payload FROM segment WHERE first = ?').pluck(),
    evictable: select('priority = ? AND first >= ? ORDER BY first'),
    within: select('first BETWEEN ? AND ? ORDER BY first'),
    between: select('first BETWEEN ? AND ? AND newest >= ? AND oldest <= ? ORDER BY first'),
    deleteOne: db.prepare('DELETE FROM segment WHERE first = ?'),
    committedAt: db.prepare(`SELECT ${named('committed')} FROM segment WHERE first >= ? ORDER BY first LIMIT 1`),
  };
}

export type SegmentStatements = ReturnType<typeof segmentStatements>;

/** The checksum of a row's columns. Doubles as text, because that is exact and knows no byte order. */
function sumOf(epoch: string, row: Omit<Row, 'sum' | 'bytes'>): number {
  const { first, last, readings, priority, committed, oldest, newest, crc } = row;
  return crc32(`${epoch} ${first} ${last} ${readings} ${priority} ${committed} ${oldest} ${newest} ${crc}`);
}

/**
 * Whether a row is what was written. @param summed rows from this number on must have a checksum; of older ones only
 * what cannot be is known, and what their payload says (`readSegment`)
 */
export function soundRow(row: Row, epoch: string, summed: number): boolean {
  if (row.sum !== null || row.first >= summed) return row.sum === sumOf(epoch, row);
  const { first, last, readings, committed, oldest, newest, crc } = row;
  return (
    [first, last, readings, committed, crc].every((each) => Number.isSafeInteger(each) && each >= 0) &&
    Number.isFinite(oldest) &&
    Number.isFinite(newest) &&
    last >= first &&
    readings <= last - first + 1
  );
}

/** Stores a segment whose first entry gets the number `at`; returns the number of the next. */
export function insertSegment(insert: Statement, part: Encoded, epoch: string, committed: number, at: number): number {
  const { batch, payload } = part;
  const end = at + entries(batch);
  const [oldest, newest] = extremes(batch, committed);
  const priority = part.priority === 'high' ? 1 : 0;
  const row = { first: at, last: end - 1, readings: batch.count, priority, committed, oldest, newest };
  const crc = crc32(payload);
  const sum = sumOf(epoch, { ...row, crc });
  insert.run(at, row.last, row.readings, priority, committed, oldest, newest, crc, sum, payload);
  return end;
}

/** Undefined when the payload cannot be had: B5. */
export function readSegment({ first, last, readings, crc }: Row, select: Pick<Statement, 'get'>): Batch | undefined {
  try {
    const payload = select.get(first) as Uint8Array;
    if (crc32(payload) !== crc) return undefined;
    const batch = decodeSegment(payload);
    return batch.count === readings && entries(batch) === last - first + 1 ? batch : undefined;
  } catch (error) {
    // SQLite cannot follow the payload's pages; or the CRC holds and the content does not, written by a release with
    // another format. A disk that does not answer is another matter: the segment may be sound.
    if (isStorageError(error) && !isDamage(error)) throw error;
    return undefined;
  }
}

function extremes(batch: Batch, committed: number): [oldest: Timestamp, newest: Timestamp] {
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < batch.count; i++) {
    const time = batch.time[i] as number;
    if (time < oldest) oldest = time;
    if (time > newest) newest = time;
  }
  return oldest <= newest ? [oldest, newest] : [fromMillis(committed), fromMillis(committed)];
}
