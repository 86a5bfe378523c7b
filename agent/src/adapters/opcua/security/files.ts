// Files that are whole or not there at all, whatever moment the process or the machine dies at; whose they are; and why
// one cannot be used, in words that say how to mend it.

import {
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe } from '../../../model/fault.ts';

/** Writes beside the file, forces it to disk, renames. @param mode permissions; default: what everybody may read */
export function writeWhole(file: string, content: string | Buffer, mode = 0o644): void {
  const aside = `${file}.${process.pid}.part`;
  const descriptor = openSync(aside, 'w', mode);
  try {
    // Not writeSync, which writes what there is room for and says so by a number.
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  giveToOwner(aside);
  renameSync(aside, file);
}

/** Makes a folder and those above it that are missing. */
export function makeFolder(folder: string, mode = 0o755): void {
  const first = mkdirSync(folder, { recursive: true, mode });
  if (first === undefined) return;
  giveToOwner(first);
  for (let each = folder; each.length > first.length; each = dirname(each)) giveToOwner(each, dirname(first));
}

/**
 * What root makes (`doctor` or `certificates` by hand) belongs to whom the folder belongs: the gateway, which runs as
 * somebody else, must be able to use it.
 */
function giveToOwner(path: string, like = dirname(path)): void {
  if (process.getuid?.() !== 0) return;
  try {
    const { uid, gid } = statSync(like);
    chownSync(path, uid, gid);
  } catch {
    // A file system without owners.
  }
}

/** Why something in a folder of ours cannot be read or written, and what a person does about it. */
export function unusable(error: unknown, folder: string): string {
  const { code, path } = error as NodeJS.ErrnoException;
  const place = path ?? folder;
  switch (code) {
    case 'EACCES':
    case 'EPERM': {
      const { existing, uid } = ownerOf(place);
      const me = process.getuid?.();
      if (uid === me) return `user ${me} may not use ${place}: chmod u+rwX ${existing}`;
      const mend = existing === '/' ? `install -d -o ${me} ${folder}` : `chown -R ${me} ${existing}`;
      return `user ${me} may not use ${place}: ${existing} belongs to user ${uid}; as root: ${mend}`;
    }
    case 'EROFS':
      return `${place} is on a file system that is mounted read-only; the gateway's data folder must be writable`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `there is no space left for ${place}`;
    default:
      return describe(error);
  }
}

/** The nearest that there is at a path or above it, and whose it is. */
function ownerOf(path: string): { existing: string; uid: number } {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      return { existing, uid: statSync(existing).uid };
    } catch (error) {
      if (existing === dirname(existing)) throw error;
    }
  }
}
