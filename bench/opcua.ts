// What OPC UA costs in the adapter: processor time per value, memory and set-up time, against a server that is not the
// bottleneck (bench/opcua-server.ts). Prints figures; never passes or fails on time.
//
//   npm run bench:opcua                      10,000, 50,000 and 100,000 tags a second, then as fast as it goes
//   npm run bench:opcua -- 20000 10          so many tags, for so many seconds
//   npm run bench:opcua -- 20000 10 range    the same, each with its EURange, unit, or text asked for: range, unit, text

import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sink } from '../agent/src/adapters/adapter.ts';
import { opcuaAdapter } from '../agent/src/adapters/opcua/adapter.ts';
import { cost } from './processes.ts';

const [tagsGiven, secondsGiven] = process.argv.slice(2).map(Number);
const wish = process.argv[4];
const SECONDS = secondsGiven ?? 10;

/** Processor time of this process, s: finer than what /proc tells. */
function processor(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(tags: number, interval: number): Promise<void> {
  const server = spawn(process.execPath, [join(import.meta.dirname, 'opcua-server.ts'), String(interval)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve) => server.stdout.once('data', (line) => resolve(Number(line))));
  const adapter = opcuaAdapter({
    name: 'bench',
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    security: { policy: 'None', mode: 'None' },
    insecure: { acceptedBy: 'bench', until: '2999-12-31' },
    publishing: 1_000,
    pki: mkdtempSync(join(tmpdir(), 'fieldgate-bench-')),
    applicationUri: 'urn:bench:gateway:fieldgate',
    tags: Array.from({ length: tags }, (_, index) => ({
      index,
      name: `tag${index}`,
      node: `nsu=urn:tags;s=tag${index}`,
      sampling: 1_000,
      wantsRange: wish === 'range',
      wantsUnit: wish === 'unit',
      ...(wish === 'text' && { enumText: 'wanted' as const }),
    })),
  });
  let values = 0;
  let told = 0;
  let begun = performance.now();
  const ready = Promise.withResolvers<void>();
  const sink: Sink = {
    deliver(batch) {
      values += batch.count;
    },
    ready() {
      ready.resolve();
      return undefined;
    },
    granted() {},
    describe() {
      told += 1;
      if (told === tags)
        console.log(`all were described ${((performance.now() - begun) / 1_000).toFixed(2)} s after the connection`);
    },
    gap(gap) {
      console.error('a gap', gap);
    },
    trouble() {},
  };
  const ending = new AbortController();
  await adapter.connect(ending.signal);
  begun = performance.now();
  const processorBegun = processor();
  const run = adapter.run(sink, ending.signal);
  await Promise.race([ready.promise, run]);
  const setUp = performance.now() - begun;
  const setUpCpu = processor() - processorBegun;
  // A start that is not measured: the first messages, compilation.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const before = values;
  const mine = processor();
  const theirs = cost(server.pid!);
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const seconds = (performance.now() - since) / 1_000;
  const count = values - before;
  const cpu = processor() - mine;
  console.log(
    [
      `${tags.toLocaleString('en')} tags, ${interval === 0 ? 'as fast as it goes' : `every ${interval} ms`}:`,
      `${Math.round(count / seconds).toLocaleString('en')} values/s,`,
      `${((cpu * 1e6) / count).toFixed(2)} µs of processor time a value (${((100 * cpu) / seconds).toFixed(0)} % of a core),`,
      `${Math.round(cost(process.pid).rss / 2 ** 20)} MB;`,
      `set up in ${(setUp / 1_000).toFixed(2)} s (${setUpCpu.toFixed(2)} s of processor time);`,
      `the server took ${((100 * (cost(server.pid!).cpu - theirs.cpu)) / seconds).toFixed(0)} % of a core`,
    ].join(' '),
  );
  ending.abort();
  await run;
  await adapter.close();
  server.kill();
}

if (tagsGiven) await measure(tagsGiven, 1_000);
else {
  for (const tags of [10_000, 50_000, 100_000]) await measure(tags, 1_000);
  await measure(10_000, 0);
}
process.exit(0);
