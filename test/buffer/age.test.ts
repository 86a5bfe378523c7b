// `maxAge`: what waited too long is given up like what no longer fits, and what is on its way is not.

import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { entriesOf, part, timeOf } from './parts.ts';

const SIZE = 200 * 1024 * 1024;
const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 10, 22, 12);

afterEach(() => void vi.useRealTimers());

/** Both clocks go on. */
const pass = (ms: number) => void vi.advanceTimersByTime(ms);
const FAKE = { toFake: ['Date', 'performance'] as ('Date' | 'performance')[], now: NOON };

test('segments older than maxAge are given up, counted and reported; younger ones and those handed out stay', () => {
  vi.useFakeTimers(FAKE);
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE, { maxAge: 2 * HOUR });
  buffer.append([part(1, 10)]);
  const handed = buffer.next('live', 10);
  buffer.append([part(11, 10)]);
  buffer.append([part(21, 10, 'high')]);
  pass(HOUR);
  buffer.append([part(31, 10)]);
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 40, dropped: {} });
  pass(HOUR + 1);
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 20, dropped: { 'buffer-age': 20 } });
  const rest = entriesOf([...buffer.next('live', 100), ...buffer.next('live', 100)]);
  expect(rest.map(({ seq }) => seq)).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41]);
  expect(rest.at(-1)).toMatchObject({
    gap: {
      reason: 'buffer-age',
      count: 20,
      from: timeOf(11),
      to: timeOf(30),
      range: { epoch: buffer.epoch, first: 11, last: 30 },
    },
  });
  buffer.ack(1, handed.at(-1)!.last, 10);
  buffer.close();
});

test('a backlog that is too old at the start goes too, a bounded number of segments at a time', () => {
  vi.useFakeTimers(FAKE);
  const path = join(scratch(), 'buffer.db');
  const before = openBuffer(path, SIZE);
  for (let i = 0; i < 12; i++) before.append(Array.from({ length: 100 }, (_, k) => part((i * 100 + k) * 2 + 1, 2)));
  before.close();
  vi.setSystemTime(NOON + 24 * HOUR);
  const buffer = openBuffer(path, SIZE, { maxAge: HOUR });
  buffer.tidy(true);
  expect(buffer.stats().dropped, 'the clock may yet be set').toEqual({});
  pass(60_000);
  buffer.tidy(true);
  expect(buffer.stats().dropped).toEqual({ 'buffer-age': 2_000 });
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 0, dropped: { 'buffer-age': 2_400 } });
  buffer.close();
});

test('a clock that is set ahead makes nothing too old, neither while the gateway runs nor at boot', () => {
  vi.useFakeTimers(FAKE);
  const path = join(scratch(), 'buffer.db');
  let buffer = openBuffer(path, SIZE, { maxAge: HOUR });
  buffer.append([part(1, 10)]);
  pass(2 * 60_000);
  vi.setSystemTime(NOON + 24 * HOUR);
  buffer.append([part(11, 10)]);
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 20, dropped: {} });
  pass(HOUR);
  buffer.tidy(true);
  expect(buffer.stats().dropped, 'an hour is an hour').toEqual({ 'buffer-age': 10 });
  buffer.close();

  // A clock that is a day ahead at boot, and set right within the minute.
  vi.setSystemTime(NOON + 72 * HOUR);
  buffer = openBuffer(path, SIZE, { maxAge: HOUR });
  buffer.tidy(true);
  vi.setSystemTime(NOON + 24 * HOUR + 60_000);
  pass(61_000);
  buffer.tidy(true);
  expect(buffer.stats().dropped).toEqual({});
  buffer.close();
});
