// The head stamp: a small file beside the buffer that says up to which number commits have returned. It is written after
// every commit and never synced: the kernel keeps it when the process is killed, and a power cut leaves an older one,
// which proves less and never too much. By it a start notices that the end of the WAL is gone, that an older file was
// put back, or that the file is not new though it looks so; and a salvage knows an epoch that the file has lost.

import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export const STAMP_SUFFIX = '-head';

export interface Stamp {
  readonly epoch: string;
  /** Every number below was promised. */
  readonly head: number;
}

/** Undefined when there is none, or when it is not what was written. */
export function readStamp(path: string): Stamp | undefined {
  try {
    const [epoch, head, sum] = readFileSync(path + STAMP_SUFFIX, 'utf8')
      .trim()
      .split(' ');
    const sound = epoch !== undefined && Number.isSafeInteger(Number(head)) && sum === sumOf(`${epoch} ${head}`);
    return sound ? { epoch, head: Number(head) } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a buffer was in use here, though its file may be gone. */
export const wasUsed = (path: string): boolean => existsSync(path + STAMP_SUFFIX) || existsSync(`${path}-wal`);

const sumOf = (text: string) => crc32(text).toString(16).padStart(8, '0');

/** A disk that does not take it costs the proof, and no reading. */
export function openStamp(path: string, epoch: string) {
  let file: number | undefined;
  const open = (): number => {
    file ??= openSync(path + STAMP_SUFFIX, existsSync(path + STAMP_SUFFIX) ? 'r+' : 'w');
    return file;
  };
  return {
    write(head: number): void {
      const text = `${epoch} ${String(head).padStart(16, '0')}`;
      try {
        writeSync(open(), `${text} ${sumOf(text)}\n`, 0);
      } catch {
        // The next commit writes it again.
      }
    },
    close(): void {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
