// What a file of version 1 or 2 holds. They had no checksum of rows and did not write down what had left them: a hole
// between two segments counts as delivered, because there is no telling.

import type { Database } from 'better-sqlite3';
import type { Run } from './done.ts';
import { covers, type Range } from './ranges.ts';

interface Head {
  readonly first: number;
  readonly last: number;
  readonly readings: number;
}

export interface Earlier {
  readonly epoch: string | undefined;
  /** The next number to be given. */
  readonly next: number;
  readonly alive: number;
  readonly ran: number;
  /** Readings that are not delivered. */
  readonly readings: number;
  /** Every number below `next` that is delivered or has left the file. */
  readonly runs: readonly Run[];
  readonly kept: { readonly readings: number; readonly bytes: number };
}

/** Reads the heads of all segments. Of runs of delivered numbers that do not add up none counts: what comes twice is no loss. */
export function earlierHoldings(db: Database, version: number): Earlier {
  const meta = new Map(
    (db.prepare('SELECT key, value FROM meta').all() as { key: string; value: unknown }[]).map(({ key, value }) => [
      key,
      value,
    ]),
  );
  const delivered = version === 2 ? readDelivered(db, String(meta.get('kept'))) : undefined;
  const keptRanges = (delivered?.runs ?? []).map(({ first, last }): Range => [first, last]);
  const runs: Run[] = [];
  let at = 1;
  let readings = 0;
  const gone = (first: number, last: number) => {
    if (first <= last) runs.push({ first, last, at: null });
  };
  const heads = db.prepare('SELECT first, last, readings FROM segment ORDER BY first').iterate() as Iterable<Head>;
  for (const { first, last, readings: held } of heads) {
    // A row that cannot be: it is found damaged when its turn comes.
    if (first < at || last < first) continue;
    gone(at, first - 1);
    if (covers(keptRanges, first, last)) {
      const run = delivered?.runs.find((each) => each.first <= first && each.last >= last) as Run;
      const before = runs.at(-1);
      if (before?.at === run.at && before.last === first - 1) runs[runs.length - 1] = { ...before, last };
      else runs.push({ first, last, at: run.at });
    } else readings += held;
    at = last + 1;
  }
  const next = Math.max(at, Number(meta.get('next') ?? 1));
  gone(at, next - 1);
  const epoch = meta.get('epoch');
  return {
    epoch: typeof epoch === 'string' ? epoch : undefined,
    next,
    alive: Number(meta.get('alive') ?? 0),
    ran: Number(meta.get('ran') ?? 0),
    readings,
    runs,
    kept: delivered ?? { readings: 0, bytes: 0 },
  };
}

/** The table of version 2, checked as its release did. */
export function readDelivered(db: Database, books: string) {
  const runs = db.prepare('SELECT first, last, at FROM delivered ORDER BY first').all() as Run[];
  try {
    const { entries, readings, bytes } = JSON.parse(books) as { entries: number; readings: number; bytes: number };
    const sound = runs.every(({ first, last, at }, i) => {
      const after = runs[i - 1]?.last ?? 0;
      return [first, last, at].every(Number.isSafeInteger) && first > after && last >= first;
    });
    const size = runs.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    return sound && size === entries ? { runs, readings, bytes } : undefined;
  } catch {
    return undefined;
  }
}
