// A file that is only ever appended to, or standard output. Every append is whole or an error; a sync means that the
// bytes survive a power cut (files only). Opening repairs what a crash left behind.

import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const [open, read, write, fsync, fstat, ftruncate, close] = [
  promisify(fs.open),
  promisify(fs.read),
  promisify(fs.write),
  promisify(fs.fsync),
  promisify(fs.fstat),
  promisify(fs.ftruncate),
  promisify(fs.close),
];

export interface Output {
  /** It is a file: what is synced stays. */
  readonly durable: boolean;
  /** Appends all of `bytes`, however slowly they are taken, or rejects with the system's error. */
  append(bytes: Buffer, signal: AbortSignal): Promise<void>;
  /** Settles when what was appended is on disk. Nothing to do for a pipe or a terminal. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

const STDOUT = 1;
/** A full pipe is looked at again after so many ms. */
const RETRY_MS = 10;
/** More than any message of ours; a last line longer than this is not ours. */
const MOST_LINE_BYTES = 1_048_576;
export const NEWLINE = Buffer.from('\n');

/**
 * Opens `path`, `-` for standard output. A file is made if need be, and its torn last line is repaired; on anything
 * else a line that was `torn` before is ended with a newline, so that the next begins a line.
 */
export async function openOutput(path: string, torn: boolean, signal: AbortSignal): Promise<Output> {
  const output = path === '-' ? outputOn(STDOUT, false, async () => undefined) : await openPath(path);
  try {
    if (torn && !output.durable) await output.append(NEWLINE, signal);
  } catch (error) {
    await output.close();
    throw error;
  }
  return output;
}

async function openPath(path: string): Promise<Output> {
  const { O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;
  const kind = await promisify(fs.stat)(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const regular = kind === undefined || kind.isFile();
  // Not blocking: opening a pipe that nobody reads must fail, not wait in one of the few threads all files share.
  const fd = await open(path, regular ? O_RDWR | O_APPEND | O_CREAT : O_WRONLY | O_NONBLOCK, 0o640);
  try {
    if (regular) await repair(fd);
    if (kind === undefined) await syncFolder(dirname(path));
  } catch (error) {
    await close(fd);
    throw error;
  }
  return outputOn(fd, regular, () => close(fd));
}

function outputOn(fd: number, durable: boolean, end: () => Promise<void>): Output {
  return {
    durable,
    async append(bytes, signal) {
      let at = 0;
      while (at < bytes.length) {
        try {
          at += (await write(fd, bytes, at, bytes.length - at)).bytesWritten;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
          await sleep(RETRY_MS, undefined, { signal });
        }
      }
    },
    sync: async () => (durable ? fsync(fd) : undefined),
    close: end,
  };
}

/** Removes the torn beginning of one of our rows at the end of the file; ends any other torn line with a newline. */
async function repair(fd: number): Promise<void> {
  const { size } = await fstat(fd);
  if (size === 0) return;
  const tail = Buffer.alloc(Math.min(size, MOST_LINE_BYTES));
  const { bytesRead } = await read(fd, tail, 0, tail.length, size - tail.length);
  if (tail[bytesRead - 1] === NEWLINE[0]) return;
  const begin = tail.lastIndexOf(NEWLINE) + 1;
  const line = tail.subarray(begin, bytesRead).toString('utf8');
  const whole = begin > 0 || tail.length === size;
  if (whole && line.startsWith('{"gateway":') && !isJson(line)) await ftruncate(fd, size - (bytesRead - begin));
  else await write(fd, '\n');
  await fsync(fd);
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** A new file's name is durable only when its folder is synced. */
async function syncFolder(folder: string): Promise<void> {
  const fd = await open(folder, fs.constants.O_RDONLY);
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}
