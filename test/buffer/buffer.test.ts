// The invariants B1 to B7 of buffer.ts, each by its number, on real files.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { gapBatch } from '../../agent/src/model/batch.ts';
import { toMillis } from '../../agent/src/model/time.ts';
import { scratch } from '../support/scratch.ts';
import { type Entry, entriesOf, part, timeOf } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const file = () => join(scratch(), 'buffer.db');

/** Everything of both lanes that is not handed out yet. */
export function drain(buffer: Buffer): Entry[] {
  const found: Entry[] = [];
  for (const lane of ['backfill', 'live'] as const)
    while (buffer.waiting(lane) > 0) found.push(...entriesOf(buffer.next(lane, 1_000)));
  return found;
}

function ackAll(buffer: Buffer, entries: readonly Entry[]): void {
  for (const { seq, gap } of entries) buffer.ack(seq, seq, gap === undefined ? 1 : 0);
}

/** The files as they would be found after a power cut at this moment. */
function crashCopy(path: string): string {
  const copy = file();
  for (const suffix of ['', '-wal', '-head']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  return copy;
}

/** Changes a closed file from outside. */
function edit(path: string, change: (db: Sqlite.Database) => void): void {
  const db = new Sqlite(path);
  change(db);
  db.close();
}

test('B1: what was appended is in the file at once, without any close', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 10)]);
  const survivor = openBuffer(crashCopy(path), SIZE);
  expect(drain(survivor).map((entry) => entry.value)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(survivor.epoch).toBe(buffer.epoch);
  survivor.close();
  buffer.close();
});

test('B1: SQLite is told to sync every commit, in WAL, and says so', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 1)]);
  expect(existsSync(`${path}-wal`)).toBe(true);
  expect(existsSync(`${path}-shm`), 'exclusive: no other process shares the index of the WAL').toBe(false);
  buffer.close();
  expect(existsSync(`${path}-wal`), 'a closed buffer is one file').toBe(false);
});

test('B1: a commit that fails keeps nothing, and is as if it had not been tried', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 3)]);
  const before = buffer.stats();
  const broken = { priority: 'normal', batch: { ...part(90, 1).batch, others: [() => 1], gaps: [] } } as never;
  expect(() => buffer.append([part(50, 5), broken])).toThrow();
  expect(buffer.stats()).toEqual(before);
  buffer.append([part(4, 1)]);
  expect(drain(buffer)).toEqual([1, 2, 3, 4].map((n) => ({ seq: n, value: n })));
  buffer.close();
});

test('B2: numbers are never used twice, also when everything was delivered before the restart', () => {
  const path = file();
  let buffer = openBuffer(path, SIZE);
  const { epoch } = buffer;
  buffer.append([part(1, 5), { priority: 'high', batch: gapBatch([{ reason: 'source-down', from: 1, to: 2 }]) }]);
  const first = drain(buffer);
  expect(first.map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5, 6]);
  ackAll(buffer, first);
  buffer.close();
  buffer = openBuffer(path, SIZE);
  expect([buffer.epoch, buffer.stats().pending, buffer.waiting('backfill')]).toEqual([epoch, 0, 0]);
  buffer.append([part(7, 1)]);
  expect(drain(buffer)).toEqual([{ seq: 7, value: 7 }]);
  buffer.close();
});

test('B2: numbers go on after a power cut that lost the acknowledgements', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 5)]);
  ackAll(buffer, drain(buffer));
  buffer.tidy(false);
  const survivor = openBuffer(crashCopy(path), SIZE);
  survivor.append([part(6, 1)]);
  expect(drain(survivor)).toEqual([{ seq: 6, value: 6 }]);
  survivor.close();
  buffer.close();
});

test('B2: a new file begins a new epoch', () => {
  const [a, b] = [openBuffer(file(), SIZE), openBuffer(file(), SIZE)];
  expect(a.epoch).not.toBe(b.epoch);
  expect(a.epoch).toMatch(/^\d{8}T\d{6}-[0-9a-f]{6}$/);
  expect(a.lastAlive).toBeNull();
  a.close();
  b.close();
});

test('B3: a segment of which a part is acknowledged stays whole, and goes when the rest is', () => {
  const path = file();
  let buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 10)]);
  drain(buffer);
  buffer.ack(1, 4, 4);
  buffer.ack(8, 10, 3);
  buffer.tidy(false);
  expect(buffer.stats()).toMatchObject({ pending: 3, pendingReadings: 3 });
  buffer.ack(5, 7, 3);
  buffer.tidy(false);
  expect(buffer.stats()).toMatchObject({ pending: 0, pendingReadings: 0 });
  buffer.close();
  buffer = openBuffer(path, SIZE);
  expect(drain(buffer)).toEqual([]);
  buffer.close();
});

test('B3: what is given up is counted, and its gap record with the numbers comes before the next entry', () => {
  const buffer = openBuffer(file(), SIZE);
  buffer.append([part(1, 4)]);
  drain(buffer);
  buffer.giveUp('too-large', 2, 2, 1);
  buffer.append([part(5, 1)]);
  const [gap, next] = drain(buffer);
  expect(gap).toMatchObject({
    seq: 5,
    gap: { reason: 'too-large', count: 1, range: { epoch: buffer.epoch, first: 2, last: 2 } },
  });
  expect(next).toEqual({ seq: 6, value: 5 });
  expect(buffer.stats().dropped).toEqual({ 'too-large': 1 });
  buffer.close();
});

test('B3: a gap record that is owed is committed by tidy too, together with the removal', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 1)]);
  drain(buffer);
  buffer.giveUp('too-large', 1, 1, 1);
  buffer.tidy(false);
  const survivor = openBuffer(crashCopy(path), SIZE);
  expect(drain(survivor)).toMatchObject([{ seq: 2, gap: { reason: 'too-large', range: { first: 1, last: 1 } } }]);
  survivor.close();
  buffer.close();
});

test('B4: acknowledgements that were not written are handed out again after a power cut, nothing else is missing', () => {
  const path = file();
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 3)]);
  buffer.append([part(4, 3)]);
  drain(buffer);
  buffer.ack(1, 3, 3);
  const survivor = openBuffer(crashCopy(path), SIZE);
  expect(drain(survivor).map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5, 6]);
  survivor.close();
  buffer.close();
});

test('B5: a flipped bit costs its segment, told by a gap with its numbers and time, and its neighbours live', () => {
  const path = file();
  let buffer = openBuffer(path, SIZE);
  for (const from of [1, 11, 21]) buffer.append([part(from, 10)]);
  buffer.close();
  edit(path, (db) => {
    const payload = db.prepare('SELECT payload FROM segment WHERE first = 11').pluck().get() as globalThis.Buffer;
    payload[payload.length >> 1]! ^= 0x10;
    db.prepare('UPDATE segment SET payload = ? WHERE first = 11').run(payload);
  });
  buffer = openBuffer(path, SIZE);
  const found = drain(buffer);
  expect(found.map((entry) => entry.seq)).toEqual([...range(1, 10), ...range(21, 30)]);
  expect(buffer.stats()).toMatchObject({ dropped: { 'buffer-damaged': 10 }, pendingReadings: 20 });
  buffer.tidy(false);
  const [gap] = drain(buffer);
  expect(gap).toMatchObject({
    seq: 31,
    gap: { reason: 'buffer-damaged', count: 10, from: timeOf(11), to: timeOf(20), range: { first: 11, last: 20 } },
  });
  buffer.close();
});

test('B5: a payload that another release wrote, with a true CRC, is given up and does not stop delivery', () => {
  const path = file();
  let buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 2)]);
  buffer.append([part(3, 2)]);
  buffer.close();
  edit(path, (db) => db.prepare('UPDATE segment SET payload = ?, crc = ? WHERE first = 1').run(Buffer.alloc(0), 0));
  buffer = openBuffer(path, SIZE);
  expect(drain(buffer).map((entry) => entry.seq)).toEqual([3, 4]);
  expect(buffer.stats().dropped).toEqual({ 'buffer-damaged': 2 });
  buffer.close();
});

test('B6: split makes backlog of what waits; the lanes are disjoint and together everything', () => {
  const buffer = openBuffer(file(), SIZE);
  buffer.append([part(1, 3)]);
  buffer.split();
  buffer.append([part(4, 3)]);
  expect([buffer.waiting('backfill'), buffer.waiting('live')]).toEqual([3, 3]);
  expect(entriesOf(buffer.next('live', 100)).map((entry) => entry.seq)).toEqual([4, 5, 6]);
  expect(entriesOf(buffer.next('backfill', 100)).map((entry) => entry.seq)).toEqual([1, 2, 3]);
  expect([buffer.next('live', 100), buffer.next('backfill', 100)]).toEqual([[], []]);
  buffer.close();
});

test('B6: next hands out at least one segment and about as many entries as were asked for', () => {
  const buffer = openBuffer(file(), SIZE);
  for (let i = 0; i < 10; i++) buffer.append([part(i * 10 + 1, 10)]);
  expect(entriesOf(buffer.next('live', 1)).length).toBe(10);
  expect(entriesOf(buffer.next('live', 35)).length).toBe(30);
  expect(entriesOf(buffer.next('live', 1_000)).length).toBe(60);
  buffer.close();
});

test('when the gateway was last alive is known after a restart, to the moment of the last commit at least', () => {
  const path = file();
  const before = Date.now();
  let buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 1)]);
  const survivor = openBuffer(crashCopy(path), SIZE);
  buffer.close();
  buffer = openBuffer(path, SIZE);
  for (const each of [survivor, buffer]) {
    expect(toMillis(each.lastAlive!)).toBeGreaterThanOrEqual(before);
    expect(toMillis(each.lastAlive!)).toBeLessThanOrEqual(Date.now());
    each.close();
  }
});

test('the counters tell the entries, the readings among them, and the age of what waits', () => {
  const buffer = openBuffer(file(), SIZE);
  expect(buffer.stats()).toMatchObject({ pending: 0, pendingReadings: 0, backlog: 0, oldest: null, commits: 0 });
  const before = Date.now();
  buffer.append([part(1, 3), { priority: 'high', batch: gapBatch([{ reason: 'source-down', from: 1, to: null }]) }]);
  const stats = buffer.stats();
  expect(stats).toMatchObject({ pending: 4, pendingReadings: 3, committedReadings: 3, commits: 1, dropped: {} });
  expect(stats.oldest).toBeGreaterThanOrEqual(before);
  expect(stats.committedBytes).toBeGreaterThan(20);
  drain(buffer);
  expect(buffer.stats()).toMatchObject({ pending: 4, oldest: null });
  buffer.close();
});

test('close is legal twice', () => {
  const buffer = openBuffer(file(), SIZE);
  buffer.close();
  buffer.close();
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

test('what was not handed out, or was acknowledged before, cannot be acknowledged', () => {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  buffer.append([part(1, 10)]);
  buffer.append([part(11, 10)]);
  expect(buffer.next('live', 10)).toHaveLength(1);
  for (let times = 0; times < 2; times++) {
    buffer.ack(1, 10, 10);
    expect(buffer.stats()).toMatchObject({ pending: 10, pendingReadings: 10 });
  }
  buffer.tidy(false);
  buffer.ack(1, 10, 10);
  buffer.ack(11, 20, 10);
  buffer.ack(21, 40, 20);
  expect(buffer.stats()).toMatchObject({ pending: 10, pendingReadings: 10 });
  buffer.append([part(21, 10)]);
  buffer.close();
  const again = openBuffer(path, SIZE);
  expect(again.stats()).toMatchObject({ pending: 20, pendingReadings: 20, backlog: 20 });
  again.close();
});

test('the oldest that waits is told, of whatever lane, and nothing when all is handed out', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), SIZE);
  buffer.append([part(1, 10)]);
  const { oldest } = buffer.stats();
  buffer.append([part(11, 10, 'normal', 'backfill')]);
  expect(buffer.stats().oldest).toBe(oldest);
  buffer.next('live', 10);
  buffer.next('backfill', 10);
  expect(buffer.stats().oldest).toBeNull();
  buffer.close();
});
