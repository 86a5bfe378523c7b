// How far the salvage of a set-aside file has come: a small file beside it, so that a restart goes on where the last
// run ended, and so that a later file set aside does not forget it. Written whole under another name, then renamed.

import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface Progress {
  /** Everything below this number has been delivered or given up. */
  readonly next: number;
  readonly delivered: number;
  /** Readings that could not be had; where the file does not tell how many they were, numbers. */
  readonly lost: number;
  readonly done: boolean;
}

const SUFFIX = '.salvage';
const BEGINNING: Progress = { next: 1, delivered: 0, lost: 0, done: false };

/** Asks for the salvage of the file that will be at `aside`. Called before it is: a request without a file is nothing. */
export function requestSalvage(aside: string): void {
  try {
    writeProgress(aside, BEGINNING);
  } catch {
    // A disk that does not take a line must not keep the gateway from setting the file aside.
  }
}

/** The files set aside beside `path` whose salvage was asked for and is not done, oldest first. */
export function unfinished(path: string): string[] {
  const prefix = `${basename(path)}.damaged-`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && name.endsWith(SUFFIX))
    .map((name) => join(dirname(path), name.slice(0, -SUFFIX.length)))
    .filter((aside) => existsSync(aside) && !readProgress(aside).done)
    .sort();
}

/** A mark that cannot be understood is the beginning: what was delivered before is delivered again. */
export function readProgress(aside: string): Progress {
  try {
    const { next, delivered, lost, done } = JSON.parse(readFileSync(aside + SUFFIX, 'utf8')) as Partial<Progress>;
    if (!Number.isSafeInteger(next) || typeof delivered !== 'number' || typeof lost !== 'number') return BEGINNING;
    return { next: next as number, delivered, lost, done: done === true };
  } catch {
    return BEGINNING;
  }
}

export function writeProgress(aside: string, progress: Progress): void {
  writeFileSync(`${aside}${SUFFIX}.new`, `${JSON.stringify(progress)}\n`);
  renameSync(`${aside}${SUFFIX}.new`, aside + SUFFIX);
}
