// Reads a text file of the mapping: bounded in size, UTF-8 with or without a byte order mark. What people's editors
// do to files is told in their words: Excel's CSV is often not UTF-8.

import { readFile, stat } from 'node:fs/promises';
import { describe } from '../model/fault.ts';

/** A mapping of 100,000 tags has about 10 MB; what is larger is no mapping. */
const MAX_BYTES = 20_000_000;

export type TextFile = { readonly text: string } | { readonly problem: string; readonly line?: number };

export async function readText(path: string): Promise<TextFile> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) return tooLarge(size);
    bytes = await readFile(path);
  } catch (thrown) {
    return { problem: unreadable(thrown) };
  }
  if (bytes.length > MAX_BYTES) return tooLarge(bytes.length);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { problem: 'is UTF-16; save it as UTF-8' };
  }
  try {
    return { text: decode(bytes) };
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    return { problem: 'is not UTF-8 in this line; save it as UTF-8 (in Excel "CSV UTF-8")', line: firstBadLine(bytes) };
  }
}

function decode(bytes: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function firstBadLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const stop = end < 0 ? bytes.length : end + 1;
    try {
      decode(bytes.subarray(start, stop));
    } catch {
      return line;
    }
    start = stop;
  }
  return line;
}

function tooLarge(size: number): TextFile {
  return { problem: `is ${Math.ceil(size / 1e6)} MB; the most is ${MAX_BYTES / 1e6} MB` };
}

function unreadable(thrown: unknown): string {
  switch ((thrown as NodeJS.ErrnoException | undefined)?.code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read the file';
    case 'EISDIR':
      return 'is a folder';
    default:
      return `cannot be read: ${describe(thrown)}`;
  }
}
