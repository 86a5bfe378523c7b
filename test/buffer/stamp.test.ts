// The head stamp: after a kill the numbers go on, after a power cut they go on behind all that may have been given, and a
// stamp that is missing or another file's is no proof.

import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { readStamp } from '../../agent/src/buffer/stamp.ts';
import { batchOf, TAGS } from '../durability/content.ts';
import { drain } from '../durability/ledger.ts';
import { scratch } from '../support/scratch.ts';

const SIZE = 1024 ** 3;
const open = (path: string, boot = 'one') => openBuffer(path, SIZE, { boot });

function append(buffer: Buffer, from: number, to: number): void {
  buffer.append([{ priority: 'normal', batch: batchOf(from, to, buffer.dictionary.intern(TAGS)) }]);
}

/** A file as a kill leaves it, with entries 1 to 20 of which 11 to 20 are in the WAL alone. */
function killed(): { path: string; epoch: string } {
  const path = join(scratch(), 'buffer.db');
  const before = open(path);
  append(before, 1, 10);
  before.close();
  const buffer = open(path);
  append(buffer, 11, 20);
  const copy = join(scratch(), 'buffer.db');
  for (const suffix of ['', '-wal', '-head']) copyFileSync(path + suffix, copy + suffix);
  buffer.close();
  return { path: copy, epoch: buffer.epoch };
}

const gapsOf = (buffer: Buffer) => drain(buffer).flatMap(({ batch }) => batch.gaps);

test('after a kill the numbers go on without a hole', () => {
  const { path, epoch } = killed();
  const buffer = open(path);
  append(buffer, 21, 30);
  expect([buffer.epoch, buffer.setAside]).toEqual([epoch, undefined]);
  expect(drain(buffer).map(({ first, last }) => [first, last])).toEqual([
    [1, 10],
    [11, 20],
    [21, 30],
  ]);
  buffer.close();
});

test('after a power cut they go on behind all that may have been given, and a gap record says so, once', () => {
  const { path, epoch } = killed();
  const reserved = readStamp(path)?.reserved as number;
  expect(reserved).toBeGreaterThan(21);
  let buffer = open(path, 'two');
  append(buffer, 21, 30);
  const [first, second, gap, news] = drain(buffer);
  expect([first?.first, second?.last, gap?.first, news?.first]).toEqual([1, 20, reserved, reserved + 1]);
  expect(gap?.batch.gaps).toMatchObject([
    { reason: 'numbers-skipped', range: { epoch, first: 21, last: reserved - 1 } },
  ]);
  expect(gap?.batch.gaps[0]?.count).toBeUndefined();
  expect(buffer.stats().dropped).toEqual({});
  buffer.close();
  for (const boot of ['two', 'three']) {
    buffer = open(path, boot);
    append(buffer, 31, 40);
    expect([buffer.epoch, buffer.setAside, gapsOf(buffer).length]).toEqual([epoch, undefined, 1]);
    buffer.close();
  }
});

test('a start that ends before its first commit proves nothing', () => {
  const { path } = killed();
  const reserved = readStamp(path)?.reserved as number;
  // Killed in the run of the machine that could not know: the next start of the same run knows no more.
  const copy = join(scratch(), 'buffer.db');
  const idle = open(path, 'two');
  for (const suffix of ['', '-wal', '-head']) copyFileSync(path + suffix, copy + suffix);
  idle.close();
  const buffer = open(copy, 'two');
  append(buffer, 21, 30);
  expect(drain(buffer).at(-1)?.first).toBe(reserved + 1);
  buffer.close();
});

test('a power cut that takes the end of the WAL and leaves an old stamp gives no number again', () => {
  const { path, epoch } = killed();
  const old = readStamp(path);
  const stale = `${epoch} ${String(11).padStart(16, '0')} ${String(old?.reserved).padStart(16, '0')} one`;
  // As the sector was when the block was reserved.
  writeFileSync(`${path}-head`, `${stale} ${sum(stale)}\n`);
  truncateSync(`${path}-wal`, 0);
  const buffer = open(path, 'two');
  append(buffer, 21, 30);
  expect(gapsOf(buffer)).toMatchObject([{ reason: 'numbers-skipped', range: { epoch, first: 11 } }]);
  expect(buffer.setAside).toBeUndefined();
  buffer.close();
});

const spoil: Record<string, (path: string) => void> = {
  missing: (path) => rmSync(`${path}-head`),
  empty: (path) => truncateSync(`${path}-head`, 0),
  flipped: (path) => {
    const bytes = readFileSync(`${path}-head`);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(`${path}-head`, bytes);
  },
  'of another file': (path) => {
    const other = join(scratch(), 'buffer.db');
    open(other).close();
    copyFileSync(`${other}-head`, `${path}-head`);
  },
};

test.each(Object.entries(spoil))('a file whose stamp is %s begins a new epoch', (_, harm) => {
  const { path, epoch } = killed();
  harm(path);
  const buffer = open(path);
  expect(buffer.setAside).toBeDefined();
  expect(buffer.epoch).not.toBe(epoch);
  buffer.tidy(true);
  expect(gapsOf(buffer).map(({ reason }) => reason)).toEqual(['buffer-damaged']);
  buffer.close();
});

test('a file older than its stamp, and one newer, do not belong to it', () => {
  const { path } = killed();
  const older = join(scratch(), 'buffer.db');
  const first = open(older);
  append(first, 1, 10);
  first.close();
  // Its stamp says that nothing beyond 10 was given; the file has more.
  const stamp = readFileSync(`${older}-head`);
  const again = open(older);
  append(again, 11, 20);
  again.close();
  writeFileSync(`${older}-head`, stamp);
  expect(open(older).setAside).toBeDefined();
  expect(open(path).setAside).toBeUndefined();
});

test('a block of numbers is synced once, not with each commit', () => {
  const path = join(scratch(), 'buffer.db');
  const buffer = open(path);
  append(buffer, 1, 100);
  const { reserved } = readStamp(path) as { reserved: number };
  for (let n = 101; n < 2_000; n += 100) append(buffer, n, n + 99);
  expect(readStamp(path)).toMatchObject({ head: 2_001, reserved });
  buffer.close();
  expect(readStamp(path)).toMatchObject({ head: 2_001, reserved: 2_001 });
});

function sum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
