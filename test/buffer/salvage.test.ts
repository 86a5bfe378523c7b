// Salvage of a file that was set aside: real files, damaged by overwriting their pages. Every number comes out or is
// named by a gap record, and a restart goes on where it ended.

import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { readProgress, requestSalvage, unfinished } from '../../agent/src/buffer/progress.ts';
import { openSalvage, type Salvage } from '../../agent/src/buffer/salvage.ts';
import { valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const PAGE = 1024;

/** A file as it lies after it was set aside: forty segments of ten readings. */
function aside(bytes = 600): { file: string; epoch: string } {
  const path = join(scratch(), 'buffer.db');
  const file = `${path}.damaged-20261122T100000000Z`;
  const buffer = openBuffer(file, SIZE);
  buffer.dictionary.intern([{ index: 0, name: 'A', source: 's', priority: 'normal' }]);
  for (let i = 0; i < 40; i++) buffer.append([bulkyPart(i * 10 + 1, 10, bytes)]);
  buffer.close();
  requestSalvage(file);
  return { file, epoch: buffer.epoch };
}

function hit(file: string, table: string, type: 'leaf' | 'overflow', place: number, bytes: Uint8Array): void {
  const db = new Sqlite(file, { readonly: true });
  const found = db
    .prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path')
    .pluck()
    .all(table, type) as number[];
  db.close();
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, (found[Math.floor(found.length * place)]! - 1) * PAGE);
  closeSync(handle);
}

/** Takes up to `most` segments' worth, acknowledges them, and says what came. */
function drain(salvage: Salvage, most = Number.POSITIVE_INFINITY): { seqs: number[]; gaps: Gap[] } {
  const seqs: number[] = [];
  const gaps: Gap[] = [];
  while (salvage.waiting('backfill') > 0 && seqs.length < most) {
    for (const { first, batch } of salvage.next('backfill', 50)) {
      for (let i = 0; i < batch.count; i++) {
        seqs.push(first + i);
        expect(String(valueAt(batch, i))).toHaveLength(String(valueAt(batch, 0)).length);
      }
      salvage.ack(first, first + batch.count - 1, batch.count);
    }
  }
  salvage.tidy((found) => gaps.push(...found));
  return { seqs, gaps };
}

const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, i) => from + i);

test('a sound file comes out whole, under its epoch and numbers, and is not changed', () => {
  const { file, epoch } = aside();
  const before = readFileSync(file);
  expect(unfinished(join(dirname(file), 'buffer.db'))).toEqual([file]);
  const salvage = openSalvage(file)!;
  expect(salvage.epoch).toBe(epoch);
  expect(salvage.tag(1)).toEqual({ name: 'A', source: 's' });
  const { seqs, gaps } = drain(salvage);
  expect(seqs).toEqual(upTo(400));
  expect(gaps).toEqual([]);
  expect(salvage.stats()).toMatchObject({ delivered: 400, lost: 0, waiting: 0, done: true });
  salvage.close();
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(unfinished(join(dirname(file), 'buffer.db')), 'done').toEqual([]);
  expect(readdirSync(dirname(file)).sort()).toEqual(
    [file, `${file}-head`, `${file}.salvage`].map((name) => name.split('/').at(-1)),
  );
});

test.each([0, 0.3, 0.99])('a hidden page (at %d of the tree) is named by its numbers, and the rest comes', (place) => {
  const { file, epoch } = aside();
  hit(file, 'segment', 'leaf', place, Buffer.alloc(PAGE, 0xff));
  const salvage = openSalvage(file)!;
  const { seqs, gaps } = drain(salvage);
  expect(gaps).toHaveLength(1);
  const { reason, range, from, to } = gaps[0]!;
  expect(reason).toBe('buffer-damaged');
  expect(range!.epoch).toBe(epoch);
  expect(from).toBeLessThanOrEqual(to!);
  expect([...seqs, ...upTo(range!.last, range!.first)].sort((a, b) => a - b)).toEqual(upTo(400));
  expect(seqs.length).toBeGreaterThan(200);
  salvage.close();
});

test('a damaged payload costs its segment, counted', () => {
  const { file } = aside(6_000);
  hit(file, 'segment', 'overflow', 0.5, Buffer.alloc(100, 0xff));
  const salvage = openSalvage(file)!;
  const { seqs, gaps } = drain(salvage);
  expect(seqs).toHaveLength(390);
  expect(gaps).toMatchObject([{ reason: 'buffer-damaged', count: 10 }]);
  expect(salvage.stats()).toMatchObject({ delivered: 390, lost: 10, dropped: { 'buffer-damaged': 10 } });
  salvage.close();
});

test('readings whose tags have lost their names are lost, and never delivered under another name', () => {
  const { file } = aside();
  for (const table of ['tag', 'tag_copy']) hit(file, table, 'leaf', 0, Buffer.alloc(PAGE, 0xff));
  const salvage = openSalvage(file)!;
  const { seqs, gaps } = drain(salvage);
  expect(seqs).toEqual([]);
  expect(gaps.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(400);
  salvage.close();
});

test('a restart goes on where the last run ended; what was handed out and not acknowledged comes again', () => {
  const { file } = aside();
  const first = openSalvage(file)!;
  const { seqs } = drain(first, 100);
  const held = first.next('backfill', 50);
  first.tidy(() => {});
  first.close();
  expect(readProgress(file).next).toBe(held[0]!.first);
  const second = openSalvage(file)!;
  expect(second.stats()).toMatchObject({ delivered: seqs.length, deliveredNow: 0 });
  const rest = drain(second);
  expect([...seqs, ...rest.seqs]).toEqual(upTo(400));
  second.close();
});

test('gap records that could not be committed are not forgotten, and the mark does not pass them', () => {
  const { file } = aside(6_000);
  hit(file, 'segment', 'overflow', 0.5, Buffer.alloc(100, 0xff));
  const salvage = openSalvage(file)!;
  while (salvage.waiting('backfill') > 0)
    for (const { first, batch } of salvage.next('backfill', 50))
      salvage.ack(first, first + batch.count - 1, batch.count);
  expect(() =>
    salvage.tidy(() => {
      throw new Error('disk full');
    }),
  ).toThrow('disk full');
  expect(readProgress(file)).toMatchObject({ next: 1, done: false });
  expect(drain(salvage).gaps).toHaveLength(1);
  expect(readProgress(file).done).toBe(true);
  salvage.close();
});

test('a file that is no database, and one without an epoch, cannot be salvaged', () => {
  const { file, epoch } = aside();
  hit(file, 'meta', 'leaf', 0, Buffer.alloc(PAGE, 0xff));
  const salvage = openSalvage(file)!;
  expect([salvage.epoch, salvage.next('backfill', 1_000).length], 'the stamp tells it').toEqual([epoch, 40]);
  salvage.close();
  rmSync(`${file}-head`);
  expect(openSalvage(file)).toBeUndefined();
  writeFileSync(file, 'no database at all '.repeat(1_000));
  expect(() => openSalvage(file)).toThrow(expect.objectContaining({ code: 'buffer.damaged' }) as Error);
});
