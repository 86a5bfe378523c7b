// Which segments leave the file: to make room, because they waited too long, or because they were kept long enough
// after their delivery. Choices only; the buffer acts on them, in its transactions.

import { isDamage } from './file.ts';
import type { Kept, KeptRow } from './kept.ts';
import { covers, type Range } from './ranges.ts';
import type { Encoded, Row, segmentStatements } from './table.ts';

/** How much is given up at once when the buffer is full, as a share of `maxSize`: few gap records instead of many. */
const EVICT_SHARE = 0.01;
/** Pages kept free for what a commit needs besides its payloads: gap records, inner pages of the tree, the head. */
const SPARE_PAGES = 16;
/** Segments that leave for their age at once: a commit must not wait long behind them. */
const MAX_AT_ONCE = 1_000;

export interface Limits {
  readonly maxSize: number;
  readonly maxPages: number;
  readonly pageSize: number;
  /** Absent: nothing waits too long. */
  readonly maxAge: number | undefined;
}

/** What makes room: delivered segments first, which costs nothing, then waiting ones. */
export interface Victims {
  readonly kept: readonly KeptRow[];
  readonly waiting: readonly Row[];
}

/** @param usedPages how many pages of the file hold something */
export function leaving(sql: ReturnType<typeof segmentStatements>, limits: Limits, usedPages: () => number) {
  const { maxSize, maxPages, pageSize, maxAge } = limits;
  /** Segments, by their first number, that are done with and cannot be deleted. */
  const unremovable = new Set<number>();

  /**
   * Whether SQLite can follow the pages of a segment. One that it cannot stays in the file: its space is lost, and its
   * neighbours are not. To be asked before a transaction, which damage that is met within would spoil.
   */
  function isRemovable({ first }: Pick<Row, 'first'>): boolean {
    if (unremovable.has(first)) return false;
    try {
      sql.payload.get(first);
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      unremovable.add(first);
      return false;
    }
  }

  /** Those delivered first come first. */
  function* delivered({ runs }: Kept, until = Number.POSITIVE_INFINITY): Generator<KeptRow> {
    for (const { first, last, at } of runs.toSorted((a, b) => a.at - b.at || a.first - b.first)) {
      if (at > until) return;
      yield* sql.within.iterate(first, last, last) as Iterable<KeptRow>;
    }
  }

  return {
    isRemovable,

    /**
     * What makes room for `coming`: what was delivered, then what waits (numbers not handed out, by `waiting`), oldest
     * first, normal priority before high, until 1 % of the size is free again.
     */
    victims(coming: readonly Encoded[], kept: Kept, waiting: readonly Range[]): Victims {
      const wanted = coming.reduce((pages, { payload }) => pages + Math.ceil(payload.length / pageSize), SPARE_PAGES);
      const excess = usedPages() + wanted - maxPages;
      const found = { kept: [] as KeptRow[], waiting: [] as Row[] };
      if (excess <= 0) return found;
      let bytes = excess * pageSize + Math.max(maxSize * EVICT_SHARE, 256 * 1024);
      for (const row of delivered(kept)) {
        if (bytes <= 0) return found;
        if (!isRemovable(row)) continue;
        found.kept.push(row);
        bytes -= row.bytes;
      }
      for (const priority of [0, 1]) {
        for (const row of sql.evictable.iterate(priority, waiting[0]?.[0] ?? 0) as Iterable<Row>) {
          if (bytes <= 0) return found;
          if (!covers(waiting, row.first, row.last) || !isRemovable(row)) continue;
          found.waiting.push(row);
          bytes -= row.bytes;
        }
      }
      return found;
    },

    /** What has waited longer than `maxAge` and is not handed out. By the wall clock, because age outlives a restart. */
    expired(waiting: readonly Range[]): Row[] {
      if (maxAge === undefined) return [];
      const limit = Date.now() - maxAge;
      const found: Row[] = [];
      for (const row of sql.from.iterate(waiting[0]?.[0] ?? 0) as Iterable<Row>) {
        if (row.committed >= limit || found.length >= MAX_AT_ONCE) break;
        if (covers(waiting, row.first, row.last) && isRemovable(row)) found.push(row);
      }
      return found;
    },

    /** What was delivered at `until` or before, in running time. */
    outlived(kept: Kept, until: number): KeptRow[] {
      const found: KeptRow[] = [];
      for (const row of delivered(kept, until)) {
        if (found.length >= MAX_AT_ONCE) break;
        if (isRemovable(row)) found.push(row);
      }
      return found;
    },
  };
}
