// Opening the buffer's file: what is refused, what is set aside, and what goes on with a new epoch. Real files, damaged
// in the ways disks and people damage them.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { openFile } from '../../agent/src/buffer/file.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { now } from '../../agent/src/model/time.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart, entriesOf, part } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const file = () => join(scratch(), 'data', 'buffer.db');

function faultOf(action: () => unknown): Fault {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    return error as Fault;
  }
  throw new Error('expected a fault');
}

function drain(buffer: Buffer) {
  const found = [];
  for (const lane of ['backfill', 'live'] as const)
    while (buffer.waiting(lane) > 0) found.push(...entriesOf(buffer.next(lane, 1_000)));
  return found;
}

/** A closed buffer of ten segments whose payloads are larger than a page. */
function filled(path = file()): string {
  const buffer = openBuffer(path, SIZE);
  for (let i = 0; i < 10; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 6_000)]);
  buffer.close();
  return path;
}

function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const handle = openSync(path, 'r+');
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
}

/** The page numbers of a table's b-tree, `overflow` or `leaf`. */
function pagesOf(path: string, name: string, type: string): number[] {
  const db = new Sqlite(path, { readonly: true });
  try {
    return db
      .prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno')
      .pluck()
      .all(name, type) as number[];
  } finally {
    db.close();
  }
}

test('the settings that make a commit safe are in force, as SQLite itself reads them back', () => {
  const { db } = openFile(file());
  const setting = (name: string) => db.pragma(name, { simple: true });
  expect([setting('journal_mode'), setting('synchronous'), setting('locking_mode')]).toEqual(['wal', 2, 'exclusive']);
  expect(setting('page_size')).toBe(1024);
  db.close();
});

test('the folder is made when it is missing', () => {
  const path = join(scratch(), 'a', 'b', 'buffer.db');
  openBuffer(path, SIZE).close();
  expect(existsSync(path)).toBe(true);
});

test('a second gateway on the same file is refused, and the first is not disturbed', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  const fault = faultOf(() => openBuffer(path, SIZE));
  expect([fault.code, fault.message]).toEqual(['buffer.locked', expect.stringContaining(path)]);
  buffer.append([part(1, 3)]);
  buffer.close();
  expect(readdirSync(dirname(path)), 'nothing was set aside').toEqual(['buffer.db', 'buffer.db-head']);
  const again = openBuffer(path, SIZE);
  expect(drain(again)).toHaveLength(3);
  again.close();
});

test('a file of a later release is refused and left as it is', () => {
  const path = filled();
  const db = new Sqlite(path);
  db.pragma('user_version = 4');
  db.close();
  const before = readFileSync(path);
  const fault = faultOf(() => openBuffer(path, SIZE));
  expect([fault.code, fault.message]).toEqual(['buffer.newer', expect.stringContaining('later release')]);
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(dirname(path))).toEqual(['buffer.db', 'buffer.db-head']);
});

test('a path that cannot be written is a fault that names it', () => {
  const folder = scratch();
  writeFileSync(join(folder, 'plain'), 'x');
  mkdirSync(join(folder, 'directory'));
  for (const path of [join(folder, 'plain', 'buffer.db'), join(folder, 'directory'), '/proc/buffer.db']) {
    const fault = faultOf(() => openBuffer(path, SIZE));
    expect([path, fault.code]).toEqual([path, 'buffer.path']);
    expect(fault.message).toContain(path);
  }
});

const damages: Record<string, (path: string) => void> = {
  'is no database': (path) => writeFileSync(path, 'this is not a database, and long enough to be none '.repeat(50)),
  'has lost its first page': (path) => overwrite(path, 0, Buffer.alloc(1024, 0xa5)),
  'has lost its schema': (path) => overwrite(path, 100, Buffer.alloc(924, 0x5a)),
  'was cut in the middle': (path) => truncateSync(path, 3 * 1024),
  'has garbage in the tree of its segments': (path) => {
    for (const page of pagesOf(path, 'segment', 'leaf')) overwrite(path, (page - 1) * 1024, Buffer.alloc(1024, 0xff));
  },
  'has garbage in its dictionary': (path) => {
    for (const page of pagesOf(path, 'tag', 'leaf')) overwrite(path, (page - 1) * 1024, Buffer.alloc(1024, 0xff));
  },
};
for (const [damage, inflict] of Object.entries(damages)) {
  test(`a file that ${damage} is set aside, and a new epoch begins with a gap record`, () => {
    const path = filled();
    const before = now();
    inflict(path);
    const damaged = readFileSync(path);
    const buffer = openBuffer(path, SIZE);
    expect(buffer.setAside).toMatch(/buffer\.db\.damaged-\d{8}T\d{9}Z$/);
    expect(readFileSync(buffer.setAside!).equals(damaged), 'set aside as it was').toBe(true);
    buffer.append([part(1, 2)]);
    const [gap, first, second] = drain(buffer);
    expect(gap).toMatchObject({ seq: 1, gap: { reason: 'buffer-damaged' } });
    expect(gap!.gap!.from).toBeLessThanOrEqual(before);
    expect(gap!.gap!.to).toBeGreaterThanOrEqual(before);
    expect([first, second]).toEqual([
      { seq: 2, value: 1 },
      { seq: 3, value: 2 },
    ]);
    buffer.close();
    const again = openBuffer(path, SIZE);
    expect([again.setAside, again.epoch]).toEqual([undefined, buffer.epoch]);
    again.close();
  });
}

test('the gap record of a file set aside is committed even when no reading ever comes', () => {
  const path = filled();
  writeFileSync(path, 'x'.repeat(5_000));
  openBuffer(path, SIZE).close();
  const buffer = openBuffer(path, SIZE);
  expect(drain(buffer)).toMatchObject([{ seq: 1, gap: { reason: 'buffer-damaged' } }]);
  buffer.close();
});

test('garbage in the pages of one payload costs that segment only, also when SQLite cannot even delete it', () => {
  const path = filled();
  const overflow = pagesOf(path, 'segment', 'overflow');
  // The head of an overflow page is the number of the next: one that does not exist breaks the chain.
  overwrite(path, (overflow[overflow.length >> 1]! - 1) * 1024, Buffer.alloc(1024, 0xff));
  let buffer = openBuffer(path, SIZE);
  expect(buffer.setAside).toBeUndefined();
  const found = drain(buffer);
  expect(found).toHaveLength(90);
  expect(buffer.stats().dropped).toEqual({ 'buffer-damaged': 10 });
  for (const { seq } of found) buffer.ack(seq, seq, 1);
  buffer.tidy(false);
  expect(drain(buffer)).toMatchObject([{ seq: 101, gap: { reason: 'buffer-damaged', count: 10 } }]);
  buffer.append([part(1_000, 1)]);
  expect(drain(buffer)).toEqual([{ seq: 102, value: 1_000 }]);
  buffer.close();
  buffer = openBuffer(path, SIZE);
  expect(buffer.setAside).toBeUndefined();
  expect(drain(buffer).map((entry) => entry.seq)).toEqual([101, 102]);
  buffer.close();
});

test('damage that shows only while the file is in use sets it aside at the next start', () => {
  const path = filled();
  let buffer = openBuffer(path, SIZE);
  for (const { seq } of drain(buffer)) buffer.ack(seq, seq, 1);
  buffer.close();
  // The head of the file names the first page of the list of free pages: what is to be written next.
  overwrite(path, (readFileSync(path).readUInt32BE(32) - 1) * 1024, Buffer.alloc(1024, 0xff));
  buffer = openBuffer(path, SIZE);
  expect(buffer.setAside).toBeUndefined();
  const fault = faultOf(() => {
    for (let i = 0; i < 20; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 6_000)]);
  });
  expect(fault.code).toBe('buffer.damaged');
  buffer.close();
  const next = openBuffer(path, SIZE);
  expect(next.setAside).toBeDefined();
  next.append([part(1, 1)]);
  expect(drain(next)).toMatchObject([
    { seq: 1, gap: { reason: 'buffer-damaged' } },
    { seq: 2, value: 1 },
  ]);
  next.close();
  const again = openBuffer(path, SIZE);
  expect(again.setAside).toBeUndefined();
  again.close();
});

test('damage that shows when a tag is new is damage, too, and not a disk to be tried again', () => {
  const path = filled();
  let buffer = openBuffer(path, SIZE);
  for (const { seq } of drain(buffer)) buffer.ack(seq, seq, 1);
  buffer.close();
  overwrite(path, (readFileSync(path).readUInt32BE(32) - 1) * 1024, Buffer.alloc(1024, 0xff));
  buffer = openBuffer(path, SIZE);
  const tags = Array.from({ length: 500 }, (_, index) => ({
    index,
    name: `20TI${index}.PV`,
    source: 'cdu1-dcs',
    priority: 'normal' as const,
  }));
  expect(faultOf(() => buffer.dictionary.intern(tags)).code).toBe('buffer.damaged');
  buffer.close();
  const next = openBuffer(path, SIZE);
  expect(next.setAside).toBeDefined();
  expect(new Set(next.dictionary.intern(tags)).size).toBe(500);
  next.close();
});

test('a WAL that was cut at a power failure loses the commit it tore and none before', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 2)]);
  const sound = readFileSync(`${path}-wal`).length;
  const stamp = readFileSync(`${path}-head`);
  buffer.append([part(3, 2)]);
  const wal = readFileSync(`${path}-wal`);
  const torn = file();
  mkdirSync(dirname(torn), { recursive: true });
  writeFileSync(torn, readFileSync(path));
  writeFileSync(`${torn}-wal`, wal.subarray(0, sound + ((wal.length - sound) >> 1)));
  writeFileSync(`${torn}-head`, stamp);
  const survivor = openBuffer(torn, SIZE);
  expect(drain(survivor)).toEqual([1, 2].map((n) => ({ seq: n, value: n })));
  survivor.close();
  buffer.close();
});
