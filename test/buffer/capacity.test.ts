// B7, and what happens when there is no room at all: a small `maxSize`, and a small disk.

import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer, type Part } from '../../agent/src/buffer/buffer.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { scratch } from '../support/scratch.ts';
import { smallDisk } from '../support/small-disk.ts';
import { bulkyPart, type Entry, entriesOf, timeOf } from './parts.ts';

const MB = 1024 * 1024;

function drain(buffer: Buffer): Entry[] {
  const found: Entry[] = [];
  for (const lane of ['backfill', 'live'] as const)
    while (buffer.waiting(lane) > 0) found.push(...entriesOf(buffer.next(lane, 1_000)));
  return found;
}

/** Every number from 1 on is an entry that is there, or lies in the range of a gap record that is there: once. */
function account(entries: readonly Entry[]): { readonly lost: number[]; readonly kept: number[] } {
  const lost: number[] = [];
  for (const { gap } of entries)
    if (gap?.range) for (let seq = gap.range.first; seq <= gap.range.last; seq++) lost.push(seq);
  const kept = entries.map((entry) => entry.seq);
  const all = [...kept, ...lost].sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: all.length }, (_, i) => i + 1));
  return { lost: lost.sort((a, b) => a - b), kept };
}

test('B7: beyond maxSize the oldest go first, counted, and a gap record names them', () => {
  const path = join(scratch(), 'buffer.db');
  const maxSize = 20 * MB;
  const buffer = openBuffer(path, maxSize);
  for (let i = 0; i < 300; i++) {
    buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
    expect(buffer.stats().bytes).toBeLessThanOrEqual(maxSize);
  }
  buffer.tidy(false);
  const { dropped, pendingReadings, committedReadings } = buffer.stats();
  expect(dropped['buffer-full']).toBeGreaterThan(1_000);
  expect(pendingReadings + dropped['buffer-full']!).toBe(committedReadings);
  const entries = drain(buffer);
  const { lost } = account(entries);
  const gaps = entries.flatMap(({ gap }) => (gap === undefined ? [] : [gap]));
  expect(gaps.reduce((sum, gap) => sum + gap.count!, 0)).toBe(dropped['buffer-full']);
  expect(gaps[0]).toMatchObject({ reason: 'buffer-full', from: timeOf(1) });
  expect(gaps.length, 'few gap records, not one a segment').toBeLessThan(lost.length / 20);
  expect(entries.at(-1), 'the newest is there').toMatchObject({ seq: committedReadings + gaps.length });
  buffer.close();
  expect(statSync(path).size).toBeLessThanOrEqual(maxSize);
});

test('B7: the bound holds when single commits are larger than what is given up at once', () => {
  const path = join(scratch(), 'buffer.db');
  const maxSize = 24 * MB;
  const buffer = openBuffer(path, maxSize);
  let most = 0;
  for (let i = 0; i < 40; i++) {
    buffer.append([bulkyPart(i * 100 + 1, 50, 8_000), bulkyPart(i * 100 + 51, 50, 8_000)]);
    most = Math.max(most, buffer.stats().bytes, statSync(path).size + statSync(`${path}-wal`).size);
  }
  expect(most).toBeLessThanOrEqual(maxSize + MB);
  buffer.close();
});

test('B7: high priority goes last', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 60; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 2_000, i < 30 ? 'high' : 'normal')]);
  for (let i = 60; i < 160; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  const seqs = new Set(drain(buffer).map((entry) => entry.seq));
  for (let seq = 1; seq <= 300; seq++) expect(seqs.has(seq), `the high entry ${seq} is kept`).toBe(true);
  expect(seqs.has(301), 'the oldest normal entry is not').toBe(false);
  buffer.close();
});

test('B7: when only high priority is left, its oldest go too', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 200; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000, 'high')]);
  buffer.tidy(false);
  expect(buffer.stats().dropped['buffer-full']).toBeGreaterThan(100);
  account(drain(buffer));
  buffer.close();
});

test('B7: what is handed out is not given up under the hands of who sends it', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 50; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  const handed = entriesOf(buffer.next('live', 100));
  expect(handed).toHaveLength(100);
  for (let i = 50; i < 200; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  buffer.tidy(false);
  const { lost } = account([...handed, ...drain(buffer)]);
  expect(lost[0]).toBe(101);
  for (const { seq } of handed) buffer.ack(seq, seq, 1);
  buffer.close();
});

test('B7: room that acknowledgements free is used again before anything is given up', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 400; i++) {
    buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
    for (const { seq } of entriesOf(buffer.next('live', 1_000))) buffer.ack(seq, seq, 1);
    buffer.tidy(false);
  }
  expect(buffer.stats()).toMatchObject({ dropped: {}, pending: 0 });
  buffer.close();
});

test('B7: what is given up of the live lane is counted once, and passed over', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 200; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  const { dropped, pending } = buffer.stats();
  expect(buffer.waiting('live')).toBe(pending);
  const entries = drain(buffer);
  account(entries);
  expect(entries).toHaveLength(pending);
  expect(buffer.stats()).toMatchObject({ pending, dropped, missingNumbers: 0 });
  buffer.tidy(false);
  expect(buffer.waiting('live'), 'nothing more is to be told').toBe(0);
  buffer.close();
});

test('B7: what was committed for the backfill lane later is not given up before older live readings', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 30; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  const past = ({ priority, batch }: Part): Part => ({ priority, batch: { ...batch, stream: 'backfill' } });
  for (let i = 30; i < 120; i++) buffer.append([past(bulkyPart(i * 10 + 1, 10, 4_000))]);
  const seqs = drain(buffer).map(({ seq }) => seq);
  expect(buffer.stats().dropped['buffer-full']).toBeGreaterThan(50);
  expect(Math.min(...seqs), 'the oldest went first, of whatever lane').toBe(buffer.stats().dropped['buffer-full']! + 1);
  buffer.close();
});

test('B3: what a gap record names is told although the record itself is given up', () => {
  const buffer = openBuffer(join(scratch(), 'buffer.db'), 20 * MB);
  for (let i = 0; i < 60; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000)]);
  for (const { first } of buffer.next('live', 1)) buffer.giveUp('too-large', first, first, 1);
  for (let i = 60; i < 400; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 4_000, 'high')]);
  const gaps = drain(buffer).flatMap(({ gap }) => (gap === undefined ? [] : [gap]));
  expect(gaps.find(({ reason }) => reason === 'too-large')?.range).toMatchObject({ first: 1, last: 1 });
  buffer.close();
});

const disk = smallDisk(8);
const fullDisk = smallDisk(8);

test.skipIf(disk === undefined)('a full disk is a fault, loses nothing, and is over when there is room again', () => {
  const folder = disk!;
  const path = join(folder, 'buffer.db');
  const buffer = openBuffer(path, 1_000 * MB);
  let committed = 0;
  let fault: unknown;
  const fill = () => {
    fault = undefined;
    while (fault === undefined) {
      try {
        buffer.append([bulkyPart(committed + 1, 10, 4_000)]);
        committed += 10;
      } catch (error) {
        fault = error;
      }
    }
  };
  writeFileSync(join(folder, 'other'), Buffer.alloc(4 * MB));
  fill();
  expect(fault).toBeInstanceOf(Fault);
  expect((fault as Fault).code).toBe('buffer.full');
  expect(buffer.stats()).toMatchObject({ pendingReadings: committed, committedReadings: committed });
  rmSync(join(folder, 'other'));
  const before = committed;
  fill();
  expect(committed, 'it takes readings again').toBeGreaterThan(before);
  expect((fault as Fault).code).toBe('buffer.full');
  const entries = drain(buffer);
  expect(entries.map((entry) => entry.seq)).toEqual(Array.from({ length: committed }, (_, i) => i + 1));
  buffer.ack(1, committed - 10, committed - 10);
  closeOnFullDisk(buffer);
  const again = openBuffer(path, 1_000 * MB);
  const seqs = drain(again).map((entry) => entry.seq);
  for (let seq = committed - 9; seq <= committed; seq++) expect(seqs).toContain(seq);
  closeOnFullDisk(again);
});

/** Closing writes acknowledgements, for which there may be no room; the file is released all the same. */
function closeOnFullDisk(buffer: Buffer): void {
  try {
    buffer.close();
  } catch (error) {
    expect((error as Fault).code).toBe('buffer.full');
  }
}

test.skipIf(fullDisk === undefined)('a full disk at the very start is told as such', () => {
  const folder = fullDisk!;
  writeFileSync(join(folder, 'other'), Buffer.alloc(8 * MB - 8192));
  const attempt = () => openBuffer(join(folder, 'buffer.db'), 100 * MB);
  expect(attempt).toThrow(expect.objectContaining({ code: 'buffer.full' }));
});
