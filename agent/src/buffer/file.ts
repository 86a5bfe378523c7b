// The buffer's file: opening it so that SQLite keeps its promises, or saying exactly why it cannot be.
//
// - WAL with synchronous FULL, read back: better-sqlite3 is compiled with NORMAL for WAL, which loses the tail of
//   the commits at a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
// - One connection owns the file (locking_mode EXCLUSIVE): a second gateway is refused, and the WAL-reset bug of
//   SQLite before 3.51.3 cannot be brought in from outside (https://sqlite.org/wal.html#walresetbug).
// - The WAL is looked at before SQLite recovers it (wal.ts), and what SQLite finds is compared with the head stamp.
// - A damaged file is set aside with its WAL under a new name, never deleted. So is one that is gone or empty where a
//   buffer was in use.

import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { describe, Fault } from '../model/fault.ts';
import { believed } from './patient.ts';
import { requestSalvage } from './progress.ts';
import { giveUpReserve } from './reserve.ts';
import { isDamage, isInUse, resultCode, storageFault } from './result.ts';
import { createFile, SCHEMA_VERSION, sync, upgrade } from './schema.ts';
import { STAMP_SUFFIX, wasUsed } from './stamp.ts';
import { inspectWal } from './wal.ts';

const LEAST_SQLITE = [3, 51, 3] as const;
/** About how much the WAL grows before it is copied into the database, bytes. */
const CHECKPOINT_BYTES = 8_192_000;
/** Beside a file that was found damaged while it was in use. */
const MARK = '.is-damaged';

export interface OpenedFile {
  readonly db: Database;
  /** Where a damaged predecessor went, and why; undefined when the file was sound or new. */
  readonly setAside?: SetAside;
}

export interface SetAside {
  readonly path: string;
  readonly reason: string;
  /** When the damaged file was made, ms since 1970. */
  readonly since: number;
}

/**
 * Opens or creates the buffer file at `path`. Throws a Fault: `buffer.locked` (another gateway owns it),
 * `buffer.path` (cannot be written), `buffer.newer` (made by a later release), `buffer.library` (SQLite too old).
 */
export function openFile(path: string): OpenedFile {
  makeFolder(path);
  try {
    if (existsSync(path + MARK)) throw new Fault('buffer.damaged', `${path} was found damaged while it was in use`);
    return { db: believed(() => open(path)) };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'buffer.damaged') throw error;
    return replaceFile(path, error);
  }
}

/** Opens a file that is there, and neither makes one nor sets one aside. Throws a Fault as `openFile`, or `buffer.damaged`. */
export function openThere(path: string): Database {
  if (!existsSync(path)) throw new Fault('buffer.path', `${path} does not exist`);
  if (existsSync(path + MARK)) throw new Fault('buffer.damaged', `${path} was found damaged while it was in use`);
  return open(path);
}

/** The names of new folders are synced: the file in them must be found after a power cut. */
function makeFolder(path: string): void {
  try {
    const made = mkdirSync(dirname(path), { recursive: true });
    if (made === undefined) return;
    const top = dirname(resolve(made));
    for (let at = dirname(resolve(path)); at !== top; at = dirname(at)) sync(dirname(at));
  } catch (error) {
    throw new Fault('buffer.path', `buffer.path ${path}: its folder cannot be made: ${describe(error)}`, error);
  }
}

/** Sets a damaged file, which nobody has open, aside and makes a new one. */
export function replaceFile(path: string, { message }: Fault): OpenedFile {
  const since = madeAt(path);
  const aside = setAside(path);
  return { db: open(path), setAside: { path: aside, reason: message, since } };
}

function madeAt(path: string): number {
  for (const each of [path, path + STAMP_SUFFIX]) {
    const found = statSync(each, { throwIfNoEntry: false });
    if (found !== undefined) return Math.floor(found.birthtimeMs);
  }
  return Date.now();
}

function open(path: string): Database {
  let db: Database | undefined;
  try {
    if (!existsSync(path) && !wasUsed(path)) createFile(path);
    refuseRemains(path);
    // No waiting for a lock: only another gateway can hold it, and it will not let go.
    db = new Sqlite(path, { timeout: 0 });
    configure(db);
    checkVersions(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw asFault(error, path);
  }
}

/** Before SQLite opens what is there, because it would take an empty file for a new one, and end a WAL where it breaks. */
function refuseRemains(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new Fault('buffer.damaged', `${path} is gone, and a buffer was in use there`);
  if (found.isFile() && found.size === 0)
    throw new Fault('buffer.damaged', `${path} is empty, and was not when it was made`);
  if (inspectWal(path) === 'sound') return;
  // A gateway that writes to it right now can look like that.
  refuseInUse(path);
  if (inspectWal(path) !== 'sound')
    throw new Fault('buffer.damaged', `${path}-wal is damaged: commits are behind a place where SQLite stops reading`);
}

/** Throws a Fault `buffer.locked` when a gateway writes to the file. */
export function refuseInUse(path: string): void {
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

function configure(db: Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
  const mode = db.pragma('journal_mode = WAL', { simple: true });
  db.pragma('synchronous = FULL');
  // Commits grow the WAL to at most about 8 MB before it is copied into the database; then it is cut back to that.
  db.pragma(`wal_autocheckpoint = ${Math.floor(CHECKPOINT_BYTES / Number(db.pragma('page_size', { simple: true })))}`);
  db.pragma('journal_size_limit = 16777216');
  db.pragma('temp_store = MEMORY');
  // A queue is written at one end and read at the other; what lies between needs no cache.
  db.pragma('cache_size = -4000');
  const synchronous = db.pragma('synchronous', { simple: true });
  if (mode !== 'wal' || synchronous !== 2) {
    throw new Fault(
      'buffer.path',
      `SQLite answers journal_mode ${mode}, synchronous ${synchronous}; the buffer needs a local disk that can do WAL`,
    );
  }
}

function checkVersions(db: Database, path: string): void {
  const library = String(db.prepare('SELECT sqlite_version()').pluck().get());
  const parts = library.split('.').map(Number);
  const older = LEAST_SQLITE.findIndex((least, i) => (parts[i] ?? 0) !== least);
  if (older >= 0 && (parts[older] ?? 0) < (LEAST_SQLITE[older] as number)) {
    throw new Fault(
      'buffer.library',
      `SQLite ${library} can lose committed data; the buffer needs ${LEAST_SQLITE.join('.')} or later`,
    );
  }
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > SCHEMA_VERSION) {
    throw new Fault(
      'buffer.newer',
      `${path} was written by a later release of fieldgate (format ${version}, this release knows ${SCHEMA_VERSION}); run that release, or move the file away`,
    );
  }
  if (version === 0) throw new Fault('buffer.damaged', `${path} is no buffer of fieldgate`);
  if (version < SCHEMA_VERSION) upgradeInPlace(db, path, version);
  // Takes the lock now, not at the first commit, and reads the file's head: a damaged one shows here.
  db.exec('BEGIN IMMEDIATE; COMMIT');
  db.prepare('SELECT count(*) FROM meta').get();
}

/** A new release must start on a disk that is full, too: what it writes here fits into the reserve. */
function upgradeInPlace(db: Database, path: string, version: number): void {
  try {
    upgrade(db, version);
  } catch (error) {
    if (resultCode(error) !== 'FULL') throw error;
    giveUpReserve(path);
    upgrade(db, version);
  }
}

/** Why the file cannot be opened, by SQLite's result code (https://www.sqlite.org/rescode.html). */
function asFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  if (isDamage(error)) return new Fault('buffer.damaged', `${path} is damaged: ${describe(error)}`, error);
  if ((error as NodeJS.ErrnoException).code === 'EIO') return storageFault(error, path);
  switch (resultCode(error)) {
    case 'BUSY':
    case 'LOCKED':
      return new Fault(
        'buffer.locked',
        `${path} is in use by another gateway; stop that one, or give this one another buffer.path`,
        error,
      );
    case 'FULL':
    case 'IOERR':
      return storageFault(error, path);
    default:
      return new Fault(
        'buffer.path',
        `buffer.path ${path} cannot be opened for writing: ${describe(error)}; check that the folder belongs to the user that runs fieldgate`,
        error,
      );
  }
}

/**
 * Leaves word for the next start that the file is damaged: not all damage shows at opening, and a gateway that fails
 * at every first commit would never come up again.
 */
export function markDamaged(path: string, reason: string): void {
  try {
    writeFileSync(path + MARK, `${reason}\n`);
  } catch {
    // Without the mark the next start finds the damage again.
  }
}

/** Where a file that is set aside now goes. */
export function asideName(path: string): string {
  return `${path}.damaged-${new Date().toISOString().replaceAll(/[-:]/g, '').replace('.', '')}`;
}

/** Renames the file and what belongs to it, all with the same stamp, so that a tool can open it later. */
function setAside(path: string): string {
  const aside = asideName(path);
  requestSalvage(aside);
  for (const suffix of ['', '-wal', '-shm', STAMP_SUFFIX, MARK]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}
