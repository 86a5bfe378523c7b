// Reads single files out of a packed npm package in memory, so that nobody has to unpack 267 MB onto a disk.

import { gunzipSync } from 'node:zlib';

const RECORD = 512;

/** A text field of a tar header ends at its first zero byte. */
function field(header: Buffer, from: number, length: number): string {
  const bytes = header.subarray(from, from + length);
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? length : end).toString('utf8');
}

/**
 * The regular files of a gzipped tar archive whose path `wanted` accepts, in the archive's order. npm's packages are
 * plain ustar; a pax header's longer path is honoured.
 */
export function* filesIn(archive: Buffer, wanted: (path: string) => boolean): Generator<readonly [string, Buffer]> {
  const tar = gunzipSync(archive);
  let longPath: string | undefined;
  for (let at = 0; at + RECORD <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + RECORD);
    const size = Number.parseInt(field(header, 124, 12), 8);
    if (!Number.isSafeInteger(size)) throw new Error(`broken archive: no size at byte ${at}`);
    const kind = field(header, 156, 1);
    const prefix = field(header, 345, 155);
    const name = field(header, 0, 100);
    const body = tar.subarray(at + RECORD, at + RECORD + size);
    at += RECORD + Math.ceil(size / RECORD) * RECORD;
    if (kind === 'x') {
      longPath = /^\d+ path=(.*)$/m.exec(body.toString('utf8'))?.[1];
      continue;
    }
    const path = longPath ?? (prefix === '' ? name : `${prefix}/${name}`);
    longPath = undefined;
    if ((kind === '0' || kind === '') && wanted(path)) yield [path, body];
  }
}
