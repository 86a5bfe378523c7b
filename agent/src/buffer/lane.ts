// The part of a lane that is handed out next: segments whose rows and payloads are what was written, and the numbers for
// which there is no such segment.

import type { Segment } from './contract.ts';
import { type Row, readSegment, type SegmentStatements } from './table.ts';

/** Payloads handed out at once, in bytes: bounds the memory of delivery when values are large. */
const MAX_TAKE_BYTES = 1024 * 1024;

/** Numbers that the file should hold and does not. `row`: what is left of the segment, when its columns are sound. */
export interface Lost {
  readonly first: number;
  readonly last: number;
  readonly row?: Row;
}

export interface Taken {
  /** They follow each other without a hole. */
  readonly segments: readonly Segment[];
  /** Before the segments, in the order of their numbers. */
  readonly lost: readonly Lost[];
  /** The last number that is dealt with. */
  readonly end: number;
}

/**
 * Reads numbers `start` to `end`, all of which the file should hold.
 * @param limit about so many entries, at least one segment if there is any
 * @param sound whether a row is what was written
 */
export function readLane(
  sql: Pick<SegmentStatements, 'from'> & { readonly payload: Pick<SegmentStatements['payload'], 'get'> },
  start: number,
  end: number,
  limit: number,
  sound: (row: Row) => boolean,
): Taken {
  const segments: Segment[] = [];
  const lost: Lost[] = [];
  let expected = start;
  let bytes = 0;
  for (const row of sql.from.iterate(start) as Iterable<Row>) {
    if (row.first > end) break;
    // A row that is not what was written, or that ends beyond what the file has given, is no row: its numbers are a hole.
    if (row.first < expected || row.last > end || !sound(row)) continue;
    if (row.first > expected) {
      if (segments.length > 0) return { segments, lost, end: expected - 1 };
      lost.push({ first: expected, last: row.first - 1 });
      expected = row.first;
    }
    if (segments.length > 0 && (row.last - start >= limit || bytes >= MAX_TAKE_BYTES))
      return { segments, lost, end: expected - 1 };
    const batch = readSegment(row, sql.payload);
    // Where a row without a checksum ends is not known either.
    if (batch === undefined && row.sum === null) continue;
    if (batch === undefined) {
      if (segments.length > 0) return { segments, lost, end: expected - 1 };
      lost.push({ first: row.first, last: row.last, row });
    } else {
      segments.push({ first: row.first, last: row.last, committed: row.committed, batch });
      bytes += row.bytes;
    }
    expected = row.last + 1;
  }
  if (expected > end) return { segments, lost, end };
  if (segments.length > 0) return { segments, lost, end: expected - 1 };
  return { segments, lost: [...lost, { first: expected, last: end }], end };
}
