// A buffer file read from outside: what is found, what damage hides, and that the file is left as it was.

import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { statusOf, verify } from '../../agent/src/buffer/inspect.ts';
import { openReader, type Reader } from '../../agent/src/buffer/reader.ts';
import { gapBatch } from '../../agent/src/model/batch.ts';
import type { Fault } from '../../agent/src/model/fault.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart, part, timeOf } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const PAGE = 1024;
const file = () => join(scratch(), 'data', 'buffer.db');

/** A closed buffer of fifty segments with ten readings each. */
function filled(bytes = 600, path = file()): string {
  const buffer = openBuffer(path, SIZE);
  for (let i = 0; i < 50; i++) buffer.append([bulkyPart(i * 10 + 1, 10, bytes, i % 5 === 0 ? 'high' : 'normal')]);
  buffer.close();
  return path;
}

function looked<T>(path: string, look: (reader: Reader) => T): T {
  const reader = openReader(path);
  try {
    return look(reader);
  } finally {
    reader.close();
  }
}

/** Name and content of everything in the folder of a file. */
function folderOf(path: string): string[] {
  return readdirSync(dirname(path))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(dirname(path), name)))
          .digest('hex')}`,
    );
}

function overwrite(path: string, page: number, bytes: Uint8Array, at = 0): void {
  const handle = openSync(path, 'r+');
  writeSync(handle, bytes, 0, bytes.length, (page - 1) * PAGE + at);
  closeSync(handle);
}

function pages(path: string, type: 'leaf' | 'overflow'): number[] {
  const db = new Sqlite(path, { readonly: true });
  try {
    return db
      .prepare("SELECT pageno FROM dbstat WHERE name = 'segment' AND pagetype = ? ORDER BY path")
      .pluck()
      .all(type) as number[];
  } finally {
    db.close();
  }
}

test('the status of a stopped file: everything it holds, and the folder is left as it was', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 100), part(101, 20, 'high')]);
  buffer.append([{ priority: 'high', batch: gapBatch([{ reason: 'source-down', from: timeOf(1), to: null }]) }]);
  buffer.append([part(200, 5)]);
  const taken = buffer.next('live', 1);
  buffer.ack(1, taken.at(-1)!.last, 100);
  buffer.close();
  const before = folderOf(path);
  const found = looked(path, (reader) => statusOf(reader));
  expect(found).toMatchObject({
    epoch: buffer.epoch,
    segments: 3,
    readings: { normal: 5, high: 20 },
    gaps: 1,
    numbers: [101, 126],
    absent: 0,
    oldest: timeOf(101),
    newest: timeOf(204),
    unreadable: [],
  });
  expect(looked(path, (reader) => verify(reader))).toMatchObject({ sound: true, segments: 3 });
  expect(folderOf(path)).toEqual(before);
});

test('what is in the WAL alone is found, and neither file nor WAL is changed', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 10)]);
  const killed = file();
  mkdirSync(dirname(killed), { recursive: true });
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, killed + suffix);
  buffer.close();
  const before = folderOf(killed);
  expect(before).toHaveLength(2);
  expect(looked(killed, (reader) => statusOf(reader))).toMatchObject({ numbers: [1, 10] });
  expect(folderOf(killed)).toEqual(before);
});

test('a file in use is refused, and its gateway is not disturbed', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 3)]);
  expect(() => openReader(path)).toThrow(expect.objectContaining({ code: 'buffer.locked' }) as Fault);
  buffer.append([part(4, 3)]);
  expect(readdirSync(dirname(path)).sort()).toEqual(['buffer.db', 'buffer.db-head', 'buffer.db-wal']);
  buffer.close();
});

test('what is no buffer, and what is not there, are faults', () => {
  const path = file();
  mkdirSync(dirname(path), { recursive: true });
  expect(() => openReader(path)).toThrow(expect.objectContaining({ code: 'buffer.path' }) as Fault);
  writeFileSync(path, 'no database '.repeat(1_000));
  expect(() => openReader(path)).toThrow(expect.objectContaining({ code: 'buffer.damaged' }) as Fault);
  expect(readdirSync(dirname(path))).toEqual(['buffer.db']);
});

test('a damaged payload costs that segment: verify names it', () => {
  const path = filled(6_000);
  const overflow = pages(path, 'overflow');
  overwrite(path, overflow[overflow.length >> 1]!, Buffer.from('garbage'), 1_000);
  const verdict = looked(path, (reader) => verify(reader));
  expect(verdict).toMatchObject({ sound: false, segments: 50, unreadable: [] });
  expect(verdict.damaged).toHaveLength(1);
  expect(verdict.damaged[0]).toMatchObject({ readings: 10 });
});

test.each([
  ['first', 0],
  ['middle', 0.5],
  ['last', 1],
])('a damaged page in the tree hides its own segments only: the %s one', (_, place) => {
  const path = filled();
  const whole = looked(path, (reader) => statusOf(reader));
  const leaves = pages(path, 'leaf');
  overwrite(path, leaves[Math.round((leaves.length - 1) * place)]!, Buffer.alloc(PAGE, 0xff));
  const { segments, unreadable, epoch } = looked(path, (reader) => statusOf(reader));
  expect(epoch).toBe(whole.epoch);
  expect(unreadable).toHaveLength(1);
  const [first, last] = unreadable[0]!;
  expect((last - first + 1) / 10, 'found and hidden are all').toBe(50 - segments);
  expect(segments).toBeGreaterThan(20);
});
