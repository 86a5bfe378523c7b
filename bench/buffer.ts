// The buffer alone, on data that looks like a plant's, 10,000 readings a second in commits of 100 ms but as fast as the
// disk takes them: commits and readings a second in and out, how long a commit takes, bytes stored and written, how
// long a large file takes to open. Prints figures; never passes or fails on time.
//
//   npm run bench:buffer                        a file of 200 MB
//   npm run bench:buffer -- --size 4GB --folder /data

import { copyFileSync, existsSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Buffer, openBuffer } from '../agent/src/buffer/buffer.ts';
import { partition } from '../agent/src/buffer/committer.ts';
import { type Batch, BatchBuilder } from '../agent/src/model/batch.ts';
import { StatusCode } from '../agent/src/model/status.ts';
import type { Tag } from '../agent/src/model/tag.ts';
import { fromMillis, TICKS_PER_MS } from '../agent/src/model/time.ts';
import { type Plant, plant } from '../sim/refinery/plant.ts';
import { type Signal, signals } from '../sim/refinery/signals.ts';
import { cost, quantile } from './processes.ts';

const { values } = parseArgs({
  options: { size: { type: 'string', default: '200MB' }, folder: { type: 'string', default: tmpdir() } },
});
const [, amount, unit] = /^(\d+)(MB|GB)$/.exec(values.size) ?? [];
if (amount === undefined) throw new Error(`--size is a number of MB or GB, not ${values.size}`);
const SIZE = Number(amount) * (unit === 'GB' ? 1e9 : 1e6);
const START = Date.UTC(2026, 10, 22, 10);
const RATE = 10_000;
/** Commits a second at the default `buffer.commitInterval`. */
const COMMITS = 10;
/** Seconds of data that are made, and then written again and again with later times. */
const SECONDS = 30;
/** What comes out at once: a message of `rows`, and the messages in flight. */
const [TAKE, IN_FLIGHT] = [2_000, 8];

const say = (what: string, figure: string) => console.log(`${what.padEnd(34)} ${figure}`);
const whole = (n: number) => Math.round(n).toLocaleString('en');
const ms = (n: number) => `${n.toFixed(2)} ms`;

/** A tenth of the tags in every batch, each tag once a second. */
function plantBatches(list: readonly Signal[], process: Plant): Batch[] {
  const batches: Batch[] = [];
  for (let slot = 0; slot < SECONDS * COMMITS; slot++) {
    const time = START + slot * (1_000 / COMMITS);
    const builder = new BatchBuilder(list.length / COMMITS);
    for (let i = slot % COMMITS; i < list.length; i += COMMITS) {
      const signal = list[i] as Signal;
      const good = process.lastGood(signal, time);
      const status = good === time ? StatusCode.Good : StatusCode.UncertainLastUsableValue;
      const value = process.value(signal, good, Math.floor(slot / COMMITS));
      builder.add(i, fromMillis(time), status, value, signal.type === 'Float');
    }
    batches.push(builder.take());
  }
  return batches;
}

const list = signals(RATE).filter(({ length }) => length === undefined);
const tags: Tag[] = list.map(({ name }, index) => ({ index, name, source: 'cdu1-dcs', priority: 'normal' }));
const batches = plantBatches(list, plant(1));
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
  for (let turn = 0; buffer.stats().committedBytes < SIZE; turn++) {
    for (const batch of batches) {
      const time = batch.time.map((t) => t + turn * SECONDS * 1_000 * TICKS_PER_MS);
      const start = performance.now();
      buffer.append(partition([{ ...batch, time }], ids, priorities));
      times.push(performance.now() - start);
      readings += batch.count;
    }
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

try {
  diskSpeed();
  const filled = openBuffer(path, SIZE * 4);
  const readings = fill(filled);
  // As a kill would leave it: the tail is in the WAL.
  const killed = join(folder, 'killed.db');
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, killed + suffix);
  filled.close();
  const bytes = statSync(path).size;
  say('the file', `${whole(bytes / 1e6)} MB, ${(bytes / readings).toFixed(2)} bytes a reading`);
  say('capacity at 10,000 readings/s', `${(1e9 / (bytes / readings) / RATE / 3_600).toFixed(1)} hours a GB`);
  timedOpen('opening after a kill', killed).close();
  const buffer = timedOpen('opening after an orderly end', path);
  drain(buffer);
  buffer.close();
  say('memory at the end', `${whole(cost(process.pid).rss / 1e6)} MB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
