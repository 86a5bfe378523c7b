// What was delivered and stays for a while: a hub may lose in a power cut what it has acknowledged, and then it can be
// replayed. A run of delivered numbers is one short row; payloads are not touched. Ages are counted in the time that
// the gateway ran: a night without power, or a step of the clock, does not end the window before anybody can use it.

import type { Database } from 'better-sqlite3';
import type { openMeta } from './meta.ts';
import { add, type Range, remove } from './ranges.ts';
import type { Row } from './table.ts';

/** Whole segments that were delivered within one tick. */
export interface Run {
  readonly first: number;
  readonly last: number;
  /** When, in ms of running time. */
  readonly at: number;
}

export interface Kept {
  /** Sorted by number, disjoint. */
  readonly runs: readonly Run[];
  readonly readings: number;
  /** Bytes of their payloads. */
  readonly bytes: number;
}

export type KeptRow = Pick<Row, 'first' | 'last' | 'readings' | 'bytes'>;

export const NOTHING_KEPT: Kept = { runs: [], readings: 0, bytes: 0 };

const size = (runs: readonly Run[]) => runs.reduce((sum, { first, last }) => sum + last - first + 1, 0);

/** The numbers of segments, which follow each other or do not. */
export const numbersOf = (rows: readonly Pick<Row, 'first' | 'last'>[]): Range[] =>
  rows.reduce<Range[]>((ranges, { first, last }) => {
    const before = ranges.at(-1);
    if (before?.[1] !== first - 1) return add(ranges, first, last);
    ranges[ranges.length - 1] = [before[0], last];
    return ranges;
  }, []);

/**
 * Undefined when the runs are not those that were written: then nothing counts as delivered, for what comes twice is
 * no loss, and what is skipped wrongly is. @param db a file of version 2 or later
 */
export function readKept(db: Database): Kept | undefined {
  const runs = db.prepare('SELECT first, last, at FROM delivered ORDER BY first').all() as Run[];
  const text = db.prepare("SELECT value FROM meta WHERE key = 'kept'").pluck().get();
  if (runs.length === 0) return NOTHING_KEPT;
  try {
    const { entries, readings, bytes } = JSON.parse(String(text));
    const sound = runs.every(({ first, last, at }, i) => {
      const after = runs[i - 1]?.last ?? 0;
      return [first, last, at].every(Number.isSafeInteger) && first > after && last >= first;
    });
    return sound && size(runs) === entries ? { runs, readings, bytes } : undefined;
  } catch {
    return undefined;
  }
}

/** Its changes belong into a transaction with what they follow from; they return what is kept then. */
export function keptTable(db: Database, meta: ReturnType<typeof openMeta>) {
  const insert = db.prepare('INSERT INTO delivered (first, last, at) VALUES (?, ?, ?)');
  const erase = db.prepare('DELETE FROM delivered WHERE first = ?');

  function written(runs: Run[], readings: number, bytes: number): Kept {
    // With the number of entries, by which damage to the runs shows.
    meta.set('kept', JSON.stringify({ entries: size(runs), readings, bytes }));
    return { runs, readings, bytes };
  }

  const total = (rows: readonly KeptRow[], key: 'readings' | 'bytes') => rows.reduce((sum, row) => sum + row[key], 0);

  return {
    /** @param rows whole segments, delivered, by number */
    keep(kept: Kept, rows: readonly KeptRow[], at: number): Kept {
      if (rows.length === 0) return kept;
      const more = numbersOf(rows).map(([first, last]): Run => ({ first, last, at }));
      for (const { first, last } of more) insert.run(first, last, at);
      const runs = [...kept.runs, ...more].sort((a, b) => a.first - b.first);
      return written(runs, kept.readings + total(rows, 'readings'), kept.bytes + total(rows, 'bytes'));
    },

    /** These segments, which are kept, are so no more: they leave the file, or are to be sent again. */
    forget(kept: Kept, rows: readonly KeptRow[]): Kept {
      if (rows.length === 0) return kept;
      const gone = numbersOf(rows);
      const runs = kept.runs.flatMap((run): Run[] => {
        const touched = gone.filter(([first, last]) => first <= run.last && last >= run.first);
        if (touched.length === 0) return [run];
        const rest = touched.reduce<Range[]>((left, range) => remove(left, ...range), [[run.first, run.last]]);
        erase.run(run.first);
        for (const [first, last] of rest) insert.run(first, last, run.at);
        return rest.map(([first, last]) => ({ first, last, at: run.at }));
      });
      return written(runs, kept.readings - total(rows, 'readings'), kept.bytes - total(rows, 'bytes'));
    },

    clear(): Kept {
      db.exec('DELETE FROM delivered');
      return NOTHING_KEPT;
    },
  };
}
