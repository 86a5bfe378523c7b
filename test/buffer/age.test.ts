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

test('segments older than maxAge are given up, counted and reported; younger ones and those handed out stay', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE, { maxAge: 2 * HOUR });
  buffer.append([part(1, 10)]);
  const handed = buffer.next('live', 10);
  buffer.append([part(11, 10)]);
  buffer.append([part(21, 10, 'high')]);
  vi.setSystemTime(NOON + HOUR);
  buffer.append([part(31, 10)]);
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 40, dropped: {} });
  vi.setSystemTime(NOON + 2 * HOUR + 1);
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
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  const path = join(scratch(), 'buffer.db');
  const before = openBuffer(path, SIZE);
  for (let i = 0; i < 12; i++) before.append(Array.from({ length: 100 }, (_, k) => part((i * 100 + k) * 2 + 1, 2)));
  before.close();
  vi.setSystemTime(NOON + 24 * HOUR);
  const buffer = openBuffer(path, SIZE, { maxAge: HOUR });
  buffer.tidy(true);
  expect(buffer.stats().dropped).toEqual({ 'buffer-age': 2_000 });
  buffer.tidy(true);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 0, dropped: { 'buffer-age': 2_400 } });
  buffer.close();
});
