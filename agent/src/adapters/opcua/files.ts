// Files that are whole or not there at all, whatever moment the process or the machine dies at.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Writes beside the file, forces it to disk, renames. @param mode permissions; default: what everybody may read */
export function writeWhole(file: string, content: string | Buffer, mode = 0o644): void {
  const aside = `${file}.${process.pid}.part`;
  const descriptor = openSync(aside, 'w', mode);
  try {
    writeSync(descriptor, Buffer.from(content));
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  renameSync(aside, file);
}
