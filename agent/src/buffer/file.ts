// The buffer's file: opening it so that SQLite keeps its promises, or saying exactly why it cannot be.
//
// - WAL with synchronous FULL, read back: better-sqlite3 is compiled with NORMAL for WAL, which loses the tail of
//   the commits at a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
// - One connection owns the file (locking_mode EXCLUSIVE): a second gateway is refused, and the WAL-reset bug of
//   SQLite before 3.51.3 cannot be brought in from outside (https://sqlite.org/wal.html#walresetbug).
// - A damaged file is set aside with its WAL under a new name, never deleted.

import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { describe, Fault } from '../model/fault.ts';
import { requestSalvage } from './progress.ts';
import { giveUpReserve } from './reserve.ts';

const SCHEMA_VERSION = 2;
const LEAST_SQLITE = [3, 51, 3] as const;
const PAGE_SIZE = 8192;
/** Beside a file that was found damaged while it was in use. */
const MARK = '.is-damaged';

/** Segments are numbered by their first entry; `meta` is what must survive when all segments have been delivered. */
const SCHEMA = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, unit TEXT) STRICT;
  CREATE TABLE segment (
    first INTEGER PRIMARY KEY,     -- number of the first entry
    last INTEGER NOT NULL,         -- number of the last entry
    readings INTEGER NOT NULL,     -- entries that are readings; the others are gap records
    priority INTEGER NOT NULL,     -- 0 normal, 1 high
    committed INTEGER NOT NULL,    -- wall clock of the commit, ms since 1970
    oldest REAL NOT NULL,          -- source timestamps (model/time.ts)
    newest REAL NOT NULL,
    crc INTEGER NOT NULL,          -- CRC-32 of payload
    payload BLOB NOT NULL          -- buffer/segment.ts
  ) STRICT;
`;

/** Since version 2: runs of delivered segments that are kept for a replay (buffer/kept.ts). */
const DELIVERED = `
  CREATE TABLE delivered (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    at INTEGER NOT NULL            -- when, in ms of the gateway's running time
  ) STRICT;
`;

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
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new Fault('buffer.path', `buffer.path ${path}: its folder cannot be made: ${describe(error)}`, error);
  }
  try {
    if (existsSync(path + MARK)) throw new Fault('buffer.damaged', `${path} was found damaged while it was in use`);
    return { db: open(path) };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'buffer.damaged') throw error;
    return replaceFile(path, error);
  }
}

/** Sets a damaged file, which nobody has open, aside and makes a new one. */
export function replaceFile(path: string, { message }: Fault): OpenedFile {
  const since = Math.floor(statSync(path).birthtimeMs);
  const aside = setAside(path);
  return { db: open(path), setAside: { path: aside, reason: message, since } };
}

function open(path: string): Database {
  let db: Database | undefined;
  try {
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

function configure(db: Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
  db.pragma(`page_size = ${PAGE_SIZE}`);
  const mode = db.pragma('journal_mode = WAL', { simple: true });
  db.pragma('synchronous = FULL');
  // Commits grow the WAL to at most about 8 MB before it is copied into the database; then it is cut back to that.
  db.pragma('wal_autocheckpoint = 1000');
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
  if (version === 0) {
    advance(db, SCHEMA + DELIVERED);
  } else {
    if (version === 1) upgrade(db, path);
    // Takes the lock now, not at the first commit, and reads the file's head: a damaged one shows here.
    db.exec('BEGIN IMMEDIATE; COMMIT');
    db.prepare('SELECT count(*) FROM meta').get();
  }
}

function advance(db: Database, statements: string): void {
  db.transaction(() => {
    db.exec(statements);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}

/** A new release must start on a disk that is full, too: what it writes here fits into the reserve. */
function upgrade(db: Database, path: string): void {
  try {
    advance(db, DELIVERED);
  } catch (error) {
    if (resultCode(error) !== 'FULL') throw error;
    giveUpReserve(path);
    advance(db, DELIVERED);
  }
}

/** Why the file cannot be opened, by SQLite's result code (https://www.sqlite.org/rescode.html). */
function asFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  switch (resultCode(error)) {
    case 'BUSY':
    case 'LOCKED':
      return new Fault(
        'buffer.locked',
        `${path} is in use by another gateway; stop that one, or give this one another buffer.path`,
        error,
      );
    case 'CORRUPT':
    case 'NOTADB':
    case 'ERROR':
      return new Fault('buffer.damaged', `${path} is damaged: ${describe(error)}`, error);
    case 'FULL':
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

/** Why a statement failed: `buffer.full`, `buffer.damaged` or `buffer.disk`. */
export function storageFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  if (isDamage(error)) return new Fault('buffer.damaged', `${path} is damaged: ${describe(error)}`, error);
  if (resultCode(error) === 'FULL')
    return new Fault('buffer.full', `${path}: the disk is full; free some space`, error);
  return new Fault('buffer.disk', `${path}: ${describe(error)}`, error);
}

export function isStorageError(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError;
}

/**
 * What SQLite says when the content of the file is not what it wrote. ERROR: a statement of ours that names no table
 * or column of the file's. The statements are always the same, so a letter of the schema has changed.
 */
export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return code === 'CORRUPT' || code === 'NOTADB' || code === 'ERROR';
}

/** Whether another connection has the file. */
export function isInUse(error: unknown): boolean {
  const code = resultCode(error);
  return code === 'BUSY' || code === 'LOCKED';
}

/** `FULL` of SQLITE_FULL, `IOERR` of SQLITE_IOERR_FSYNC. */
function resultCode(error: unknown): string | undefined {
  return error instanceof Sqlite.SqliteError ? error.code.split('_')[1] : undefined;
}

/** Renames the file and what belongs to it, all with the same stamp, so that a tool can open it later. */
function setAside(path: string): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('.', '');
  const aside = `${path}.damaged-${stamp}`;
  requestSalvage(aside);
  for (const suffix of ['', '-wal', '-shm', MARK]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}
