// A buffer file as something to read: one that was set aside, or one whose gateway is stopped. The file is never
// changed, not even by the recovery of its WAL: SQLite is given another name for it in a folder of its own, with a copy
// of the WAL, and may write there. Damage costs what it covers; everything else is found.

import { constants, copyFileSync, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { Batch } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import type { StoredTag } from './dictionary.ts';
import { isDamage, isInUse, storageFault } from './file.ts';
import { type Kept, NOTHING_KEPT, type Run, readKept } from './kept.ts';
import type { Range } from './ranges.ts';
import { type Row, readSegment } from './table.ts';

/** A stored segment, and its priority. */
export interface FoundRow extends Row {
  readonly priority: 'normal' | 'high';
}

/** What a walk meets: a segment, or numbers of which it cannot be known whether the file still holds them. */
export type Found =
  | { readonly type: 'segment'; readonly row: FoundRow }
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
  /** What was delivered and kept; nothing when the file does not tell. */
  readonly kept: Kept;
  /** Segments from the number `from` on, in the order of their numbers. @param all also those that were delivered */
  walk(from: number, all?: boolean): Iterable<Found>;
  /** The content of a segment; undefined when it is damaged. */
  read(row: Row): Batch | undefined;
  /** What SQLite's own check of the file finds; empty when it is sound. Reads the whole file. */
  check(): string[];
  close(): void;
}

/** Throws a Fault: `buffer.locked` (a gateway uses it), `buffer.path` (cannot be read), `buffer.damaged` (no database). */
export function openReader(path: string): Reader {
  const bytes = sizeOf(path) + (existsSync(`${path}-wal`) ? sizeOf(`${path}-wal`) : 0);
  const folder = stage(path);
  let db: Database | undefined;
  try {
    db = new Sqlite(join(folder, 'buffer.db'), { readonly: true, timeout: 0 });
    // Everything SQLite needs is open after the first statement; from then on the folder is not needed.
    const version = Number(db.pragma('user_version', { simple: true }));
    if (version === 0) throw new Fault('buffer.damaged', `${path} is no buffer of fieldgate`);
    return useReader(db, version, bytes);
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
function stage(path: string): string {
  try {
    const folder = mkdtempSync(join(dirname(path), '.reading-'));
    try {
      linkSync(path, join(folder, 'buffer.db'));
      return withWal(path, folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  } catch {
    // A folder or disk of which nothing can be made a second name.
    return copied(path);
  }
}

function withWal(path: string, folder: string): string {
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, join(folder, 'buffer.db-wal'));
  return folder;
}

function copied(path: string): string {
  refuseInUse(path);
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-reading-'));
  try {
    copyFileSync(path, join(folder, 'buffer.db'), constants.COPYFILE_FICLONE);
    return withWal(path, folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Fault('buffer.path', `${path} cannot be read: ${describe(error)}`, error);
  }
}

/** A copy does not carry the lock of a gateway that writes to the file. */
function refuseInUse(path: string): void {
  let db: Database | undefined;
  try {
    db = new Sqlite(path, { readonly: true, timeout: 0 });
    db.pragma('user_version');
  } catch (error) {
    if (isInUse(error)) throw new Fault('buffer.locked', `${path} is in use by a gateway`, error);
  } finally {
    db?.close();
  }
}

const COLUMNS = 'first, last, readings, priority, committed, oldest, newest, crc, length(payload) AS bytes';

interface Stored extends Row {
  readonly priority: number;
}

function useReader(db: Database, version: number, bytes: number): Reader {
  db.pragma('cache_size = -2000');
  const epoch = attempt(() => db.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get());
  const next = Number(attempt(() => db.prepare("SELECT value FROM meta WHERE key = 'next'").pluck().get()) ?? 1);
  const from = db.prepare(`SELECT ${COLUMNS} FROM segment WHERE first >= ? ORDER BY first LIMIT 1`);
  const payload = db.prepare('SELECT payload FROM segment WHERE first = ?').pluck();
  const tags = readTags(db);
  const kept = (version > 1 ? attempt(() => readKept(db)) : undefined) ?? NOTHING_KEPT;

  /** The first segment from `at` on; undefined at the end, 'damage' when SQLite cannot get there. */
  function seek(at: number): Stored | undefined | 'damage' {
    try {
      return from.get(at) as Stored | undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return 'damage';
    }
  }

  /** The first segment behind damage at `at`: steps that double, then back by halves. */
  function beyond(at: number): Stored | undefined {
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

  function* walk(start: number, all = false): Generator<Found> {
    const ahead = all ? [] : [...kept.runs];
    let at = start;
    for (;;) {
      while (ahead[0] !== undefined && ahead[0].first <= at) at = Math.max(at, (ahead.shift() as Run).last + 1);
      const met = seek(at);
      const row = met === 'damage' ? beyond(at) : met;
      const end = row === undefined ? next - 1 : row.first - 1;
      if (met === 'damage' && end >= at) yield { type: 'unreadable', range: [at, end] };
      if (row === undefined) return;
      if (isSound(row)) {
        yield { type: 'segment', row: { ...row, priority: row.priority === 1 ? 'high' : 'normal' } };
        at = row.last + 1;
      } else {
        yield { type: 'unreadable', range: [row.first, row.first] };
        at = row.first + 1;
      }
    }
  }

  return {
    epoch: typeof epoch === 'string' ? epoch : undefined,
    version,
    bytes,
    next,
    tag: (id) => tags.get(id),
    kept,
    walk,
    read: (row) => readSegment(row, payload),
    check() {
      const found = attempt(() => db.pragma('quick_check(20)') as { quick_check: string }[]);
      if (found === undefined) return ['SQLite cannot follow the structure of the file'];
      return found.map((line) => line.quick_check).filter((line) => line !== 'ok');
    },
    close: () => void db.close(),
  };
}

/** What garbage in a page can look like a row and is none. */
function isSound({ first, last, readings, committed, oldest, newest, crc, bytes }: Stored): boolean {
  return (
    [first, last, readings, committed, crc, bytes].every((each) => Number.isSafeInteger(each) && each >= 0) &&
    Number.isFinite(oldest) &&
    Number.isFinite(newest) &&
    last >= first &&
    readings <= last - first + 1
  );
}

function readTags(db: Database): Map<number, StoredTag> {
  const tags = new Map<number, StoredTag>();
  attempt(() => {
    const rows = db.prepare('SELECT id, name, source, unit FROM tag').iterate() as Iterable<StoredTag & { id: number }>;
    for (const { id, name, source, unit } of rows) tags.set(id, { name, source, ...(unit !== null && { unit }) });
  });
  return tags;
}

/** Undefined when damage is in the way. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}
