// Somebody removes or replaces the buffer's files while a gateway uses them: what was promised is saved and found by
// the next start, and nothing more is promised that would be lost.

import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { unfinished } from '../../agent/src/buffer/progress.ts';
import { openSalvage } from '../../agent/src/buffer/salvage.ts';
import type { Fault } from '../../agent/src/model/fault.ts';
import { scratch } from '../support/scratch.ts';
import { entriesOf, part } from './parts.ts';

const SIZE = 200 * 1024 * 1024;

function inUse(): { path: string; buffer: Buffer } {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  buffer.dictionary.intern([{ index: 0, name: 'A', source: 's', priority: 'normal' }]);
  for (let i = 0; i < 20; i++) buffer.append([part(i * 10 + 1, 10)]);
  buffer.next('live', 50);
  buffer.ack(1, 50, 50);
  buffer.tidy(true);
  return { path, buffer };
}

const upTo = (last: number, from: number) => Array.from({ length: last - from + 1 }, (_, i) => from + i);
const removed = expect.objectContaining({ code: 'buffer.damaged' }) as Fault;

test.each([
  ['the database', ['']],
  ['the WAL', ['-wal']],
  ['both', ['', '-wal']],
  ['everything', ['', '-wal', '-head', '-reserve']],
])('%s removed: the gateway ends, and the next start goes on where it was', (_, suffixes) => {
  const { path, buffer } = inUse();
  for (const suffix of suffixes) rmSync(path + suffix, { force: true });
  buffer.append([part(201, 10)]);
  expect(() => buffer.tidy(true)).toThrow(removed);
  buffer.close();
  const again = openBuffer(path, SIZE);
  expect([again.setAside, again.epoch]).toEqual([undefined, buffer.epoch]);
  expect(entriesOf(again.next('backfill', 1_000)).map(({ seq }) => seq)).toEqual(upTo(210, 51));
  again.append([part(211, 1)]);
  expect(entriesOf(again.next('live', 10)).map(({ seq }) => seq)).toEqual([211]);
  again.close();
  expect(existsSync(`${path}.saved`)).toBe(false);
});

test('another file put in its place: what was there is salvaged, and no number comes twice', () => {
  const { path, buffer } = inUse();
  const other = inUse();
  other.buffer.close();
  copyFileSync(other.path, `${path}.other`);
  renameSync(`${path}.other`, path);
  buffer.append([part(201, 10)]);
  expect(() => buffer.tidy(true)).toThrow(removed);
  buffer.close();
  // Which numbers the other file had given is not known here: it has no stamp.
  const again = openBuffer(path, SIZE);
  expect([buffer.epoch, other.buffer.epoch]).not.toContain(again.epoch);
  const starts = (last: number) =>
    upTo(20, 5)
      .map((i) => i * 10 + 1)
      .filter((n) => n > 50 && n <= last);
  const salvaged = unfinished(path).map((aside) => {
    const salvage = openSalvage(aside)!;
    const found = salvage.next('backfill', 1_000).map(({ first }) => first);
    salvage.close();
    return [salvage.epoch, found];
  });
  expect(Object.fromEntries(salvaged)).toEqual({
    [buffer.epoch]: starts(201),
    [other.buffer.epoch]: starts(200),
  });
  again.close();
});
