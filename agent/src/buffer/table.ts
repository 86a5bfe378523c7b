// The table of segments: what is asked of it, and its rows as batches and back.

import { crc32 } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import { type Batch, entries } from '../model/batch.ts';
import type { Priority } from '../model/tag.ts';
import { fromMillis, type Timestamp } from '../model/time.ts';
import { isDamage, isStorageError } from './file.ts';
import { decodeSegment, encodeSegment } from './segment.ts';

/** Entries of one priority that are committed together; the tag column holds the dictionary's numbers. */
export interface Part {
  readonly priority: Priority;
  readonly batch: Batch;
}

/** A stored segment without its payload. */
export interface Row {
  readonly first: number;
  readonly last: number;
  readonly readings: number;
  readonly committed: number;
  readonly oldest: Timestamp;
  readonly newest: Timestamp;
  readonly crc: number;
  /** Length of the payload. */
  readonly bytes: number;
}

/** A part of a commit as it will be stored. */
export interface Encoded extends Part {
  readonly payload: Uint8Array;
}

export const encoded = (part: Part): Encoded => ({ ...part, payload: encodeSegment(part.batch) });

/** @param db an open buffer file */
export function segmentStatements(db: Database) {
  return {
    insert: db.prepare(
      'INSERT INTO segment (first, last, readings, priority, committed, oldest, newest, crc, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    from: db.prepare(
      'SELECT first, last, readings, committed, oldest, newest, crc, length(payload) AS bytes FROM segment WHERE first >= ? ORDER BY first',
    ),
    payload: db.prepare('SELECT payload FROM segment WHERE first = ?').pluck(),
    evictable: db.prepare(
      'SELECT first, last, readings, oldest, newest, length(payload) AS bytes FROM segment WHERE priority = ? AND first >= ? ORDER BY first',
    ),
    within: db.prepare(
      'SELECT first, last, readings, length(payload) AS bytes FROM segment WHERE first BETWEEN ? AND ? AND last <= ? ORDER BY first',
    ),
    between: db.prepare(
      'SELECT first, last, readings, length(payload) AS bytes FROM segment WHERE first BETWEEN ? AND ? AND newest >= ? AND oldest <= ? ORDER BY first',
    ),
    deleteOne: db.prepare('DELETE FROM segment WHERE first = ?'),
    lastFrom: db.prepare('SELECT last FROM segment WHERE first <= ? ORDER BY first DESC LIMIT 1').pluck(),
    newest: db.prepare('SELECT last, committed FROM segment ORDER BY first DESC LIMIT 1'),
    committedAt: db.prepare('SELECT committed FROM segment WHERE first >= ? ORDER BY first LIMIT 1'),
  };
}

/** Stores a segment whose first entry gets the number `at`; returns the number of the next. */
export function insertSegment(insert: Statement, part: Encoded, committed: number, at: number): number {
  const { priority, batch, payload } = part;
  const end = at + entries(batch);
  const [oldest, newest] = extremes(batch, committed);
  const high = priority === 'high' ? 1 : 0;
  insert.run(at, end - 1, batch.count, high, committed, oldest, newest, crc32(payload), payload);
  return end;
}

/** Undefined when the payload cannot be had: B5. */
export function readSegment({ first, crc }: Row, select: Statement): Batch | undefined {
  try {
    const payload = select.get(first) as Uint8Array;
    return crc32(payload) === crc ? decodeSegment(payload) : undefined;
  } catch (error) {
    // SQLite cannot follow the payload's pages; or the CRC holds and the content does not, written by a release with
    // another format. A disk that does not answer is another matter: the segment may be sound.
    if (isStorageError(error) && !isDamage(error)) throw error;
    return undefined;
  }
}

function extremes(batch: Batch, committed: number): [oldest: Timestamp, newest: Timestamp] {
  if (batch.count === 0) return [fromMillis(committed), fromMillis(committed)];
  let oldest = batch.time[0] as number;
  let newest = oldest;
  for (let i = 1; i < batch.count; i++) {
    const time = batch.time[i] as number;
    if (time < oldest) oldest = time;
    else if (time > newest) newest = time;
  }
  return [oldest, newest];
}
