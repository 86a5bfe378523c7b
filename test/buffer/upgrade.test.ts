// Files of versions 1 and 2, built with the statements of the releases that wrote them: they are opened in place and
// lose nothing, and what is written to them from then on is checked as in a new file.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { openThere } from '../../agent/src/buffer/file.ts';
import { openReader } from '../../agent/src/buffer/reader.ts';
import { openSalvage } from '../../agent/src/buffer/salvage.ts';
import { encodeSegment } from '../../agent/src/buffer/segment.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart, entriesOf, part, timeOf } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const KEEP = { keepDelivered: 60_000 };
const EPOCH = '20261122T100000-abcdef';

const VERSION_1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, unit TEXT) STRICT;
  CREATE TABLE segment (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, readings INTEGER NOT NULL, priority INTEGER NOT NULL,
    committed INTEGER NOT NULL, oldest REAL NOT NULL, newest REAL NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL
  ) STRICT;
`;
const VERSION_2 = `${VERSION_1}
  CREATE TABLE delivered (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
`;

/** Three segments of ten readings, numbers 21 to 50; in version 2 the first of them is delivered and kept. */
function earlier(version: 1 | 2): string {
  const path = join(scratch(), 'buffer.db');
  const db = new Sqlite(path);
  db.pragma('page_size = 8192');
  db.pragma('journal_mode = WAL');
  db.exec(version === 1 ? VERSION_1 : VERSION_2);
  db.pragma(`user_version = ${version}`);
  db.exec(
    "INSERT INTO tag (name, source, unit) VALUES ('20TI101.PV', 'cdu1-dcs', 'degC'), ('20P101.RUN', 'cdu1-dcs', NULL)",
  );
  const meta = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  meta.run('epoch', EPOCH);
  meta.run('next', 51);
  meta.run('alive', 1_790_000_000_000);
  const waiting = version === 1 ? 30 : 20;
  const held = {
    next: 51,
    alive: 1_790_000_000_000,
    entries: waiting,
    readings: waiting,
    ranges: [[51 - waiting, 50]],
  };
  meta.run('held', JSON.stringify(held));
  if (version === 2) {
    meta.run('ran', 5_000);
    meta.run('kept', JSON.stringify({ entries: 10, readings: 10, bytes: 77 }));
    db.exec('INSERT INTO delivered VALUES (21, 30, 4000)');
  }
  const insert = db.prepare('INSERT INTO segment VALUES (?, ?, 10, 0, 1790000000000, ?, ?, ?, ?)');
  for (const first of [21, 31, 41]) {
    const payload = encodeSegment(part(first, 10).batch);
    insert.run(first, first + 9, timeOf(first), timeOf(first + 9), crc32(payload), payload);
  }
  db.close();
  return path;
}

function drain(buffer: Buffer) {
  const found = [];
  for (const lane of ['backfill', 'live'] as const) {
    while (buffer.waiting(lane) > 0) {
      const segments = buffer.next(lane, 1_000);
      for (const { first, last, batch } of segments) buffer.ack(first, last, batch.count);
      found.push(...entriesOf(segments));
    }
  }
  return found;
}
const upTo = (last: number, from: number) => Array.from({ length: last - from + 1 }, (_, i) => from + i);

test.each([1, 2] as const)(
  'a file of version %d becomes one of version 3 and keeps epoch, numbers, names, readings',
  (version) => {
    const path = earlier(version);
    const waiting = version === 1 ? 30 : 20;
    const reader = openReader(path);
    expect([reader.version, reader.epoch, [...reader.walk(1)].length]).toEqual([version, EPOCH, waiting / 10]);
    expect(reader.tag(1)).toEqual({ name: '20TI101.PV', source: 'cdu1-dcs', unit: 'degC' });
    reader.close();
    let buffer = openBuffer(path, SIZE, KEEP);
    expect([buffer.setAside, buffer.epoch]).toEqual([undefined, EPOCH]);
    expect(buffer.stats()).toMatchObject({ pending: waiting, pendingReadings: waiting, keptReadings: 30 - waiting });
    expect(buffer.dictionary.get(2)).toEqual({ name: '20P101.RUN', source: 'cdu1-dcs' });
    buffer.append([bulkyPart(51, 10, 3_000)]);
    const found = drain(buffer);
    expect(found.map(({ seq }) => seq)).toEqual(upTo(60, 51 - waiting));
    expect(found.slice(0, waiting).every(({ seq, value }) => seq === value)).toBe(true);
    buffer.close();
    buffer = openBuffer(path, SIZE, KEEP);
    expect(buffer.stats()).toMatchObject({ pending: 0, keptReadings: 40, dropped: {} });
    expect(buffer.replay(timeOf(21), timeOf(30))).toBe(10);
    expect(drain(buffer).map(({ seq }) => seq)).toEqual(upTo(30, 21));
    buffer.close();
    const db = new Sqlite(path, { readonly: true });
    expect(db.pragma('user_version', { simple: true })).toBe(3);
    expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'delivered'").pluck().get()).toBe(0);
    db.close();
  },
);

test('rows that were there before have no checksum and are checked by their payload; rows from then on have one', () => {
  const path = earlier(2);
  let buffer = openBuffer(path, SIZE, KEEP);
  buffer.append([part(51, 10)]);
  buffer.append([part(61, 10)]);
  buffer.close();
  const db = new Sqlite(path);
  expect(db.prepare('SELECT first FROM segment WHERE sum IS NULL').pluck().all()).toEqual([21, 31, 41]);
  db.exec('UPDATE segment SET last = last + 5 WHERE first = 31; UPDATE segment SET sum = NULL WHERE first = 51');
  db.close();
  buffer = openBuffer(path, SIZE, KEEP);
  expect(drain(buffer).map(({ seq }) => seq)).toEqual([...upTo(50, 41), ...upTo(70, 61)]);
  buffer.tidy(true);
  expect(drain(buffer)).toMatchObject([
    { gap: { reason: 'buffer-damaged', range: { first: 31, last: 40 } } },
    { gap: { reason: 'buffer-damaged', range: { first: 51, last: 60 } } },
  ]);
  buffer.close();
});

test.each([1, 2] as const)('a set-aside file of version %d is salvaged', (version) => {
  const salvage = openSalvage(earlier(version))!;
  expect(salvage.epoch).toBe(EPOCH);
  expect(salvage.next('backfill', 1_000).map(({ first }) => first)).toEqual(version === 1 ? [21, 31, 41] : [31, 41]);
  salvage.close();
});

test.each([1, 2] as const)(
  'an upgrade from %d that a crash interrupts begins anew: the WAL is lost, the file is whole',
  (version) => {
    const path = earlier(version);
    const copy = join(scratch(), 'buffer.db');
    const db = openThere(path);
    copyFileSync(path, copy);
    db.close();
    const again = openBuffer(copy, SIZE);
    expect(again.stats()).toMatchObject({ pending: version === 1 ? 30 : 20 });
    again.close();
  },
);
