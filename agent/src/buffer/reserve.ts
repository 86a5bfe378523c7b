// A reserve on the buffer's disk. Deleting needs room too, for the WAL: on a disk that others have filled, a buffer
// could be delivered and not be emptied. So a file of zeros is kept beside it and given up when the disk is full; from
// then on the database may not grow, so that the room serves the WAL, until the disk has space for a new reserve.

import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';

/** The WAL grows to 8 MB; as much may wait there for its place at the end of the database. */
const RESERVE_BYTES = 16 * 1024 * 1024;
/** How often a disk that was full is looked at, ms. */
const LOOK_INTERVAL = 5_000;
const UNBOUNDED = 4_294_967_294;

export interface Reserve {
  /** The disk is full. */
  release(): void;
  /** Makes the reserve again when there is space; to be called now and then. */
  restore(now: number): void;
}

/** @param path the buffer's file, @param maxSize a reserve is at most an eighth of it */
export function openReserve(db: Database, path: string, maxSize: number): Reserve {
  const file = `${path}-reserve`;
  const bytes = Math.min(RESERVE_BYTES, Math.floor(maxSize / 8));
  let looked = Number.NEGATIVE_INFINITY;
  let kept = existsSync(file);

  function make(): void {
    try {
      const { bavail, bsize } = statfsSync(dirname(path));
      if (bavail * bsize < 2 * bytes) return;
      writeFileSync(file, Buffer.alloc(bytes));
      kept = true;
      db.pragma(`max_page_count = ${UNBOUNDED}`);
    } catch {
      rmSync(file, { force: true });
    }
  }

  return {
    release() {
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
