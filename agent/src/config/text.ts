// Reads a text file of the mapping: bounded in size, UTF-8 with or without a byte order mark. What people's editors
// do to files is told in their words. Tables are read as Excel saves them, which is often not UTF-8.

import { open } from 'node:fs/promises';
import { describe } from '../model/fault.ts';

/** A mapping of 100,000 tags has about 10 MB; what is larger is no mapping. */
const MAX_BYTES = 20_000_000;

export type TextFile =
  | { readonly text: string; readonly notice?: Notice }
  | { readonly problem: string; readonly line?: number };

/** What was done to read a file that is not as it should be. */
export interface Notice {
  readonly message: string;
  readonly line: number;
}

/** @param kind a table may be as spreadsheets save it: Windows-1252, or UTF-16 with a byte order mark */
export async function readText(path: string, kind: 'yaml' | 'table' = 'yaml'): Promise<TextFile> {
  let bytes: Buffer;
  try {
    bytes = await readBytes(path);
  } catch (thrown) {
    return { problem: unreadable(thrown) };
  }
  if (bytes.length > MAX_BYTES) return { problem: `is larger than ${MAX_BYTES / 1e6} MB` };
  const utf16 = UTF_16.find(({ mark }) => bytes[0] === mark[0] && bytes[1] === mark[1]);
  if (utf16 !== undefined) {
    if (kind === 'yaml') return { problem: 'is UTF-16; save it as UTF-8' };
    return { text: new TextDecoder(utf16.name).decode(bytes) };
  }
  try {
    return { text: decode(bytes) };
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
  }
  const line = firstBadLine(bytes);
  if (kind === 'yaml') return { problem: 'is not UTF-8 in this line; save it as UTF-8', line };
  const message = 'is not UTF-8 in this line; the file is read as Windows-1252, as Excel saves "CSV"';
  return { text: new TextDecoder('windows-1252').decode(bytes), notice: { message, line } };
}

const UTF_16 = [
  { name: 'utf-16le', mark: [0xff, 0xfe] },
  { name: 'utf-16be', mark: [0xfe, 0xff] },
] as const;

/** The file's bytes, at most one more than there may be: a device or a pipe may have no end. */
async function readBytes(path: string): Promise<Buffer> {
  const handle = await open(path);
  try {
    const chunks: Buffer[] = [];
    let total = 0;
    while (total <= MAX_BYTES) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(1 << 20));
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return Buffer.concat(chunks);
  } finally {
    await handle.close();
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
