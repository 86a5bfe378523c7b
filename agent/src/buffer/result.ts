// What SQLite's errors mean, by their result codes (https://www.sqlite.org/rescode.html).

import Sqlite from 'better-sqlite3';
import { describe, Fault } from '../model/fault.ts';

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
 * or column of the file's. The statements are always the same, so a letter of the schema has changed. CONSTRAINT: a row
 * stands where ours belongs.
 */
export function isDamage(error: unknown): boolean {
  // A page that the file should have and that lies behind its end.
  if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_IOERR_SHORT_READ') return true;
  const code = resultCode(error);
  return code === 'CORRUPT' || code === 'NOTADB' || code === 'ERROR' || code === 'CONSTRAINT' || code === 'MISMATCH';
}

/** A page that the disk does not give, now: it may be sound. */
export function isReadError(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === 'SQLITE_IOERR_READ';
}

export function isWriteError(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === 'SQLITE_IOERR_WRITE';
}

/** Whether another connection has the file. */
export function isInUse(error: unknown): boolean {
  const code = resultCode(error);
  return code === 'BUSY' || code === 'LOCKED';
}

/** `FULL` of SQLITE_FULL, `IOERR` of SQLITE_IOERR_FSYNC. */
export function resultCode(error: unknown): string | undefined {
  return error instanceof Sqlite.SqliteError ? error.code.split('_')[1] : undefined;
}
