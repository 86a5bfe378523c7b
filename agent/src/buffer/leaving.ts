// Which segments leave the file: to make room, because they waited too long, or because they were kept long enough
// after their delivery. Choices only; the buffer acts on them, in its transactions.

import { type Done, kept, type Run } from './done.ts';
import { covers, type Range } from './ranges.ts';
import { isDamage, isReadError } from './result.ts';
import type { Encoded, Row, SegmentStatements } from './table.ts';

/** How much is given up at once when the buffer is full, as a share of `maxSize`: few gap records instead of many. */
const EVICT_SHARE = 0.01;
/** Kept free for what a commit needs besides its payloads, bytes: gap records, inner pages of the tree, the head. */
const SPARE_BYTES = 128 * 1024;
/** Nothing leaves for its age so soon after the start, ms: a clock that was wrong at boot is set in this time. */
const AGE_GRACE = 60_000;
/** Segments that leave for their age at once: a commit must not wait long behind them. */
const MAX_AT_ONCE = 1_000;

export interface Limits {
  readonly maxSize: number;
  readonly maxPages: number;
  readonly pageSize: number;
  /** Absent: nothing waits too long. */
  readonly maxAge: number | undefined;
  /** Whether a row is what was written. */
  readonly sound: (row: Row) => boolean;
}

/** What was delivered and is to leave: whole numbers of runs, and the rows that can be deleted with them. */
export interface Outlived {
  readonly ranges: readonly Range[];
  readonly rows: readonly Row[];
}

/** What makes room: delivered segments first, which costs nothing, then waiting ones. */
export interface Victims {
  readonly kept: Outlived;
  readonly waiting: readonly Row[];
}

/** @param usedPages how many pages of the file hold something */
export function leaving(sql: SegmentStatements, limits: Limits, usedPages: () => number) {
  const { maxSize, maxPages, pageSize, maxAge, sound } = limits;
  const opened = { wall: Date.now(), steady: performance.now() };
  /** Segments, by their first number, that are done with and cannot be deleted. */
  const unremovable = new Set<number>();

  /**
   * Whether SQLite can follow the pages of a segment, and the disk gives them. One that it cannot stays in the file: its space is lost, and its
   * neighbours are not. To be asked before a transaction, which damage that is met within would spoil.
   */
  function isRemovable({ first }: Pick<Row, 'first'>): boolean {
    if (unremovable.has(first)) return false;
    try {
      sql.payload.get(first);
      return true;
    } catch (error) {
      if (!isDamage(error) && !isReadError(error)) throw error;
      unremovable.add(first);
      return false;
    }
  }

  /**
   * What is kept, those delivered first at first, as long as `more` says so. Rows that are not what was written leave with
   * the numbers that hold them.
   */
  function delivered({ runs }: Done, more: (run: Run, rows: readonly Row[]) => boolean): Outlived {
    const ranges: Range[] = [];
    const rows: Row[] = [];
    const oldest = kept({ runs }).sort((a, b) => (a.at ?? 0) - (b.at ?? 0) || a.first - b.first);
    for (const run of oldest) {
      if (!more(run, rows)) break;
      let end = run.last;
      for (const row of sql.within.iterate(run.first, run.last) as Iterable<Row>) {
        if (!more(run, rows)) {
          end = row.first - 1;
          break;
        }
        if (isRemovable(row)) rows.push(row);
      }
      if (end >= run.first) ranges.push([run.first, end]);
    }
    return { ranges, rows };
  }

  return {
    isRemovable,

    /**
     * What makes room for `coming`: what was delivered, then what waits (numbers not handed out, by `waiting`), oldest
     * first, normal priority before high, until 1 % of the size is free again.
     */
    victims(coming: readonly Encoded[], done: Done, waiting: readonly Range[]): Victims {
      const bytesOf = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + row.bytes, 0);
      const wanted = coming.reduce((sum, { payload }) => sum + payload.length + pageSize, SPARE_BYTES);
      const excess = usedPages() * pageSize + wanted - maxPages * pageSize;
      if (excess <= 0) return { kept: { ranges: [], rows: [] }, waiting: [] };
      const bytes = excess + Math.max(maxSize * EVICT_SHARE, 256 * 1024);
      let freed = 0;
      let counted = 0;
      const first = delivered(done, (_, rows) => {
        for (; counted < rows.length; counted++) freed += (rows[counted] as Row).bytes;
        return freed < bytes;
      });
      freed = bytesOf(first.rows);
      const found: Row[] = [];
      for (const priority of [0, 1]) {
        for (const row of sql.evictable.iterate(priority, waiting[0]?.[0] ?? 0) as Iterable<Row>) {
          if (freed >= bytes) return { kept: first, waiting: found };
          // A row that is not what was written is found damaged when its turn comes.
          if (!covers(waiting, row.first, row.last) || !sound(row) || !isRemovable(row)) continue;
          found.push(row);
          freed += row.bytes;
        }
      }
      return { kept: first, waiting: found };
    },

    /**
     * What has waited longer than `maxAge` and is not handed out. By the wall clock, because age outlives a restart, but
     * only as far as the clock that nobody sets agrees: a step ahead makes nothing older.
     */
    expired(waiting: readonly Range[]): Row[] {
      const up = performance.now() - opened.steady;
      if (maxAge === undefined || up < AGE_GRACE) return [];
      const limit = Math.min(Date.now(), opened.wall + up) - maxAge;
      const found: Row[] = [];
      for (const row of sql.from.iterate(waiting[0]?.[0] ?? 0) as Iterable<Row>) {
        if (!sound(row)) continue;
        if (row.committed >= limit || found.length >= MAX_AT_ONCE) break;
        if (covers(waiting, row.first, row.last) && isRemovable(row)) found.push(row);
      }
      return found;
    },

    /** What was delivered at `until` or before, in running time. */
    outlived(done: Done, until: number): Outlived {
      return delivered(done, ({ at }, rows) => (at ?? 0) <= until && rows.length < MAX_AT_ONCE);
    },
  };
}
