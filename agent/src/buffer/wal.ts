// The WAL, looked at before SQLite recovers it. Recovery ends at the first frame whose checksum does not match and says
// nothing of what follows: right after a power cut, which tears the last commit, and wrong when a bit has flipped in the
// middle, for then commits that were promised are behind it and their numbers would be given again.
//
// A frame's checksum continues that of the frame before (https://www.sqlite.org/fileformat2.html#walformat). Behind a
// flipped bit the chain goes on by the checksums that are stored. A commit is synced before the next begins, so a power
// cut can tear one commit only, and what a failed commit leaves behind never holds the marks of two in one chain: two
// commits in a chain behind the break are proof that something promised is gone.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER = 32;
const FRAME = 24;
const MAGIC = 0x377f0682;
/** Read at once. */
const CHUNK = 1024 * 1024;

/** `broken`: commits that were promised lie behind a place where recovery ends. */
export type WalState = 'sound' | 'broken';

/** Reads the whole WAL of the buffer at `path`; one that is missing is sound. Throws what the file system throws. */
export function inspectWal(path: string): WalState {
  let file: number;
  try {
    file = openSync(`${path}-wal`, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'sound';
    throw error;
  }
  try {
    return walk(file, fstatSync(file).size, pageSizeOf(path));
  } finally {
    closeSync(file);
  }
}

/** As the database says: the WAL's own word may be what has flipped. */
function pageSizeOf(path: string): number {
  const head = Buffer.alloc(100);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    readSync(file, head, 0, head.length, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return 0;
  } finally {
    if (file !== undefined) closeSync(file);
  }
  const size = head.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}

type Sum = readonly [number, number];

function walk(file: number, size: number, pageOfDatabase: number): WalState {
  const header = Buffer.alloc(HEADER);
  if (size < HEADER + FRAME || readSync(file, header, 0, HEADER, 0) < HEADER) return 'sound';
  const magic = header.readUInt32BE(0);
  const big = (magic & 1) === 1;
  const headerSum = checksum(header.subarray(0, 24), [0, 0], big);
  const headerSound =
    (magic & 0xfffffffe) === MAGIC && same(headerSum, [header.readUInt32BE(24), header.readUInt32BE(28)]);
  const page = headerSound ? header.readUInt32BE(8) : pageOfDatabase;
  if (page < 512 || page > 65_536) return 'sound';
  const length = FRAME + page;
  /** The salts of the frames that count; of a header that is damaged, those of the first frame. */
  let salts: Sum | undefined = headerSound ? [header.readUInt32BE(16), header.readUInt32BE(20)] : undefined;
  /** The checksum that the next frame continues; undefined when nothing does. */
  let before: Sum | undefined = headerSound ? headerSum : undefined;
  let intact = headerSound;
  let commits = 0;
  const perRead = Math.max(1, Math.floor(CHUNK / length));
  const bytes = Buffer.alloc(perRead * length);
  for (let at = HEADER; at + length <= size; ) {
    const read = readSync(file, bytes, 0, bytes.length, at);
    if (read < length) break;
    for (let offset = 0; offset + length <= read; offset += length) {
      const frame = bytes.subarray(offset, offset + length);
      const found: Sum = [frame.readUInt32BE(8), frame.readUInt32BE(12)];
      salts ??= found;
      const stored: Sum = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
      const current = same(found, salts);
      const linked =
        current &&
        before !== undefined &&
        same(checksum(frame.subarray(FRAME), checksum(frame.subarray(0, 8), before, big), big), stored);
      if (linked && !intact && frame.readUInt32BE(4) !== 0) commits++;
      if (commits >= 2) return 'broken';
      if (!linked) {
        intact = false;
        commits = 0;
      }
      before = stored;
    }
    at += Math.floor(read / length) * length;
  }
  return 'sound';
}

const same = (a: Sum, b: Sum) => a[0] === b[0] && a[1] === b[1];

/** SQLite's own, over words of the order that the header tells. */
function checksum(bytes: Buffer, [first, second]: Sum, big: boolean): Sum {
  let a = first;
  let b = second;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i + 8 <= bytes.length; i += 8) {
    a = (a + view.getUint32(i, !big) + b) >>> 0;
    b = (b + view.getUint32(i + 4, !big) + a) >>> 0;
  }
  return [a, b];
}
