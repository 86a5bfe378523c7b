// A backlog of plant data drains through the local hub, an iot-edge broker over TLS in a process of its own, while live
// readings flow: how fast, how late the live readings are committed, sent and acknowledged meanwhile, what the gateway's
// storage costs. Everything must arrive, by the hub's account. Prints figures; never passes or fails on time.
//
//   npm run bench:backlog                                  5 million readings, format rows with gzip
//   npm run bench:backlog -- --readings 50000000 --format columns

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBuffer } from '../agent/src/buffer/buffer.ts';
import { partition } from '../agent/src/buffer/committer.ts';
import { type Batch, BatchBuilder } from '../agent/src/model/batch.ts';
import type { Tag } from '../agent/src/model/tag.ts';
import { now, TICKS_PER_MS } from '../agent/src/model/time.ts';
import { openStore, type Store } from '../agent/src/store/store.ts';
import { spawnHub } from '../sim/hub/child.ts';
import { plantBatches, plantTags } from './plant-batches.ts';
import { cost, quantile } from './processes.ts';

const { values } = parseArgs({
  options: {
    readings: { type: 'string', default: '5000000' },
    format: { type: 'string', default: 'rows' },
    live: { type: 'string', default: '1000' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const READINGS = Number(values.readings);
const LIVE = Number(values.live);
if (values.format !== 'rows' && values.format !== 'columns') throw new Error('--format is rows or columns');
const TAGS = 10_000;
/** Live batches a second. */
const LIVE_BATCHES = 20;
/** What the live readings may take to fill a message, ms. */
const MAX_DELAY = 500;

const say = (what: string, figure: string) => console.log(`${what.padEnd(34)} ${figure}`);
const whole = (n: number) => Math.round(n).toLocaleString('en');

const list = plantTags(TAGS);
const tags: Tag[] = list.map(({ name }, index) => ({ index, name, source: 'cdu1-dcs', priority: 'normal' }));
const batches = plantBatches(list, 10, 30, Date.now() - 30 * 86_400_000);
const folder = mkdtempSync(join(values.folder, 'fieldgate-bench-'));

function fill(path: string): number {
  const buffer = openBuffer(path, 64e9);
  const ids = buffer.dictionary.intern(tags);
  const priorities = tags.map(({ priority }) => priority);
  let readings = 0;
  for (let turn = 0; readings < READINGS; turn++) {
    for (const batch of batches) {
      const time = batch.time.map((t) => t + turn * 30_000 * TICKS_PER_MS);
      buffer.append(partition([{ ...batch, time }], ids, priorities));
      readings += batch.count;
      if (readings >= READINGS) break;
    }
  }
  buffer.close();
  return readings;
}

interface Epoch {
  readonly epoch: string;
  readonly delivered: readonly { readonly first: number; readonly last: number }[];
}

/** Live readings, and how long each batch took until the hub had it, looked at every 50 ms. @param first its number */
function flow(store: Store, first: number) {
  const sent: { readonly last: number; readonly at: number }[] = [];
  const late: number[] = [];
  let live = 0;
  const timer = setInterval(() => {
    const template = batches[live % batches.length] as Batch;
    // A copy: what is appended is handed over to the storage thread.
    const builder = new BatchBuilder(LIVE / LIVE_BATCHES);
    for (let i = 0; i < Math.min(template.count, LIVE / LIVE_BATCHES); i++)
      builder.copy(template, i, template.tag[i] as number);
    const part = builder.take();
    part.time.fill(now());
    live += part.count;
    sent.push({ last: first + live - 1, at: performance.now() });
    store.append(part);
  }, 1_000 / LIVE_BATCHES);
  let over = false;
  const looking = (async () => {
    while (!over || sent.length > 0) {
      await setTimeout(50);
      const epochs = await hub.call<Epoch[]>('epochs');
      const ranges = epochs.find(({ epoch }) => epoch === store.epoch)?.delivered ?? [];
      const arrived = ranges.find((range) => range.first <= first && range.last >= first)?.last ?? 0;
      while ((sent[0]?.last ?? Number.POSITIVE_INFINITY) <= arrived)
        late.push(performance.now() - (sent.shift() as { at: number }).at);
    }
  })();
  return {
    total: () => live,
    async stop(): Promise<number[]> {
      clearInterval(timer);
      over = true;
      await looking;
      return late.sort((a, b) => a - b);
    },
  };
}

const hub = await spawnHub({ folder: join(folder, 'hub'), detail: 'messages' });
try {
  Object.assign(process.env, hub.environment);
  const path = join(folder, 'buffer.db');
  const filled = fill(path);
  say('the backlog', `${whole(filled)} readings of ${whole(list.length)} tags`);
  const store = await openStore(
    {
      site: 'lavera',
      gateway: 'gw',
      buffer: { path, maxSize: 64e9, commitInterval: 100, order: 'live-first', keepDelivered: 900_000 },
      hub: { type: 'iot-edge', transport: 'auto', format: values.format, compression: 'gzip', maxDelay: MAX_DELAY },
    },
    (level, text, fields) => {
      if (level !== 'info') console.error(level, text, JSON.stringify(fields ?? {}));
    },
  );
  store.define(tags);
  const before = { at: performance.now(), ...cost(process.pid), hub: cost(hub.pid).cpu };
  const flowing = flow(store, filled + 1);
  let rss = 0;
  for (let last = before.at; ; ) {
    await setTimeout(250);
    rss = Math.max(rss, cost(process.pid).rss);
    const { buffer } = store.stats();
    if (buffer.backlog === 0 && buffer.pendingReadings < LIVE * 5) break;
    if (performance.now() - last < 5_000) continue;
    last = performance.now();
    console.error(`${whole(buffer.backlog)} wait`);
  }
  const seconds = (performance.now() - before.at) / 1_000;
  const after = { ...cost(process.pid), hub: cost(hub.pid).cpu };
  const { deliveredReadings, deliveredBytes, deliveredMessages } = store.stats().forwarder;
  const late = await flowing.stop();
  const closed = await store.close(30_000);
  const { missing, malformed, double, readings } = await hub.call<Record<string, number>>('summary');
  say(
    'drained',
    `${whole(deliveredReadings / seconds)} readings/s in ${seconds.toFixed(1)} s, ${LIVE} live ones a second beside`,
  );
  say(
    'messages',
    `${whole(deliveredMessages / seconds)}/s, ${(deliveredBytes / deliveredReadings).toFixed(2)} bytes a reading (${values.format}, gzip)`,
  );
  say(
    'gateway CPU',
    `${(((after.cpu - before.cpu) / deliveredReadings) * 1e6).toFixed(2)} µs a reading; hub ${(((after.hub - before.hub) / deliveredReadings) * 1e6).toFixed(2)} µs`,
  );
  say('memory of store and load', `at most ${whole(rss / 1e6)} MB`);
  say(
    'at the hub',
    `${whole(readings as number)} of ${whole(filled + flowing.total())} readings; missing ${missing}, malformed ${malformed}, double ${double}`,
  );
  say(
    'a live reading at the hub',
    `after p50 ${whole(quantile(late, 0.5))} ms, p99 ${whole(quantile(late, 0.99))} ms (maxDelay ${MAX_DELAY} ms)`,
  );
  if (closed.buffer.pendingReadings > 0) say('left in the buffer', whole(closed.buffer.pendingReadings));
} finally {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
}
