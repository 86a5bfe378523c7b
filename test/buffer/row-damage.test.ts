// Damage that SQLite does not notice, because it is in the columns of rows and not in the structure of pages: to
// segments, to the dictionary, to what the file remembers of itself. Whatever is changed, each number is handed out as
// it was written, or named by a gap record and counted, and none is used again (B2, B3, B5).

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openBuffer, type Buffer as Store } from '../../agent/src/buffer/buffer.ts';
import type { StoredTag } from '../../agent/src/buffer/dictionary.ts';
import { openReader } from '../../agent/src/buffer/reader.ts';
import { openSalvage } from '../../agent/src/buffer/salvage.ts';
import type { Batch } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { batchOf, flawOf, TAGS } from '../durability/content.ts';
import { scratch } from '../support/scratch.ts';

const SIZE = 200 * 1024 * 1024;
const KEEP = { keepDelivered: 900_000 };
const ALL = 100;

interface Filled {
  readonly path: string;
  readonly epoch: string;
  /** Numbers up to this were delivered and are kept. */
  readonly delivered: number;
}

/** A closed file: ten appends of ten entries. @param delivered so many of them acknowledged */
function filled(delivered = 0): Filled {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE, KEEP);
  const ids = buffer.dictionary.intern(TAGS);
  for (let first = 1; first < ALL; first += 10)
    buffer.append([{ priority: 'normal', batch: batchOf(first, first + 9, ids) }]);
  const { epoch } = buffer;
  if (delivered > 0) {
    buffer.next('live', delivered);
    buffer.ack(1, delivered, delivered);
  }
  buffer.close();
  return { path, epoch, delivered };
}

interface Account {
  readonly delivered: number[];
  readonly gaps: Gap[];
  readonly flaws: string[];
}

function take(account: Account, parts: readonly { first: number; batch: Batch }[], tag: (id: number) => StoredTag) {
  for (const { first, batch } of parts) {
    const flaw = flawOf(batch, first, tag);
    if (flaw !== undefined) account.flaws.push(flaw);
    for (let i = 0; i < batch.count; i++) account.delivered.push(first + i);
    account.gaps.push(...batch.gaps);
  }
}

function takeAll(account: Account, buffer: Store): void {
  for (const lane of ['backfill', 'live'] as const)
    while (buffer.waiting(lane) > 0) take(account, buffer.next(lane, 1_000), buffer.dictionary.get);
}

/** What a gateway makes of the file, and of what it sets aside. */
function examine({ path, epoch }: Filled) {
  const account: Account = { delivered: [], gaps: [], flaws: [] };
  const buffer = openBuffer(path, SIZE, KEEP);
  let lost = 0;
  try {
    takeAll(account, buffer);
    buffer.tidy(true);
    takeAll(account, buffer);
    lost += buffer.stats().dropped['buffer-damaged'] ?? 0;
    if (buffer.setAside !== undefined) {
      const salvage = openSalvage(buffer.setAside);
      while (salvage !== undefined && salvage.waiting('backfill') > 0) {
        const parts = salvage.next('backfill', 1_000);
        take(account, parts, salvage.tag);
        for (const { first, batch } of parts) salvage.ack(first, first + batch.count - 1, batch.count);
      }
      salvage?.tidy((found) => account.gaps.push(...found));
      lost += salvage?.stats().lost ?? 0;
      salvage?.close();
    }
    const [id] = buffer.dictionary.intern(TAGS) as [number];
    buffer.append([
      {
        priority: 'normal',
        batch: batchOf(
          ALL + 1,
          ALL + 1,
          TAGS.map(() => id),
        ),
      },
    ]);
    const [fresh] = [...buffer.next('live', 10)].slice(-1);
    const named = new Set<number>();
    for (const { range } of account.gaps)
      for (let n = range?.first ?? 1; range?.epoch === epoch && n <= range.last; n++) named.add(n);
    return { ...account, named, lost, setAside: buffer.setAside, epoch: buffer.epoch, fresh: fresh!.last };
  } finally {
    buffer.close();
  }
}

const NEVER_SENT = 'UPDATE segment SET';
/** What is done to the file, and how many of its readings must come all the same. */
const DAMAGES: Readonly<Record<string, number>> = {
  'UPDATE segment SET first = 44 WHERE first = 41': 90,
  'UPDATE segment SET first = 1000 WHERE first = 41': 90,
  'UPDATE segment SET last = last + 64 WHERE first = 41': 90,
  'UPDATE segment SET last = last - 8 WHERE first = 41': 90,
  'UPDATE segment SET last = last + 64 WHERE first = 91': 90,
  'UPDATE segment SET last = last - 8 WHERE first = 91': 90,
  'UPDATE segment SET last = last + 64': 0,
  'UPDATE segment SET last = last - 8': 0,
  'DELETE FROM segment WHERE first = 41': 90,
  'DELETE FROM segment WHERE first = 1': 90,
  'DELETE FROM segment WHERE first = 91': 90,
  'DELETE FROM segment': 0,
  'UPDATE segment SET readings = readings - 1 WHERE first = 41': 90,
  [`${NEVER_SENT} priority = 1 WHERE first = 41`]: 90,
  [`${NEVER_SENT} committed = committed + 86400000 WHERE first = 41`]: 90,
  [`${NEVER_SENT} oldest = oldest - 1e9 WHERE first = 41`]: 90,
  [`${NEVER_SENT} newest = newest + 1e9 WHERE first = 41`]: 90,
  [`${NEVER_SENT} crc = crc + 1 WHERE first = 41`]: 90,
  [`${NEVER_SENT} sum = sum + 1 WHERE first = 41`]: 90,
  [`${NEVER_SENT} sum = NULL WHERE first = 41`]: 90,
  [`${NEVER_SENT} payload = (SELECT payload FROM segment WHERE first = 51) WHERE first = 41`]: 90,
  'CREATE TEMP TABLE s AS SELECT * FROM segment; UPDATE segment SET (payload, crc) = (SELECT s.payload, s.crc FROM s WHERE s.first = 92 - segment.first) WHERE first IN (41, 51)': 80,
  'CREATE TEMP TABLE s AS SELECT * FROM segment WHERE first = 41; UPDATE s SET first = 45; INSERT INTO segment SELECT * FROM s': 100,
  'CREATE TEMP TABLE s AS SELECT * FROM segment WHERE first = 41; UPDATE s SET first = 101, last = 110; INSERT INTO segment SELECT * FROM s': 100,
  'CREATE TEMP TABLE s AS SELECT * FROM segment WHERE first = 51; DELETE FROM segment WHERE first = 41; UPDATE s SET first = 41, last = 50; INSERT INTO segment SELECT * FROM s': 90,
  "UPDATE tag SET name = '20TI999.PV' WHERE name = '20TI102.PV'": 100,
  "UPDATE tag SET source = 'x' WHERE id = 3": 100,
  "UPDATE tag SET unit = 'bar' WHERE id = 3": 100,
  'UPDATE tag SET id = 300 WHERE id = 3': 100,
  'DELETE FROM tag WHERE id = 3': 100,
  'DELETE FROM tag WHERE id = 10': 100,
  'DELETE FROM tag': 100,
  'DELETE FROM tag; UPDATE tag_copy SET name = name || id': 0,
  "UPDATE tag SET name = 'A' WHERE id = 3; UPDATE tag_copy SET name = 'A' WHERE id = 3": 0,
  'DELETE FROM tag WHERE id = 10; DELETE FROM tag_copy WHERE id = 10': 0,
  "UPDATE meta SET value = 'other' WHERE key = 'epoch'": 100,
  "DELETE FROM meta WHERE key = 'epoch'": 100,
  "UPDATE meta SET value = 41 WHERE key = 'next'": 100,
  "UPDATE meta SET value = 1041 WHERE key = 'next'": 100,
  "DELETE FROM meta WHERE key = 'next'": 100,
  "UPDATE meta SET value = '{\"readings\":3}' WHERE key = 'held'": 100,
  "UPDATE meta SET value = 3 WHERE key = 'tags'": 100,
  "UPDATE meta SET value = 1000 WHERE key = 'summed'": 100,
  "DELETE FROM meta WHERE key = 'kept'": 100,
  'DELETE FROM meta': 100,
  'DELETE FROM meta; DELETE FROM segment WHERE first = 91': 90,
  'INSERT INTO done VALUES (41, 50, NULL, 1)': 100,
};

test.each(Object.entries(DAMAGES))('%s', (damage, least) => {
  const file = filled();
  const db = new Sqlite(file.path);
  db.exec(damage);
  db.close();
  const { delivered, named, flaws, lost, epoch, fresh } = examine(file);
  expect(flaws).toEqual([]);
  expect(new Set(delivered).size, 'none comes twice').toBe(delivered.length);
  const there = new Set(delivered);
  for (let n = 1; n <= ALL; n++) expect([n, there.has(n) !== named.has(n)], 'there or named').toEqual([n, true]);
  expect(delivered.length).toBeGreaterThanOrEqual(least);
  expect(lost, 'counted').toBe(ALL - delivered.length);
  if (epoch === file.epoch) expect(fresh).toBeGreaterThan(ALL);
});

const DONE_DAMAGES = [
  'UPDATE done SET last = last + 10',
  'UPDATE done SET last = last - 10',
  'UPDATE done SET first = first + 10',
  'UPDATE done SET first = first + 10, last = last + 10',
  'UPDATE done SET at = at + 1',
  'UPDATE done SET at = NULL',
  'DELETE FROM done',
  'INSERT INTO done VALUES (71, 80, 0, 1)',
  'UPDATE segment SET last = last + 10 WHERE first = 31',
  'DELETE FROM segment WHERE first = 41',
];

test.each(DONE_DAMAGES)('with fifty delivered and kept: %s', (damage) => {
  const file = filled(50);
  const db = new Sqlite(file.path);
  db.exec(damage);
  db.close();
  const { delivered, named, flaws } = examine(file);
  expect(flaws).toEqual([]);
  // What was delivered may come again; what was not must come or be named.
  const there = new Set(delivered);
  expect(there.size).toBe(delivered.length);
  for (let n = 51; n <= ALL; n++) expect([n, there.has(n) || named.has(n)]).toEqual([n, true]);
  expect(delivered.filter((n) => n > 50).length).toBe(50);
});

test('a file without damage has nothing to tell', () => {
  const file = filled(50);
  const reader = openReader(file.path);
  expect(reader.check()).toEqual([]);
  reader.close();
  const { delivered, gaps, lost, setAside, epoch } = examine(file);
  expect([delivered.length, gaps, lost, setAside, epoch]).toEqual([50, [], 0, undefined, file.epoch]);
});

test('a verification names what it finds in the dictionary and in the books', () => {
  for (const damage of [
    "UPDATE tag SET name = 'A' WHERE id = 3",
    "UPDATE meta SET value = 3 WHERE key = 'next'",
    'DELETE FROM done',
  ]) {
    const { path } = filled(50);
    const db = new Sqlite(path);
    db.exec(damage);
    db.close();
    const reader = openReader(path);
    expect(reader.check(), damage).toHaveLength(1);
    reader.close();
  }
});
