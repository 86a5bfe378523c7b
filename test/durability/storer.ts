// A process that runs a whole store, its thread included, on a file as hub, and says what it gave to the store, when,
// and how much of that the store has told to be on disk. It is killed, slowed down and given wrong clocks.
//
//   node storer.ts FOLDER [--from N] [--batches N]
//
// Ten readings every millisecond, begun with reading `--from`; without `--batches` until it is killed. Lines: `Told`.

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { until } from '../support/until.ts';
import { load, storeIn } from './storing.ts';

/** Of readings, as content.ts numbers them; times in ms since 1970. */
export type Told =
  | { readonly wrote: number; readonly at: number; readonly clock: number }
  | { readonly committed: number }
  | { readonly refused: number; readonly accepted: number; readonly delayP99: number; readonly delayMost: number };

const { values, positionals } = parseArgs({
  options: { from: { type: 'string', default: '1' }, batches: { type: 'string', default: 'Infinity' } },
  allowPositionals: true,
});
const say = (told: Told) => writeSync(1, `${JSON.stringify(told)}\n`);

const folder = positionals[0] as string;
const path = join(folder, 'readings.jsonl');
const store = await storeIn(folder, { type: 'jsonl', path, format: 'rows', compression: 'none', maxDelay: 50 });
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const ends: number[] = [];
let told = 0;

const flowing = load(store, 10, 1, Number(values.from), (_, last) => {
  ends.push(last);
  say({ wrote: last, at: performance.timeOrigin + performance.now(), clock: Date.now() });
  const committed = ends.length - store.stats().waiting.batches;
  if (committed > told) say({ committed: ends[committed - 1] as number });
  told = committed;
  if (ends.length >= Number(values.batches)) flowing.stop();
});
await until('the last batch', () => ends.length >= Number(values.batches), 2 ** 30);
delay.disable();
await until('the commits', () => store.stats().waiting.batches === 0, 60_000);
await until('delivery', () => store.stats().forwarder.deliveredReadings >= ends.length * 10, 60_000);
const { refused, accepted } = await store.close(30_000);
say({ refused, accepted, delayP99: delay.percentile(99) / 1e6, delayMost: delay.max / 1e6 });
