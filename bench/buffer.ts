// The buffer alone, on data that looks like a plant's, 10,000 readings a second in commits of 100 ms but as fast as the
// disk takes them: commits and readings a second in and out, how long a commit takes, bytes stored and written, how
// long a large file takes to open. Prints figures; never passes or fails on time.
//
//   npm run bench:buffer                        a file of 200 MB
//   npm run bench:buffer -- --size 4GB --folder /data
//   npm run bench:buffer -- --commit 500        so many readings in a commit instead of 1,000
//   npm run bench:buffer -- --steady 60         seconds of a gateway at work instead, everything delivered at once,
//                                               without `keepDelivered` and with a window of 5 s
//   npm run bench:buffer -- --steady 300 --rate 10      the same with 10 commits a second instead of 100

import { copyFileSync, existsSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Buffer, openBuffer } from '../agent/src/buffer/buffer.ts';
import { partition } from '../agent/src/buffer/committer.ts';
import type { Batch } from '../agent/src/model/batch.ts';
import type { Tag } from '../agent/src/model/tag.ts';
import { TICKS_PER_MS } from '../agent/src/model/time.ts';
import { plantBatches, plantTags } from './plant-batches.ts';
import { cost, quantile } from './processes.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '200MB' },
    folder: { type: 'string', default: tmpdir() },
    commit: { type: 'string', default: '1000' },
    steady: { type: 'string' },
    rate: { type: 'string', default: '100' },
  },
});
const [, amount, unit] = /^(\d+)(MB|GB)$/.exec(values.size) ?? [];
if (amount === undefined) throw new Error(`--size is a number of MB or GB, not ${values.size}`);
const SIZE = Number(amount) * (unit === 'GB' ? 1e9 : 1e6);
const START = Date.UTC(2026, 10, 22, 10);
/** Commits a second at the default `buffer.commitInterval`. */
const COMMITS = 10;
const SITE_RATE = 10_000;
const RATE = Number(values.commit) * COMMITS;
/** How often the gateway tidies, ms. */
const TICK = 1_000;
/** Seconds of data that are made, and then written again and again with later times. */
const SECONDS = 30;
/** What comes out at once: a message of `rows`, and the messages in flight. */
const [TAKE, IN_FLIGHT] = [2_000, 8];

const say = (what: string, figure: string) => console.log(`${what.padEnd(34)} ${figure}`);
const whole = (n: number) => Math.round(n).toLocaleString('en');
const ms = (n: number) => `${n.toFixed(2)} ms`;

const list = plantTags(RATE);
const tags: Tag[] = list.map(({ name }, index) => ({ index, name, source: 'cdu1-dcs', priority: 'normal' }));
const batches = plantBatches(list, COMMITS, SECONDS, START);
const folder = mkdtempSync(join(values.folder, 'fieldgate-bench-'));
const path = join(folder, 'buffer.db');

/** The disk alone: what a commit cannot be faster than. */
function diskSpeed(): void {
  const file = openSync(join(folder, 'sync'), 'w');
  const page = new Uint8Array(8192).fill(1);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    writeSync(file, page, 0, page.length, i * page.length);
    fsyncSync(file);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const perSecond = 1_000 / (times.reduce((a, b) => a + b) / times.length);
  say(
    'disk: 8 kB written and synced',
    `${whole(perSecond)}/s, p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}`,
  );
}

function fill(buffer: Buffer): number {
  const ids = buffer.dictionary.intern(tags);
  const priorities = tags.map(({ priority }) => priority);
  const times: number[] = [];
  let readings = 0;
  const before = { at: performance.now(), ...cost(process.pid) };
  let tidied = before.at;
  for (let turn = 0; buffer.stats().committedBytes < SIZE; turn++) {
    for (const batch of batches) {
      const time = batch.time.map((t) => t + turn * SECONDS * 1_000 * TICKS_PER_MS);
      const start = performance.now();
      buffer.append(partition([{ ...batch, time }], ids, priorities));
      times.push(performance.now() - start);
      readings += batch.count;
      if (performance.now() - tidied < TICK) continue;
      buffer.tidy(false);
      tidied = performance.now();
    }
    progress(`${whole(readings / 1e6)} million readings`);
  }
  const seconds = (performance.now() - before.at) / 1_000;
  const after = cost(process.pid);
  times.sort((a, b) => a - b);
  const [p50, p99, p999, most] = [0.5, 0.99, 0.999, 1].map((share) => ms(quantile(times, share)));
  say('commits', `${whole(times.length / seconds)}/s of ${whole(readings / times.length)} readings, each synced`);
  say('a commit, partition to sync', `p50 ${p50}, p99 ${p99}, p99.9 ${p999}, longest ${most}`);
  say(
    'readings in',
    `${whole(readings / seconds)}/s, ${(((after.cpu - before.cpu) / readings) * 1e6).toFixed(2)} µs of CPU each`,
  );
  say('stored, payloads', `${(buffer.stats().committedBytes / readings).toFixed(2)} bytes a reading`);
  say('written to the disk', `${((after.written - before.written) / readings).toFixed(2)} bytes a reading`);
  return readings;
}

/** Overwritten by what comes next, on a terminal; a line every ten seconds elsewhere. */
let told = performance.now();
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K\r`);
  else if (performance.now() - told > 10_000) process.stderr.write(`${text}\n`);
  else return;
  told = performance.now();
}

/** A gateway at work: what is committed is delivered at once. Measured when as much leaves as comes. */
async function steady(seconds: number, keepDelivered: number): Promise<void> {
  const file = join(folder, `steady-${keepDelivered}.db`);
  const buffer = openBuffer(file, 1e9, { keepDelivered });
  const ids = buffer.dictionary.intern(tags);
  const priorities = tags.map(({ priority }) => priority);
  const begun = performance.now();
  let [readings, commits] = [0, 0];
  let from: { readings: number; written: number; bytes: number } | undefined;
  let most = 0;
  let tidied = begun;
  for (; performance.now() - begun < seconds * 1_000; commits++) {
    const batch = batches[commits % batches.length] as Batch;
    const turn = Math.floor(commits / batches.length);
    const time = batch.time.map((t) => t + turn * SECONDS * 1_000 * TICKS_PER_MS);
    buffer.append(partition([{ ...batch, time }], ids, priorities));
    readings += batch.count;
    while (buffer.waiting('live') > 0)
      for (const { first, last, batch: out } of buffer.next('live', TAKE)) buffer.ack(first, last, out.count);
    if (performance.now() - tidied > TICK) {
      buffer.tidy(true);
      tidied = performance.now();
    }
    if (from === undefined && performance.now() - begun > 2 * keepDelivered + 2_000)
      from = { readings, written: cost(process.pid).written, bytes: statSync(file).size };
    most = Math.max(most, buffer.stats().keptReadings);
    progress(
      `${whole((performance.now() - begun) / 1_000)} of ${seconds} s, ${whole(buffer.stats().keptReadings)} kept`,
    );
    await setTimeout(Math.max(0, begun + ((commits + 1) * 1_000) / Number(values.rate) - performance.now()));
  }
  if (from === undefined) throw new Error(`--steady ${seconds}: too short for a window of ${keepDelivered} ms`);
  const perReading = (cost(process.pid).written - from.written) / (readings - from.readings);
  say(
    `keepDelivered ${keepDelivered / 1_000} s`,
    `${perReading.toFixed(2)} bytes written a reading, at most ${whole(most)} readings kept, the file ` +
      `${(from.bytes / 1e6).toFixed(1)} MB then and ${(statSync(file).size / 1e6).toFixed(1)} MB at the end`,
  );
  buffer.close();
}

function timedOpen(what: string, file: string): Buffer {
  const start = performance.now();
  const buffer = openBuffer(file, SIZE * 4);
  say(what, `${ms(performance.now() - start)} with ${whole(buffer.stats().pending)} readings waiting`);
  return buffer;
}

function drain(buffer: Buffer): void {
  const { pending } = buffer.stats();
  const start = { at: performance.now(), ...cost(process.pid) };
  const inFlight: (readonly [number, number, number])[] = [];
  let tidied = start.at;
  const acknowledge = ([first, last, readings]: readonly [number, number, number]) => buffer.ack(first, last, readings);
  while (buffer.waiting('backfill') > 0) {
    for (const { first, last, batch } of buffer.next('backfill', TAKE)) inFlight.push([first, last, batch.count]);
    while (inFlight.length > IN_FLIGHT) acknowledge(inFlight.shift() as [number, number, number]);
    if (performance.now() - tidied < 1_000) continue;
    buffer.tidy(false);
    tidied = performance.now();
  }
  for (const entry of inFlight) acknowledge(entry);
  buffer.tidy(false);
  const seconds = (performance.now() - start.at) / 1_000;
  const after = cost(process.pid);
  say(
    'readings out, acknowledged',
    `${whole(pending / seconds)}/s, ${(((after.cpu - start.cpu) / pending) * 1e6).toFixed(2)} µs of CPU each`,
  );
  say('written while draining', `${((after.written - start.written) / pending).toFixed(2)} bytes a reading`);
}

function fillAndDrain(): void {
  const filled = openBuffer(path, SIZE * 4);
  const readings = fill(filled);
  // As a kill would leave it: the tail is in the WAL.
  const killed = join(folder, 'killed.db');
  for (const suffix of ['', '-wal', '-head'])
    if (existsSync(path + suffix)) copyFileSync(path + suffix, killed + suffix);
  filled.close();
  const bytes = statSync(path).size;
  say('the file', `${whole(bytes / 1e6)} MB, ${(bytes / readings).toFixed(2)} bytes a reading`);
  say('capacity at 10,000 readings/s', `${(1e9 / (bytes / readings) / SITE_RATE / 3_600).toFixed(1)} hours a GB`);
  timedOpen('opening after a kill', killed).close();
  const buffer = timedOpen('opening after an orderly end', path);
  drain(buffer);
  buffer.close();
  say('memory at the end', `${whole(cost(process.pid).rss / 1e6)} MB`);
}

try {
  diskSpeed();
  if (values.steady === undefined) fillAndDrain();
  else for (const keep of [0, 5_000]) await steady(Number(values.steady), keep);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
