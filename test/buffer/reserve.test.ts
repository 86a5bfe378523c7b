// A disk that others have filled: what the buffer holds can still be delivered and deleted, and the space that this
// frees takes new readings. A real small disk, where this user may mount one.

import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { bulkyPart } from './parts.ts';

const MB = 1024 * 1024;

function smallDisk(): string | undefined {
  const folder = join(scratch(), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=70m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  afterAll(() => execFileSync('umount', ['-l', folder], { stdio: 'ignore' }));
  return folder;
}

function fill(path: string): void {
  const handle = openSync(path, 'w');
  try {
    for (;;) writeSync(handle, Buffer.alloc(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(handle);
  }
}

const code = (action: () => void) => {
  try {
    action();
    return 'done';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

/** Delivers up to `segments` segments. */
function drain(buffer: Buffer, segments: number): number {
  let drained = 0;
  while (drained < segments && buffer.waiting('backfill') > 0) {
    for (const { first, last, batch } of buffer.next('backfill', 10)) {
      buffer.ack(first, last, batch.count);
      drained++;
    }
  }
  return drained;
}

const disk = smallDisk();

test.skipIf(disk === undefined)('a full disk can be drained, and what is freed takes readings again', () => {
  const folder = disk as string;
  const path = join(folder, 'buffer.db');
  const filled = openBuffer(path, 200 * MB);
  filled.tidy(true);
  for (let i = 0; i < 1_000; i++) filled.append([bulkyPart(i * 4 + 1, 4, 4_000)]);
  filled.close();
  expect(existsSync(`${path}-reserve`)).toBe(true);
  // The WAL is gone after a stop in order: a start on a full disk is the hardest case.
  const buffer = openBuffer(path, 200 * MB);
  fill(join(folder, 'other'));
  const append = () => code(() => buffer.append([bulkyPart(1, 4, 4_000)]));
  expect(append(), 'the first attempt releases the reserve').toBe('buffer.full');
  expect(existsSync(`${path}-reserve`)).toBe(false);
  for (let round = 0; round < 10; round++) {
    expect(drain(buffer, 50)).toBeGreaterThanOrEqual(50);
    expect(code(() => buffer.tidy(false))).toBe('done');
    for (let i = 0; i < 40; i++) expect(append(), `round ${round}`).toBe('done');
  }
  rmSync(join(folder, 'other'));
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
  buffer.tidy(true);
  clock.mockRestore();
  expect(existsSync(`${path}-reserve`), 'made again').toBe(true);
  for (let i = 0; i < 500; i++) expect(append()).toBe('done');
  buffer.close();
  for (const suffix of ['', '-reserve']) rmSync(path + suffix, { force: true });
});

test.skipIf(disk === undefined)('on a full disk what was delivered is not kept: its room takes readings', () => {
  const folder = join(disk as string, 'kept');
  const path = join(folder, 'buffer.db');
  const keep = { keepDelivered: 3_600_000 };
  const filled = openBuffer(path, 200 * MB, keep);
  filled.tidy(true);
  for (let i = 0; i < 500; i++) filled.append([bulkyPart(i * 4 + 1, 4, 4_000)]);
  filled.split();
  drain(filled, 1_000);
  filled.close();
  const buffer = openBuffer(path, 200 * MB, keep);
  expect(buffer.stats()).toMatchObject({ pending: 0, keptReadings: 2_000 });
  fill(join(disk as string, 'other'));
  const append = () => code(() => buffer.append([bulkyPart(1, 4, 4_000)]));
  expect(append(), 'at once').toBe('done');
  expect(buffer.stats()).toMatchObject({ keptReadings: 0, dropped: {} });
  for (let i = 0; i < 399; i++) expect(append(), `segment ${i}`).toBe('done');
  rmSync(join(disk as string, 'other'));
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
  buffer.tidy(true);
  clock.mockRestore();
  buffer.split();
  expect(drain(buffer, 400)).toBe(400);
  buffer.tidy(true);
  expect(buffer.stats().keptReadings, 'kept again').toBe(1_600);
  buffer.close();
  rmSync(folder, { recursive: true });
});
