// A buffer file as something to read: one that was set aside, or one whose gateway is stopped. The file is never
// changed, not even by the recovery of its WAL: SQLite is given another name for it in a folder of its own, with a copy
// of the WAL, and may write there. Damage costs what it covers; everything else is found.

import { constants, copyFileSync, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { Batch } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import { readBooks } from './books.ts';
import type { StoredTag } from './dictionary.ts';
import { without } from './done.ts';
import { refuseInUse } from './file.ts';
import { named } from './named.ts';
import type { Range } from './ranges.ts';
import { isDamage, isInUse, storageFault } from './result.ts';
import { readStamp } from './stamp.ts';
import { ROW, type Row, readSegment, soundRow } from './table.ts';
import { inspectWal } from './wal.ts';

/** What a walk meets: a segment, or numbers of which it cannot be known whether the file still holds them. */
export type Found =
  | { readonly type: 'segment'; readonly row: Row }
  | { readonly type: 'unreadable'; readonly range: Range };

export interface Reader {
  /** Undefined when the file does not tell. */
  readonly epoch: string | undefined;
  /** Version of the file's schema. */
  readonly version: number;
  /** Bytes of the file, its WAL included. */
  readonly bytes: number;
  /** The number that the next entry would have got, as far as the file tells. */
  readonly next: number;
  /** The tag behind a number; undefined when the file does not tell. */
  tag(id: number): StoredTag | undefined;
  /** Readings that were delivered and are kept; 0 when the file does not tell. */
  readonly kept: number;
  /** Segments from the number `from` on, in the order of their numbers. @param all also those that were delivered */
  walk(from: number, all?: boolean): Iterable<Found>;
  /** The content of a segment; undefined when it is damaged. */
  read(row: Row): Batch | undefined;
  /** What SQLite's own check of the file finds, and what is wrong with its books; empty when it is sound. Reads the whole file. */
  check(): string[];
  close(): void;
}

/** Throws a Fault: `buffer.locked` (a gateway uses it), `buffer.path` (cannot be read), `buffer.damaged` (no database). */
export function openReader(path: string): Reader {
  const bytes = sizeOf(path) + (existsSync(`${path}-wal`) ? sizeOf(`${path}-wal`) : 0);
  if (!existsSync(`${path}-wal`) || inspectWal(path) === 'sound') return openView(path, bytes, true);
  // Where recovery ends early, the database alone may be newer: SQLite copies the WAL there and keeps it all the same.
  const views = [true, false].map((wal) => attempt(() => openView(path, bytes, wal)));
  const [best, other] = views.sort((a, b) => (b?.reach ?? 0) - (a?.reach ?? 0));
  other?.close();
  if (best === undefined) throw new Fault('buffer.damaged', `${path} and its WAL cannot be read`);
  return best;
}

interface View extends Reader {
  /** The number behind the last segment that is found. */
  readonly reach: number;
}

function openView(path: string, bytes: number, wal: boolean): View {
  const folder = stage(path, wal);
  let db: Database | undefined;
  try {
    db = new Sqlite(join(folder, 'buffer.db'), { readonly: true, timeout: 0 });
    // Everything SQLite needs is open after the first statement; from then on the folder is not needed.
    const version = Number(db.pragma('user_version', { simple: true }));
    if (version === 0) throw new Fault('buffer.damaged', `${path} is no buffer of fieldgate`);
    return useReader(db, version, bytes, path);
  } catch (error) {
    db?.close();
    if (isInUse(error)) throw new Fault('buffer.locked', `${path} is in use by a gateway`, error);
    throw storageFault(error, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    throw new Fault('buffer.path', `${path} cannot be read: ${describe(error)}`, error);
  }
}

/** A folder with the file and its WAL under names of their own: a second name costs nothing, a copy is the last resort. */
function stage(path: string, wal: boolean): string {
  try {
    const folder = mkdtempSync(join(dirname(path), '.reading-'));
    try {
      linkSync(path, join(folder, 'buffer.db'));
      return wal ? withWal(path, folder) : folder;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  } catch {
    // A folder or disk of which nothing can be made a second name.
    return copied(path, wal);
  }
}

function withWal(path: string, folder: string): string {
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, join(folder, 'buffer.db-wal'));
  return folder;
}

function copied(path: string, wal: boolean): string {
  refuseInUse(path);
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-reading-'));
  try {
    copyFileSync(path, join(folder, 'buffer.db'), constants.COPYFILE_FICLONE);
    return wal ? withWal(path, folder) : folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Fault('buffer.path', `${path} cannot be read: ${describe(error)}`, error);
  }
}

function useReader(db: Database, version: number, bytes: number, path: string): View {
  db.pragma('cache_size = -2000');
  const books = readBooks(db, version, readStamp(path));
  const { epoch, tags } = books;
  const from = db.prepare(
    `SELECT ${ROW}, ${version < 3 ? 'NULL AS sum' : named('sum')} FROM segment WHERE first >= ? ORDER BY first LIMIT 1`,
  );
  const payload = db.prepare('SELECT payload FROM segment WHERE first = ?').pluck();
  const sound = (row: Row) => soundRow(row, epoch ?? '', books.summed);

  /** The first segment from `at` on; undefined at the end, 'damage' when SQLite cannot get there. */
  function seek(at: number): Row | undefined | 'damage' {
    try {
      return from.get(at) as Row | undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return 'damage';
    }
  }

  /** The first segment behind damage at `at`: steps that double, then back by halves. */
  function beyond(at: number): Row | undefined {
    let bad = at;
    let step = 1;
    let found = seek(at + step);
    while (found === 'damage') {
      bad = at + step;
      step *= 2;
      if (at + step > Number.MAX_SAFE_INTEGER) return undefined;
      found = seek(at + step);
    }
    let good = at + step;
    while (good - bad > 1) {
      const middle = Math.floor((bad + good) / 2);
      const between = seek(middle);
      if (between === 'damage') bad = middle;
      else {
        good = middle;
        found = between;
      }
    }
    return found;
  }

  /** The first row from `at` on that is what was written, and whether damage lies before it. */
  function seekSound(at: number): { row: Row | undefined; damage: boolean } {
    let damage = false;
    for (let next = at; ; ) {
      const met = seek(next);
      const row = met === 'damage' ? beyond(next) : met;
      if (met === 'damage') damage = true;
      if (row === undefined || sound(row)) return { row, damage };
      damage = true;
      next = row.first + 1;
    }
  }

  /** Where the numbers end: what the file has given, or was promised, or holds. */
  function reach(): number {
    let last = books.next;
    for (let found = seekSound(last); found.row !== undefined; found = seekSound(last)) last = found.row.last + 1;
    return last;
  }
  const end = reach();

  function* walk(start: number, all = false): Generator<Found> {
    const passed = all ? books.runs.filter((run) => run.at === null) : books.runs;
    /** Numbers for which there is no row are missing, when the file tells which are done with; else only where damage is. */
    function* hole(first: number, last: number, damage: boolean): Generator<Found> {
      if (version < 3 && !damage) return;
      for (const range of without(passed, first, last)) yield { type: 'unreadable', range };
    }
    let run = 0;
    for (let at = start; ; ) {
      const { row, damage } = seekSound(at);
      while (run < passed.length && (passed[run]?.last as number) < (row?.first ?? at)) run++;
      const over = passed[run];
      if (row === undefined) {
        yield* hole(at, end - 1, damage);
        return;
      }
      yield* hole(at, row.first - 1, damage);
      if (over !== undefined && over.first <= row.first) at = over.last + 1;
      else {
        yield { type: 'segment', row };
        at = row.last + 1;
      }
    }
  }

  return {
    epoch,
    version,
    bytes,
    next: end,
    reach: end,
    tag: (id) => tags.get(id),
    kept: books.keptReadings,
    walk,
    read: (row) => readSegment(row, payload),
    check() {
      const found = attempt(() => db.pragma('quick_check(20)') as { quick_check: string }[]);
      if (found === undefined) return ['SQLite cannot follow the structure of the file'];
      return [...found.map((line) => line.quick_check).filter((line) => line !== 'ok'), ...books.flaws];
    },
    close: () => void db.close(),
  };
}

/** Undefined when damage is in the way. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error) && !(error instanceof Fault && error.code === 'buffer.damaged')) throw error;
    return undefined;
  }
}
