// A reserve on the buffer's disk. Deleting needs room too, for the WAL: on a disk that others have filled, a buffer
// could be delivered and not be emptied. So a file of zeros is kept beside it and given up when the disk is full; from
// then on the database may not grow, so that the room serves the WAL, until the disk has space for a new reserve.

import { closeSync, existsSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';

/** The WAL grows to 8 MB; as much may wait there for its place at the end of the database. */
const RESERVE_BYTES = 16 * 1024 * 1024;
/** How often a disk that was full is looked at, ms. */
const LOOK_INTERVAL = 5_000;
const UNBOUNDED = 4_294_967_294;
const SUFFIX = '-reserve';

export interface Reserve {
  /** The disk was full, and has no room for a new reserve yet. */
  readonly exhausted: boolean;
  /** The disk is full. */
  release(): void;
  /** Makes the reserve again when there is space; to be called now and then. */
  restore(now: number): void;
}

/** @param path the buffer's file, @param maxSize a reserve is at most an eighth of it */
export function openReserve(db: Database, path: string, maxSize: number): Reserve {
  const file = path + SUFFIX;
  const bytes = Math.min(RESERVE_BYTES, Math.floor(maxSize / 8));
  let looked = Number.NEGATIVE_INFINITY;
  let kept = existsSync(file);
  let exhausted = false;

  function make(): void {
    try {
      const { bavail, bsize } = statfsSync(dirname(path));
      if (bavail * bsize < 2 * bytes) return;
      writeFileSync(file, Buffer.alloc(bytes));
      kept = true;
      exhausted = false;
      db.pragma(`max_page_count = ${UNBOUNDED}`);
    } catch {
      rmSync(file, { force: true });
    }
  }

  return {
    get exhausted() {
      return exhausted;
    },
    release() {
      exhausted = true;
      if (!kept) return;
      kept = false;
      rmSync(file, { force: true });
      db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
    },
    restore(now) {
      if (kept || now - looked < LOOK_INTERVAL) return;
      looked = now;
      make();
    },
  };
}

/** For an opening that must write to a full disk; whoever uses the buffer makes the reserve again. */
export function giveUpReserve(path: string): void {
  rmSync(path + SUFFIX, { force: true });
}

/** Whether a write beside the buffer fails because there is no room: by the disk's size or by a quota. */
export function noRoom(path: string): boolean {
  const file = `${path}-room`;
  let handle: number | undefined;
  try {
    handle = openSync(file, 'w');
    writeSync(handle, Buffer.alloc(64 * 1024, 1), 0, 64 * 1024, 0);
    return false;
  } catch (error) {
    // Node has no name for a quota that is used up: its code is UNKNOWN.
    const { code, errno } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || errno === -constants.errno.EDQUOT;
  } finally {
    if (handle !== undefined) closeSync(handle);
    rmSync(file, { force: true });
  }
}
