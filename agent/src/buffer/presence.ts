// Whether the buffer's files are still where the next start will look for them. SQLite goes on writing to a file that
// somebody has removed, and all of that would be gone when the process ends. What it holds is written out anew then,
// and the gateway must start again to use it.

import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { Fault } from '../model/fault.ts';
import { asideName } from './file.ts';
import { requestSalvage } from './progress.ts';
import { sync } from './schema.ts';

const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

/** @param db the open buffer at `path`, @param written called when the file was written anew at its place */
export function presence(db: Database, path: string, written: () => void) {
  const file = inodeOf(path);
  const wal = inodeOf(`${path}-wal`);

  /** Everything that is committed, as a file of its own. Throws what SQLite and the file system throw; to be tried again. */
  function save(target: string): void {
    const saved = `${path}.saved`;
    rmSync(saved, { force: true });
    db.prepare('VACUUM INTO ?').run(saved);
    sync(saved);
    // The WAL belongs to the file that is gone: beside another one it would be taken for that one's.
    if (inodeOf(`${path}-wal`) === wal) rmSync(`${path}-wal`, { force: true });
    renameSync(saved, target);
    sync(dirname(path));
  }

  return {
    /** Throws a Fault `buffer.damaged` when a file was removed or replaced, after its content was saved. */
    check(): void {
      const found = inodeOf(path);
      if (found === file && inodeOf(`${path}-wal`) === wal) return;
      if (found === file) {
        db.pragma('wal_checkpoint(TRUNCATE)');
        throw new Fault(
          'buffer.damaged',
          `${path}-wal was removed while it was in use; what it held is in ${path} now`,
        );
      }
      if (found === undefined) {
        save(path);
        written();
        throw new Fault('buffer.damaged', `${path} was removed while it was in use; it has been written anew`);
      }
      const aside = asideName(path);
      requestSalvage(aside);
      save(aside);
      throw new Fault(
        'buffer.damaged',
        `${path} was replaced while it was in use; what the gateway had there is in ${aside} now`,
      );
    },
  };
}
