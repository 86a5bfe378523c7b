// What the buffer offers, and what it tells of itself. Its invariants stand in buffer.ts.

import type { Batch } from '../model/batch.ts';
import type { GapReason } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import type { Timestamp } from '../model/time.ts';
import type { Dictionary } from './dictionary.ts';
import type { Part } from './table.ts';

/** A stored segment, decoded. Its entry k has the number `first + k`; gap records come after the readings. */
export interface Segment {
  readonly first: number;
  readonly last: number;
  /** When it was committed, or the last of it accepted, ms since 1970. */
  readonly committed: number;
  readonly batch: Batch;
}

export interface BufferStats {
  /** Entries (readings and gap records) not yet acknowledged. */
  readonly pending: number;
  /** Those of them that are readings. */
  readonly pendingReadings: number;
  /** Bytes on disk that hold something: database pages in use, and the WAL at its bound. */
  readonly bytes: number;
  /** Most that `bytes` may become: `buffer.maxSize`. */
  readonly maxBytes: number;
  readonly committedReadings: number;
  /** Bytes of the payloads committed since the file was opened. */
  readonly committedBytes: number;
  /** Readings given up since the file was opened, by reason. */
  readonly dropped: Readonly<Partial<Record<GapReason, number>>>;
  /** Those of them that are numbers which the file should hold and does not: a few may have been gap records. */
  readonly missingNumbers: number;
  /** Entries that wait in the backfill lane. */
  readonly backlog: number;
  /** Commit time of the oldest segment that is not handed out yet, ms since 1970. */
  readonly oldest: number | null;
  readonly commits: number;
  /** Readings that were delivered and are kept for a replay, and the bytes of their payloads. */
  readonly keptReadings: number;
  readonly keptBytes: number;
}

export interface Buffer {
  readonly epoch: string;
  /** When the gateway that used this file before was last known to be alive; null for a new file. */
  readonly lastAlive: Timestamp | null;
  /** Where a damaged file went at the start, if there was one. */
  readonly setAside: string | undefined;
  readonly dictionary: Dictionary;
  /**
   * Commits parts in one transaction, in their order. Throws a Fault `buffer.full` or `buffer.disk`; then nothing was
   * kept. After `buffer.damaged` the process should end: the next opening sets the file aside.
   * @param known everything that the gateway accepted before is in these parts or was committed, ms since 1970;
   * absent: everything until now
   */
  append(parts: readonly Part[], known?: number): void;
  /** Entries of a lane that are not handed out yet. Numbers that are missing in the file count too. */
  waiting(stream: Stream): number;
  /**
   * The next segments of a lane that follow each other without a hole in their numbers, up to about `limit`
   * entries or 1 MB as stored, but at least one segment if there is any. Each entry is handed out once; the caller keeps it until it
   * is acknowledged. Throws a Fault as `append` does; then nothing was handed out.
   */
  next(stream: Stream, limit: number): Segment[];
  /** These entries, so many readings among them, were delivered. What was not handed out, or was acknowledged before, is passed over. */
  ack(first: number, last: number, readings: number): void;
  /** Everything that is not handed out yet becomes backlog; the live lane begins anew with the next commit. */
  split(): void;
  /**
   * Entries that were handed out and cannot be delivered: counted, and reported by a gap record.
   * @param times of the first and the last of them; absent: not known, and the record says when they were given up
   */
  giveUp(
    reason: GapReason,
    first: number,
    last: number,
    readings: number,
    times?: readonly [Timestamp, Timestamp],
  ): void;
  /**
   * Delivered segments that are still kept and hold readings of this time (both ends included) wait in the backfill
   * lane again, under their old numbers. Returns how many readings that is. Throws a Fault as `append` does; then
   * nothing was changed.
   */
  replay(from: Timestamp, to: Timestamp): number;
  /**
   * Writes the acknowledgements of the last while and frees the space of what need not be kept. Cheap when there is
   * nothing to do. Throws a Fault as `append` does; `buffer.damaged` also when somebody has removed the file.
   * @param idle nothing waits for its commit, so the gateway is known to have kept everything until now
   */
  tidy(idle: boolean): void;
  stats(): BufferStats;
  /** @param idle as for `tidy`; false when the last readings could not be committed */
  close(idle?: boolean): void;
}
