// The numbers that opening trusts instead of reading every segment: whatever was appended, acknowledged, evicted or
// cut off by a crash, they are what the segments themselves add up to.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test, vi } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart, part } from './parts.ts';

const SIZE = 24 * 1024 * 1024;

/** What the segments of a closed file that are not delivered add up to. */
function sums(path: string) {
  const db = new Sqlite(path, { readonly: true });
  try {
    return db
      .prepare(
        'SELECT coalesce(sum(last - first + 1), 0) AS pending, coalesce(sum(readings), 0) AS pendingReadings FROM segment WHERE NOT EXISTS (SELECT 1 FROM done WHERE segment.first BETWEEN done.first AND done.last)',
      )
      .get();
  } finally {
    db.close();
  }
}

/** The file as a crash leaves it now, opened. */
function crashed(path: string, options = {}): { buffer: Buffer; path: string } {
  const copy = join(scratch(), 'buffer.db');
  for (const suffix of ['', '-wal', '-head']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  return { path: copy, buffer: openBuffer(copy, SIZE, options) };
}

test.each([0, 600_000])(
  'after any history and a crash at any point the counters are those of the segments, keeping %d ms',
  (keepDelivered) => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let path = join(scratch(), 'buffer.db');
    let buffer = openBuffer(path, SIZE, { keepDelivered });
    let value = 1;
    let evicted = 0;
    const out: { first: number; last: number; readings: number }[] = [];
    for (let step = 0; step < 600; step++) {
      const dice = random(10);
      value += 20;
      if (dice < 4)
        buffer.append([bulkyPart(value, 8, 8_000, random(4) === 0 ? 'high' : 'normal'), part(value + 8, 3)]);
      else if (dice < 6) {
        const lane = random(2) === 0 ? 'live' : 'backfill';
        for (const { first, last, batch } of buffer.next(lane, 30)) out.push({ first, last, readings: batch.count });
      } else if (dice < 8) {
        for (const { first, last, readings } of out.splice(random(out.length + 1), 2))
          buffer.ack(first, last, readings);
      } else if (dice < 9) buffer.tidy(random(2) === 0);
      else if (step % 3 === 0) {
        evicted += buffer.stats().dropped['buffer-full'] ?? 0;
        const after = crashed(path, { keepDelivered });
        const { pending, pendingReadings } = after.buffer.stats();
        const waiting = after.buffer.waiting('backfill');
        buffer.close();
        ({ buffer, path } = after);
        out.length = 0;
        const probe = crashed(path, { keepDelivered });
        probe.buffer.close();
        expect({ pending, pendingReadings }, `step ${step}`).toEqual(sums(probe.path));
        expect(waiting).toBe(pending);
      }
    }
    buffer.close();
    expect(evicted, 'the bound was met').toBeGreaterThan(0);
  },
);

test('while nothing is acknowledged they are written every minute: a crash costs a minute of reading', () => {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  /** What is in the file at this moment, as a crash would leave it. */
  const counted = () => {
    const copy = join(scratch(), 'buffer.db');
    for (const suffix of ['', '-wal', '-head']) copyFileSync(path + suffix, copy + suffix);
    const db = new Sqlite(copy);
    const held = db.prepare("SELECT value FROM meta WHERE key = 'held'").pluck().get();
    db.close();
    return held;
  };
  const clock = vi.spyOn(performance, 'now');
  buffer.append([part(1, 10)]);
  buffer.tidy(false);
  expect(counted()).toBe(0);
  clock.mockReturnValue(performance.now() + 61_000);
  buffer.tidy(false);
  expect(counted()).toBe(10);
  clock.mockRestore();
  buffer.close();
});
