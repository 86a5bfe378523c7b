// The store through its real thread: what is appended arrives at a file hub, and what cannot be kept is told.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { type Batch, BatchBuilder, gapBatch, Kind } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import type { Tag } from '../../agent/src/model/tag.ts';
import { formatTime, fromMillis, toMillis } from '../../agent/src/model/time.ts';
import { openStore, type Store, type StoreOptions } from '../../agent/src/store/store.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const TAGS: Tag[] = [
  { index: 0, name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h', priority: 'normal' },
  { index: 1, name: '20P101.RUN', source: 'cdu1-dcs', priority: 'high' },
];
const START = fromMillis(Date.UTC(2026, 10, 22));

interface Row {
  readonly seq: number;
  readonly tag?: string;
  readonly value?: unknown;
  readonly gap?: string;
  readonly count?: number;
  readonly [key: string]: unknown;
}

interface Bench {
  readonly options: StoreOptions;
  readonly lines: string[];
  readonly rows: () => Row[];
  open(): Promise<Store>;
}

const opened: Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close(0);
});

function bench(folder = scratch()): Bench {
  const path = join(folder, 'readings.jsonl');
  const options: StoreOptions = {
    site: 'lavera',
    gateway: 'gw',
    buffer: {
      path: join(folder, 'buffer.db'),
      maxSize: 200 * 1024 * 1024,
      commitInterval: 20,
      order: 'live-first',
      keepDelivered: 60_000,
    },
    hub: { type: 'jsonl', path, format: 'rows', compression: 'none', maxDelay: 20 },
  };
  const lines: string[] = [];
  return {
    options,
    lines,
    rows: () =>
      existsSync(path)
        ? readFileSync(path, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line) as Row)
        : [],
    async open() {
      const store = await openStore(options, (level, text) => lines.push(`${level}: ${text}`));
      opened.push(store);
      store.define(TAGS);
      return store;
    },
  };
}

function batch(from: number, count: number, tag = 0, capacity = count): Batch {
  const builder = new BatchBuilder(capacity);
  for (let i = 0; i < count; i++) builder.push(tag, START + (from + i) * 10_000, 0, Kind.Number, from + i);
  return builder.take();
}

/** Four batches whose columns are large fill the bound while this thread, busy here, hears of no commit. */
function overload(store: Store): void {
  for (let i = 0; i < 4; i++) store.append(batch(i + 1, 1, 0, 1 << 20));
}

/** The batch as the buffer keeps it: with the dictionary's number for its tag. */
function withTag(of: Batch, id: number): Batch {
  return { ...of, tag: of.tag.map(() => id) };
}

/** Without a connection `close` sends nothing: what is on disk is delivered after the next start. */
async function connected(store: Store): Promise<void> {
  await until('the hub', () => store.stats().forwarder.hub.state === 'connected');
}

test('what is appended is committed and delivered, with names, in order, and the counters agree', async () => {
  const { open, rows } = bench();
  const store = await open();
  expect(store.lastAlive).toBeNull();
  for (let i = 0; i < 20; i++) store.append(batch(i * 100 + 1, 100, i % 2));
  store.append(gapBatch([{ reason: 'source-down', source: 'cdu1-dcs', from: START, to: null }]));
  expect(store.stats()).toMatchObject({ accepted: 2_000, refused: 0, waiting: { batches: 21 } });
  await until('delivery', () => rows().length === 2_001);
  const found = rows();
  expect(found.map((row) => row.seq).sort((a, b) => a - b)).toEqual(Array.from({ length: 2_001 }, (_, i) => i + 1));
  for (const tag of TAGS) {
    const values = found.filter((row) => row.tag === tag.name).map((row) => row.value as number);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values).toHaveLength(1_000);
  }
  expect(found.filter((row) => row.gap === 'source-down')).toHaveLength(1);
  const last = await store.close(5_000);
  expect(last).toMatchObject({
    waiting: { batches: 0, bytes: 0 },
    buffer: { committedReadings: 2_000, pending: 0 },
    forwarder: { deliveredReadings: 2_000 },
  });
});

test('append hands the columns over and returns at once', async () => {
  const { open } = bench();
  const store = await open();
  const handed = batch(1, 10);
  store.append(handed);
  expect(handed.tag.length, 'moved, not copied').toBe(0);
  await store.close(5_000);
});

test('close commits and sends what was appended a moment before', async () => {
  const { open, rows } = bench();
  const store = await open();
  await connected(store);
  store.append(batch(1, 500));
  const last = await store.close(10_000);
  expect(last.buffer.committedReadings).toBe(500);
  expect(rows()).toHaveLength(500);
});

test('what is committed while the hub is away is there after a restart, as backlog', async () => {
  const { open, rows } = bench();
  const first = await open();
  first.append(batch(1, 50));
  await first.close(0);
  const second = await open();
  const seqs = () => new Set(rows().map((row) => row.seq));
  await until('delivery', () => seqs().size === 50);
  await second.close(5_000);
  expect([...seqs()].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});

test('a restart goes on with the same epoch and numbers, and knows when the gateway was last alive', async () => {
  const { open, rows } = bench();
  const first = await open();
  await connected(first);
  first.append(batch(1, 5));
  const before = Date.now();
  await first.close(10_000);
  const second = await open();
  expect(second.epoch).toBe(first.epoch);
  expect(toMillis(second.lastAlive!)).toBeGreaterThanOrEqual(before - 1_000);
  await connected(second);
  second.append(batch(6, 5));
  await second.close(10_000);
  expect(rows().map((row) => row.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a buffer that another gateway holds, or that cannot be made, is the fault that says so', async () => {
  const one = bench();
  await one.open();
  await expect(openStore(one.options, () => {})).rejects.toMatchObject({ code: 'buffer.locked' });
  const path = join(one.options.buffer.path, 'buffer.db');
  const elsewhere = { ...one.options, buffer: { ...one.options.buffer, path } };
  await expect(openStore(elsewhere, () => {})).rejects.toMatchObject({
    code: 'buffer.path',
    message: expect.stringContaining(path),
  });
});

test('beyond the memory bound readings are refused, counted, and a gap record says from when to when', async () => {
  const { open, rows, lines } = bench();
  const store = await open();
  overload(store);
  for (let i = 0; i < 10; i++) store.append(batch(100 + i * 10, 10));
  store.append(gapBatch([{ reason: 'source-down', source: 'cdu1-dcs', from: START, to: null }]));
  const { accepted, refused, waiting } = store.stats();
  expect(accepted).toBe(104);
  expect(refused, 'all but the newest').toBe(99);
  expect(waiting.bytes).toBeLessThan(130 * 1024 * 1024);
  expect(
    lines.filter((line) => line.startsWith('error:')),
    'said once',
  ).toHaveLength(1);
  await until('the gap record', () => rows().find((row) => row.gap === 'store-overload'));
  store.append(batch(1_000, 1));
  await until('the reading after it', () => rows().find((row) => row.value === 1_000));
  const found = rows();
  expect(found.find((row) => row.gap === 'store-overload')).toMatchObject({ count: refused });
  expect(
    found.filter((row) => row.gap === 'source-down'),
    'what sources told meanwhile is kept',
  ).toHaveLength(1);
  expect(found.filter((row) => row.tag !== undefined)).toHaveLength(accepted + 1 - refused);
  expect(found.map((row) => row.seq).sort((a, b) => a - b)).toEqual(found.map((_, i) => i + 1));
});

test('the newest reading of each tag that an overload refused is had when it ends: a source may send it once only', async () => {
  const { open, rows } = bench();
  const store = await open();
  overload(store);
  store.append(batch(100, 10));
  const run = new BatchBuilder();
  run.add(1, START + 1_040_000, 0, true);
  run.add(1, START + 1_050_000, StatusCode.BadSensorFailure, 'stuck');
  store.append(run.take());
  store.append(batch(110, 10));
  expect(store.stats()).toMatchObject({ accepted: 26, refused: 20 });
  await until('the gap record', () => rows().find((row) => row.gap === 'store-overload'));
  expect(rows().filter((row) => row.tag === TAGS[0]!.name && (row.value as number) >= 100)).toMatchObject([
    { value: 119 },
  ]);
  expect(rows().filter((row) => row.tag === TAGS[1]!.name)).toMatchObject([
    { value: 'stuck', status: 'BadSensorFailure' },
  ]);
  expect(rows().find((row) => row.gap === 'store-overload')).toMatchObject({ count: 20 });
  expect(store.stats().refused, 'as the record has it').toBe(20);
});

test('the gap record of an overload covers the readings that were lost in it, also when the clock is set back', async () => {
  const { open, rows } = bench();
  const store = await open();
  overload(store);
  const before = fromMillis(Date.now());
  const late = new BatchBuilder();
  late.push(0, fromMillis(0), 0, Kind.Number, 0);
  late.push(0, Number.NaN, 0, Kind.Number, 0);
  for (const age of [3_000, 2_000, 1_000]) late.push(0, before - age * 10_000, 0, Kind.Number, age);
  store.append(late.take());
  const past = new BatchBuilder();
  for (const at of [5, 6]) past.push(0, START + at * 10_000, 0, Kind.Number, at);
  store.append(past.take('backfill'));
  const clock = vi.spyOn(Date, 'now').mockReturnValue(toMillis(before) - 3_600_000);
  try {
    await until('the gap records', () => rows().filter((row) => row.gap === 'store-overload').length === 2);
  } finally {
    clock.mockRestore();
  }
  const [live, backfill] = rows().filter((row) => row.gap === 'store-overload');
  expect(live, 'a timestamp of 1970 makes not everything unknown').toMatchObject({
    count: 4,
    from: formatTime(before - 30_000_000),
  });
  expect((live!.to as string) >= formatTime(before - 20_000_000)).toBe(true);
  expect(backfill).toMatchObject({ count: 2, from: formatTime(START + 50_000), to: formatTime(START + 60_000) });
});

test('an overload that lasts until the end leaves its gap record too', async () => {
  const { open, rows } = bench();
  const store = await open();
  await connected(store);
  overload(store);
  store.append(batch(100, 7));
  await store.close(10_000);
  expect(rows().find((row) => row.gap === 'store-overload')).toMatchObject({ count: 6 });
});

test('a damaged file is set aside with a line that says where, and storing goes on', async () => {
  const one = bench();
  openBuffer(one.options.buffer.path, one.options.buffer.maxSize).close();
  writeFileSync(one.options.buffer.path, 'no database at all, whatever it was before '.repeat(100));
  const store = await one.open();
  expect(one.lines.some((line) => line.startsWith('error: the buffer file was damaged'))).toBe(true);
  store.append(batch(1, 1));
  await until('the gap and the reading', () => one.rows().length === 2);
  expect(one.rows()[0]).toMatchObject({ gap: 'buffer-damaged', seq: 1 });
});

test('what a file set aside still holds is delivered under its old epoch and numbers, beside new readings', async () => {
  const one = bench();
  const { path, maxSize } = one.options.buffer;
  const old = openBuffer(path, maxSize);
  old.dictionary.intern(TAGS);
  for (let i = 0; i < 30; i++) old.append([{ priority: 'normal', batch: withTag(batch(i * 10 + 1, 10), 1) }]);
  old.close();
  writeFileSync(`${path}.is-damaged`, 'found damaged while it was in use');
  const store = await one.open();
  store.append(batch(1_000, 5));
  await until('everything', () => one.rows().filter((row) => row.tag !== undefined).length === 305);
  const values = one.rows().flatMap((row) => (row.tag === undefined ? [] : [row.value as number]));
  expect(new Set(values).size).toBe(305);
  const salvaged = one.rows().filter((row) => row.tag !== undefined && (row.value as number) < 1_000);
  expect(salvaged.every((row) => row.seq === row.value && row.tag === '20FIC101.PV')).toBe(true);
  expect(one.rows().some((row) => row.epoch === old.epoch)).toBe(true);
  await until('the end of the salvage', () => store.stats().salvage[0]?.done === true);
  expect(store.stats().salvage).toMatchObject([{ epoch: old.epoch, delivered: 300, lost: 0, waiting: 0 }]);
  await store.close(5_000);
  const again = await one.open();
  expect(again.stats().salvage, 'done once').toEqual([]);
});

test('what was delivered is sent again when it is asked for, under its numbers, also after a restart', async () => {
  const one = bench();
  let store = await one.open();
  for (let i = 0; i < 5; i++) store.append(batch(i * 10 + 1, 10));
  await until('delivery', () => store.stats().forwarder.deliveredReadings === 50);
  const time = (value: number) => START + value * 10_000;
  expect(await store.replay(time(1_000), time(2_000))).toEqual({ readings: 0 });
  expect(await store.replay(time(1), time(50))).toEqual({ readings: 50 });
  await until('the second delivery', () => one.rows().length === 100);
  await store.close(5_000);
  store = await one.open();
  await connected(store);
  expect(await store.replay(time(1), time(50))).toEqual({ readings: 50 });
  await until('the third delivery', () => one.rows().length === 150);
  const counts = new Map<string, number>();
  for (const { seq, value } of one.rows()) {
    const key = `${seq} ${value}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect([counts.size, new Set(counts.values())]).toEqual([50, new Set([3])]);
});

test('a replay that cannot be answered any more is refused', async () => {
  const store = await bench().open();
  const asked = store.close(0);
  await asked;
  await expect(store.replay(START, START)).rejects.toMatchObject({ code: 'buffer.disk' });
});

test('a reading that is too large for any message is named by a gap record of its own time', async () => {
  const { open, rows } = bench();
  const store = await open();
  const builder = new BatchBuilder();
  for (let at = 1; at <= 3; at++) builder.add(0, START + at * 10_000, 0, at === 2 ? 'x'.repeat(300_000) : at);
  store.append(builder.take());
  const told = await until('the gap record', () => rows().find((row) => row.gap === 'too-large'));
  expect(rows().filter((row) => row.tag !== undefined)).toMatchObject([{ value: 1 }, { value: 3 }]);
  const time = formatTime(START + 20_000);
  expect(told).toMatchObject({ count: 1, from: time, to: time, range: { first: 2, last: 2 } });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1e300])(
  'a reading whose time is %s holds up no other',
  async (time) => {
    const { open, rows } = bench();
    const store = await open();
    const builder = new BatchBuilder();
    for (const each of [START, time, START + 10_000]) builder.push(0, each, 0, Kind.Number, 1);
    store.append(builder.take());
    await until('the others', () => rows().filter((row) => row.tag !== undefined).length >= 2);
    store.append(batch(5, 1));
    await until('one after it', () => rows().some((row) => row.value === 5));
    await until('its own, or its gap record', () => rows().length === 4);
    const { buffer } = await store.close(5_000);
    expect(buffer.pending).toBe(0);
  },
);
