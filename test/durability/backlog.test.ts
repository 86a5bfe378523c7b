// A backlog drains while live readings flow: a buffer filled as after an outage, opened by a store on the local hub. All
// of it arrives, by the hub's account. How fast, how late live readings are meanwhile, and how much memory the process
// has (store, hub and load together) is printed.
//
// BACKLOG=50000000 npm test test/durability/backlog.test.ts     the long form

import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { type Batch, BatchBuilder, Kind } from '../../agent/src/model/batch.ts';
import { now } from '../../agent/src/model/time.ts';
import { quantile } from '../../bench/processes.ts';
import { decodeRows } from '../../sim/hub/decode.ts';
import { startHub } from '../../sim/hub/hub.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { TAGS } from './content.ts';
import { storeIn } from './storing.ts';

const BACKLOG = Number(process.env.BACKLOG ?? 200_000);
const SEGMENT = 4_000;

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** Readings of ten tags, a little apart, as a transmitter that drifts gives them. */
function readings(count: number, from: number, ids: readonly number[]): Batch {
  const builder = new BatchBuilder(count);
  const start = now();
  for (let i = 0; i < count; i++) {
    const n = from + i;
    const value = Math.round(5_000 + 4_000 * Math.sin(n / 5_000) + (n % 7)) / 100;
    builder.push(ids[n % ids.length] as number, start, 0, Kind.Float32, value);
  }
  return builder.take();
}

test('a backlog drains beside live readings', { timeout: 120_000 + BACKLOG / 5 }, async () => {
  const folder = scratch();
  const buffer = openBuffer(join(folder, 'buffer.db'), 64 * 1024 ** 3);
  const ids = buffer.dictionary.intern(TAGS);
  for (let n = 0; n < BACKLOG; n += SEGMENT * 10) {
    const batches = Array.from({ length: 10 }, (_, i) => readings(SEGMENT, n + i * SEGMENT, ids));
    buffer.append(batches.map((batch) => ({ priority: 'normal', batch })));
  }
  const filled = buffer.stats().pending;
  buffer.close();

  const late: number[] = [];
  const hub = await startHub({
    folder: join(folder, 'hub'),
    detail: 'messages',
    keepBytes: 0,
    onMessage({ properties, body, contentEncoding, at }) {
      if (properties.stream !== 'live') return;
      const rows = decodeRows(body, contentEncoding);
      if (typeof rows === 'string') throw new Error(rows);
      for (const row of rows) if ('ts' in row) late.push(at - Date.parse(row.ts));
    },
  });
  closing.push(() => hub.close());
  Object.assign(process.env, hub.environment);
  const store = await storeIn(
    folder,
    { type: 'iot-edge', transport: 'auto', format: 'rows', compression: 'gzip', maxDelay: 500 },
    () => {},
    64 * 1024 ** 3,
  );
  closing.push(() => store.close(0));
  const begun = performance.now();
  let live = 0;
  const indexes = TAGS.map(({ index }) => index);
  const flowing = setInterval(() => {
    store.append(readings(50, live, indexes));
    live += 50;
  }, 50);
  const arrived = () => hub.account.summary().readings;
  let rss = 0;
  await until(
    'the backlog',
    () => {
      rss = Math.max(rss, process.memoryUsage.rss());
      return arrived() >= filled + live - 2_000;
    },
    60_000 + BACKLOG / 5,
  );
  const rate = arrived() / ((performance.now() - begun) / 1_000);
  clearInterval(flowing);
  await until('the last readings', () => arrived() >= filled + live, 30_000);
  const { missing, malformed, double } = hub.account.summary();
  expect([missing, malformed, double]).toEqual([0, 0, 0]);
  expect(late.length).toBeGreaterThan(0);
  late.sort((a, b) => a - b);
  console.log(
    `backlog: ${filled} readings drained at ${rate.toFixed(0)}/s beside 1,000 live ones a second; live readings at the ` +
      `hub after p50 ${quantile(late, 0.5).toFixed(0)} ms, p99 ${quantile(late, 0.99).toFixed(0)} ms (maxDelay 500 ms); ` +
      `memory at most ${(rss / 1e6).toFixed(0)} MB, hub and load included`,
  );
});
