// B8: what was delivered stays for a while, is not handed out by itself, comes back when it is asked for, and goes
// when its time is over or its room is needed.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test, vi } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { statusOf, verify } from '../../agent/src/buffer/inspect.ts';
import { openReader } from '../../agent/src/buffer/reader.ts';
import { openSalvage } from '../../agent/src/buffer/salvage.ts';
import { cost } from '../../bench/processes.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart, type Entry, entriesOf, part, timeOf } from './parts.ts';

const MB = 1024 * 1024;
const SIZE = 200 * MB;
const MINUTE = 60_000;
const KEEP = { keepDelivered: 15 * MINUTE };

afterEach(() => void vi.restoreAllMocks());

const file = () => join(scratch(), 'buffer.db');

/** What is handed out, and acknowledged unless told otherwise. */
function drain(buffer: Buffer, acknowledge = true): Entry[] {
  const found: Entry[] = [];
  for (const lane of ['backfill', 'live'] as const) {
    while (buffer.waiting(lane) > 0) {
      const segments = buffer.next(lane, 1_000);
      found.push(...entriesOf(segments));
      if (acknowledge) for (const { first, last, batch } of segments) buffer.ack(first, last, batch.count);
    }
  }
  return found;
}

const seqs = (entries: readonly Entry[]) => entries.map(({ seq }) => seq);
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, i) => from + i);

/** Ten segments of ten readings, all delivered. */
function delivered(path: string, options: object = KEEP): Buffer {
  const buffer = openBuffer(path, SIZE, options);
  buffer.dictionary.intern([{ index: 0, name: 'A', source: 's', priority: 'normal' }]);
  for (let i = 0; i < 10; i++) buffer.append([part(i * 10 + 1, 10)]);
  expect(drain(buffer)).toHaveLength(100);
  buffer.tidy(true);
  return buffer;
}

/** The file as a crash leaves it now. */
function crashed(path: string): string {
  const copy = file();
  for (const suffix of ['', '-wal', '-head']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  return copy;
}

function rows(path: string, table: 'segment' | 'kept'): number {
  const db = new Sqlite(path, { readonly: true });
  try {
    return db
      .prepare(`SELECT count(*) FROM ${table === 'kept' ? 'done WHERE at IS NOT NULL' : table}`)
      .pluck()
      .get() as number;
  } finally {
    db.close();
  }
}

test('what was delivered stays, is not pending, and is not handed out after a restart or a crash', () => {
  const path = file();
  let buffer = delivered(path);
  expect(buffer.stats()).toMatchObject({ pending: 0, pendingReadings: 0, backlog: 0, dropped: {}, keptReadings: 100 });
  expect(buffer.stats().keptBytes).toBeGreaterThan(100);
  const killed = crashed(path);
  buffer.close();
  expect([rows(path, 'segment'), rows(path, 'kept')], 'one row a tick').toEqual([10, 1]);
  for (const each of [path, killed]) {
    buffer = openBuffer(each, SIZE, KEEP);
    expect(buffer.stats()).toMatchObject({ pending: 0, backlog: 0, oldest: null, keptReadings: 100 });
    buffer.append([part(101, 5)]);
    expect(seqs(drain(buffer)), 'numbers go on').toEqual(upTo(105, 101));
    buffer.close();
  }
});

test('a segment of which only a part was acknowledged stays pending', () => {
  const path = file();
  let buffer = openBuffer(path, SIZE, KEEP);
  buffer.append([part(1, 10)]);
  buffer.append([part(11, 10)]);
  drain(buffer, false);
  buffer.ack(1, 15, 15);
  buffer.close();
  buffer = openBuffer(path, SIZE, KEEP);
  expect(buffer.stats()).toMatchObject({ pending: 10, keptReadings: 10 });
  expect(seqs(drain(buffer))).toEqual(upTo(20, 11));
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pending: 0, keptReadings: 20 });
  buffer.close();
});

test('a replay brings back the segments of a time under their numbers, each once, and they can be replayed again', () => {
  const path = file();
  let buffer = delivered(path);
  const live = part(101, 3);
  buffer.append([live]);
  expect(buffer.replay(timeOf(35), timeOf(52))).toBe(30);
  expect(buffer.replay(timeOf(35), timeOf(52)), 'they wait already').toBe(0);
  expect(buffer.stats()).toMatchObject({ pending: 33, pendingReadings: 33, backlog: 30, keptReadings: 70 });
  const back = drain(buffer, false);
  expect(seqs(back)).toEqual([...upTo(60, 31), 101, 102, 103]);
  expect(back.every(({ seq, value }) => seq === value)).toBe(true);
  expect(buffer.waiting('backfill')).toBe(0);
  const killed = crashed(path);
  buffer.ack(31, 60, 30);
  buffer.ack(101, 103, 3);
  buffer.close();
  buffer = openBuffer(killed, SIZE, KEEP);
  expect(seqs(drain(buffer)), 'a replay outlives a crash').toEqual([...upTo(60, 31), 101, 102, 103]);
  buffer.close();
  buffer = openBuffer(path, SIZE, KEEP);
  expect(buffer.stats()).toMatchObject({ pending: 0, keptReadings: 103 });
  expect(buffer.replay(timeOf(1), timeOf(103))).toBe(103);
  expect(seqs(drain(buffer))).toEqual(upTo(103));
  buffer.close();
});

test('a replay finds what was acknowledged since the last tick, and nothing that was given up', () => {
  const buffer = openBuffer(file(), SIZE, KEEP);
  buffer.append([part(1, 10)]);
  buffer.append([part(11, 10)]);
  drain(buffer, false);
  buffer.ack(1, 14, 14);
  buffer.giveUp('too-large', 15, 15, 1);
  buffer.ack(16, 20, 5);
  expect(buffer.replay(timeOf(1), timeOf(20))).toBe(10);
  expect(seqs(drain(buffer))).toEqual([...upTo(10), 21]);
  expect(buffer.stats().dropped).toEqual({ 'too-large': 1 });
  buffer.close();
});

test('0 keeps nothing, and lets go what another setting kept', () => {
  const path = file();
  delivered(path).close();
  const buffer = openBuffer(path, SIZE);
  expect(buffer.waiting('backfill')).toBe(0);
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ keptReadings: 0, keptBytes: 0, dropped: {} });
  buffer.append([part(101, 5)]);
  drain(buffer);
  expect(buffer.replay(timeOf(1), timeOf(200))).toBe(0);
  buffer.close();
  expect([rows(path, 'segment'), rows(path, 'kept')]).toEqual([0, 0]);
});

test('it goes when its time is over, by the time that the gateway ran and not by the clock on the wall', () => {
  const path = file();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(5_000);
  const wall = vi.spyOn(Date, 'now');
  let buffer = delivered(path);
  clock.mockReturnValue(5_000 + 10 * MINUTE);
  buffer.append([part(101, 5)]);
  drain(buffer);
  buffer.close();
  wall.mockReturnValue(Date.now() + 1_000 * MINUTE);
  clock.mockReturnValue(77);
  buffer = openBuffer(path, SIZE, KEEP);
  buffer.tidy(true);
  expect(buffer.stats().keptReadings, 'a day without power takes nothing').toBe(105);
  clock.mockReturnValue(77 + 5 * MINUTE - 1);
  buffer.tidy(true);
  expect(buffer.stats().keptReadings).toBe(105);
  clock.mockReturnValue(77 + 5 * MINUTE);
  buffer.tidy(false);
  expect(buffer.stats()).toMatchObject({ keptReadings: 5, dropped: {} });
  clock.mockReturnValue(77 + 15 * MINUTE);
  buffer.tidy(false);
  expect(buffer.stats()).toMatchObject({ keptReadings: 0, keptBytes: 0, dropped: {} });
  buffer.close();
  expect([rows(path, 'segment'), rows(path, 'kept')]).toEqual([0, 0]);
});

test('it makes room first, oldest delivery first, and is no drop and no gap', () => {
  const path = file();
  const buffer = openBuffer(path, 30 * MB, KEEP);
  for (let i = 0; i < 200; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  expect(drain(buffer)).toHaveLength(2_000);
  buffer.tidy(false);
  const kept = buffer.stats().keptReadings;
  let count = 200;
  while (buffer.stats().keptReadings > kept / 2) {
    buffer.append([bulkyPart(count++ * 10 + 1, 10, 4_000)]);
    expect(buffer.stats().bytes).toBeLessThanOrEqual(30 * MB);
  }
  expect(buffer.stats().dropped).toEqual({});
  const left = buffer.stats().keptReadings;
  expect(buffer.replay(timeOf(1), timeOf(2_000))).toBe(left);
  expect(seqs(drain(buffer, false)), 'the newest are left, and no gap record').toEqual(upTo(count * 10, 2_001 - left));
  buffer.close();
});

test('the status of a file does not count it, a verification does, a salvage passes it over', () => {
  const path = file();
  const buffer = delivered(path);
  buffer.append([part(101, 7)]);
  buffer.append([part(108, 3)]);
  buffer.close();
  const reader = openReader(path);
  expect(statusOf(reader)).toMatchObject({ segments: 2, readings: { normal: 10 }, numbers: [101, 110], kept: 100 });
  expect(verify(reader)).toMatchObject({ sound: true, segments: 12 });
  expect([...reader.walk(51, true)]).toHaveLength(7);
  reader.close();
  const salvage = openSalvage(path)!;
  const found = salvage.next('backfill', 1_000);
  expect(found.map(({ first }) => first)).toEqual([101, 108]);
  salvage.close();
});

test('runs that are not what was written count for nothing: what comes twice is no loss', () => {
  const path = file();
  delivered(path).close();
  const db = new Sqlite(path);
  db.exec('UPDATE done SET last = last - 10');
  db.close();
  const reader = openReader(path);
  expect(reader.kept).toBe(0);
  reader.close();
  const buffer = openBuffer(path, SIZE, KEEP);
  expect(buffer.setAside).toBeDefined();
  const salvage = openSalvage(buffer.setAside!)!;
  expect(salvage.next('backfill', 1_000).map(({ first }) => first)).toHaveLength(10);
  salvage.close();
  buffer.close();
});

test('what it costs to write, when as much leaves as comes: bytes a reading with and without', () => {
  let time = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => time);
  /** A second has ten commits of 200 readings; the window is passed twice before it is measured. */
  const written = (keepDelivered: number) => {
    const buffer = openBuffer(file(), SIZE, { keepDelivered });
    let before = 0;
    let readings = 0;
    let commits = 0;
    const second = () => {
      for (let i = 0; i < 10; i++) {
        buffer.append([bulkyPart(commits++ * 200 + 1, 200, 30)]);
        readings += drain(buffer).length;
      }
      time += 1_000;
      buffer.tidy(true);
    };
    for (let i = 0; i < 40; i++) second();
    readings = 0;
    before = cost(process.pid).written;
    for (let i = 0; i < 60; i++) second();
    const bytes = cost(process.pid).written - before;
    const { committedBytes, keptReadings } = buffer.stats();
    buffer.close();
    return [(bytes / readings).toFixed(1), (committedBytes / commits / 200).toFixed(1), keptReadings];
  };
  for (const keep of [0, 20_000]) {
    const [bytes, payload, kept] = written(keep);
    console.log(`keepDelivered ${keep / 1_000}s: ${bytes} bytes written a reading, payload ${payload}, ${kept} kept`);
  }
});
