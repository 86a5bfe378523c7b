// The schema of a buffer file, how a new file comes to be, and how one of an earlier release becomes one of this.
//
// A new file is made under another name, synced and then named: a file of no bytes at its place is never a new one, and
// a power cut within the first start leaves a whole file or none.

import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { rewriteTags } from './dictionary.ts';
import { writeRuns } from './done.ts';
import { earlierHoldings } from './earlier.ts';
import { writeMeta } from './meta.ts';

export const SCHEMA_VERSION = 3;
/**
 * Small pages, so that a commit writes little more than its payload: what a row does not hold in its tree's page lies in
 * pages of its own, and a commit rewrites the tree's last page whole. It also keeps the heads of many segments in a page.
 */
const PAGE_SIZE = 1024;

/** Names are kept twice: buffer/dictionary.ts. */
const COPY_OF_TAG = `
  CREATE TABLE tag_copy (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, unit TEXT, sum INTEGER
  ) STRICT;
`;

/** Numbers that wait no more: buffer/done.ts. */
const DONE = `
  CREATE TABLE done (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    at INTEGER,                    -- when delivered, in ms of the gateway's running time; null: has left the file
    sum INTEGER NOT NULL
  ) STRICT;
`;

/** Segments are numbered by their first entry; every table has checksums of its rows (\`sum\`). */
const SCHEMA = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY, sum INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, unit TEXT, sum INTEGER
  ) STRICT;
  CREATE TABLE segment (
    first INTEGER PRIMARY KEY,     -- number of the first entry
    last INTEGER NOT NULL,         -- number of the last entry
    readings INTEGER NOT NULL,     -- entries that are readings; the others are gap records
    priority INTEGER NOT NULL,     -- 0 normal, 1 high
    committed INTEGER NOT NULL,    -- wall clock of the commit, ms since 1970
    oldest REAL NOT NULL,          -- source timestamps (model/time.ts)
    newest REAL NOT NULL,
    crc INTEGER NOT NULL,          -- CRC-32 of payload
    sum INTEGER,                   -- CRC-32 of the columns before; null in rows of earlier versions
    payload BLOB NOT NULL          -- buffer/segment.ts
  ) STRICT;
  ${DONE}
  ${COPY_OF_TAG}
`;

const COLUMNS = `
  ALTER TABLE meta ADD COLUMN sum INTEGER;
  ALTER TABLE tag ADD COLUMN sum INTEGER;
  ALTER TABLE segment ADD COLUMN sum INTEGER;
  ${DONE}
  ${COPY_OF_TAG}
`;

/** Makes the file at `path`; when another gateway makes one there first, that one stays. Throws what SQLite throws. */
export function createFile(path: string): void {
  const making = `${path}.new-${process.pid}`;
  const clear = () => {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(making + suffix, { force: true });
  };
  clear();
  try {
    const db = new Sqlite(making);
    try {
      db.pragma(`page_size = ${PAGE_SIZE}`);
      db.transaction(() => {
        db.exec(SCHEMA);
        writeMeta(db);
        db.pragma(`user_version = ${SCHEMA_VERSION}`);
      })();
      db.pragma('journal_mode = WAL');
    } finally {
      db.close();
    }
    sync(making);
    place(making, path);
  } finally {
    clear();
  }
  sync(dirname(path));
}

function place(making: string, path: string): void {
  try {
    linkSync(making, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // A file system that has no second names.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    renameSync(making, path);
  }
}

/** A file's content, or the names in a folder. */
export function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes a file of version 1 or 2 one of version 3, in one transaction. The payloads and rows of segments stay as they are. */
export function upgrade(db: Database, version: number): void {
  db.transaction(() => {
    const { epoch, next, readings, runs, kept, alive, ran } = earlierHoldings(db, version);
    db.exec(COLUMNS);
    writeRuns(db, runs);
    db.exec('DELETE FROM meta');
    writeMeta(db, {
      ...(epoch !== undefined && { epoch }),
      next,
      summed: next,
      tags: rewriteTags(db),
      alive,
      ran,
      held: readings,
      runs: runs.length,
      keptReadings: kept.readings,
      keptBytes: kept.bytes,
    });
    if (version === 2) db.exec('DROP TABLE delivered');
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}
