// A file of version 1, built with the statements of the releases that wrote it: it is opened in place and loses nothing.

import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { openReader } from '../../agent/src/buffer/reader.ts';
import { encodeSegment } from '../../agent/src/buffer/segment.ts';
import { scratch } from '../support/scratch.ts';
import { entriesOf, part, timeOf } from './parts.ts';

const SIZE = 200 * 1024 * 1024;

const VERSION_1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, unit TEXT) STRICT;
  CREATE TABLE segment (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, readings INTEGER NOT NULL, priority INTEGER NOT NULL,
    committed INTEGER NOT NULL, oldest REAL NOT NULL, newest REAL NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL
  ) STRICT;
`;

/** Three segments of ten readings, numbers 21 to 50. */
function version1(): string {
  const path = join(scratch(), 'buffer.db');
  const db = new Sqlite(path);
  db.pragma('page_size = 8192');
  db.pragma('journal_mode = WAL');
  db.exec(VERSION_1);
  db.pragma('user_version = 1');
  const meta = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  meta.run('epoch', '20261122T100000-abcdef');
  meta.run('next', 51);
  meta.run('alive', 1_790_000_000_000);
  const held = { next: 51, alive: 1_790_000_000_000, entries: 30, readings: 30, ranges: [[21, 50]] };
  meta.run('held', JSON.stringify(held));
  const insert = db.prepare('INSERT INTO segment VALUES (?, ?, 10, 0, 1790000000000, ?, ?, ?, ?)');
  for (const first of [21, 31, 41]) {
    const payload = encodeSegment(part(first, 10).batch);
    insert.run(first, first + 9, timeOf(first), timeOf(first + 9), crc32(payload), payload);
  }
  db.close();
  return path;
}

test('a file of version 1 becomes one of version 2 and keeps epoch, numbers and readings', () => {
  const path = version1();
  const reader = openReader(path);
  expect([reader.version, [...reader.walk(1)].length]).toEqual([1, 3]);
  reader.close();
  let buffer = openBuffer(path, SIZE, { keepDelivered: 60_000 });
  expect([buffer.setAside, buffer.epoch]).toEqual([undefined, '20261122T100000-abcdef']);
  expect(buffer.stats()).toMatchObject({ pending: 30, pendingReadings: 30, keptReadings: 0 });
  const segments = buffer.next('backfill', 20);
  expect(entriesOf(segments).map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => 21 + i));
  for (const { first, last, batch } of segments) buffer.ack(first, last, batch.count);
  buffer.close();
  buffer = openBuffer(path, SIZE, { keepDelivered: 60_000 });
  expect(buffer.stats()).toMatchObject({ pending: 10, keptReadings: 20 });
  buffer.close();
  const db = new Sqlite(path, { readonly: true });
  expect(db.pragma('user_version', { simple: true })).toBe(2);
  db.close();
});

test('an upgrade that a crash interrupts begins anew: the WAL is lost, the file of version 1 is whole', () => {
  const path = version1();
  const copy = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  copyFileSync(path, copy);
  buffer.close();
  rmSync(`${copy}-wal`, { force: true });
  const again = openBuffer(copy, SIZE);
  expect(again.stats()).toMatchObject({ pending: 30 });
  again.close();
});
