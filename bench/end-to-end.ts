// End to end: the simulated refinery, the gateway and the local hub, each a process of its own, at a fixed rate.
// Prints what a reading costs in processor time, memory, wire and disk, and how long it takes from its source
// timestamp to the hub's acknowledgement. Prints figures; never passes or fails on time.
//
//   npm run bench:end-to-end                     1,000, 10,000 and 50,000 tags at 1 s, 30 s each
//   npm run bench:end-to-end -- 10000 --for 60

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPeer } from '../agent/src/cli/demo/peer.ts';
import { decodeRows } from '../sim/hub/decode.ts';
import { startHub } from '../sim/hub/hub.ts';
import { startAgent } from '../test/support/agent.ts';
import { until } from '../test/support/until.ts';
import { cost, quantile } from './processes.ts';

const { values, positionals } = parseArgs({
  options: { for: { type: 'string', default: '30' } },
  allowPositionals: true,
});
const sizes = positionals.length > 0 ? positionals.map(Number) : [1_000, 10_000, 50_000];
const seconds = Number(values.for);
const PORT = 9_699;

interface Result {
  readonly tags: number;
  readonly rate: number;
  /** % of one core. */
  readonly gatewayCpu: number;
  readonly plantCpu: number;
  readonly microseconds: number;
  readonly megabytes: number;
  readonly wire: number;
  readonly stored: number;
  readonly written: number;
  readonly p50: number;
  readonly p99: number;
  readonly missing: number;
}

async function counter(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${PORT}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}

async function measure(tags: number): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-bench-'));
  const latencies: number[] = [];
  let measuring = false;
  const refinery = await startPeer(fileURLToPath(new URL('../sim/refinery/main.ts', import.meta.url)), [
    '--tags',
    String(tags),
    '--folder',
    folder,
    '--hub',
    'iot-edge',
  ]);
  const hub = await startHub({
    folder: join(folder, 'hub'),
    detail: 'messages',
    keepBytes: 0,
    onMessage({ body, contentEncoding, at }) {
      if (!measuring) return;
      const rows = decodeRows(body, contentEncoding);
      if (typeof rows === 'string') throw new Error(rows);
      // Every reading of a large message would only repeat its neighbours: one in ten is enough for a quantile.
      for (let i = 0; i < rows.length; i += 10) {
        const row = rows[i];
        if (row !== undefined && 'tag' in row && row.status === 'Good') latencies.push(at - Date.parse(row.ts));
      }
    },
  });
  mkdirSync(join(folder, 'pki/trusted/certs'), { recursive: true });
  copyFileSync(String(refinery.ready.certificate), join(folder, 'pki/trusted/certs/dcs.pem'));
  const mapping = String(refinery.ready.mapping);
  const agent = startAgent(['run', '--config', mapping], { ...hub.environment, FIELDGATE_HTTP: `127.0.0.1:${PORT}` });
  try {
    await until('three rounds of all tags at the hub', () => hub.account.summary().readings >= 14 * tags, 120_000);
    const plantPid = refinery.pid;
    const before = {
      gateway: cost(agent.pid),
      plant: cost(plantPid),
      readings: await counter('fieldgate_readings_delivered_total'),
      bytes: await counter('fieldgate_message_bytes_delivered_total'),
      stored: await counter('fieldgate_buffer_committed_bytes_total'),
      at: performance.now(),
    };
    measuring = true;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    measuring = false;
    const elapsed = (performance.now() - before.at) / 1_000;
    const after = {
      gateway: cost(agent.pid),
      plant: cost(plantPid),
      readings: await counter('fieldgate_readings_delivered_total'),
      bytes: await counter('fieldgate_message_bytes_delivered_total'),
      stored: await counter('fieldgate_buffer_committed_bytes_total'),
    };
    const readings = after.readings - before.readings;
    latencies.sort((a, b) => a - b);
    return {
      tags,
      rate: readings / elapsed,
      gatewayCpu: ((after.gateway.cpu - before.gateway.cpu) / elapsed) * 100,
      plantCpu: ((after.plant.cpu - before.plant.cpu) / elapsed) * 100,
      microseconds: ((after.gateway.cpu - before.gateway.cpu) / readings) * 1e6,
      megabytes: after.gateway.rss / 1e6,
      wire: (after.bytes - before.bytes) / readings,
      stored: (after.stored - before.stored) / readings,
      written: (after.gateway.written - before.gateway.written) / readings,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      missing: hub.account.summary().missing,
    };
  } catch (error) {
    process.stderr.write(agent.stderr().slice(-2_000));
    throw error;
  } finally {
    await agent.end('SIGTERM');
    await hub.close();
    await refinery.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(
  '|  tags | readings/s | gateway CPU | µs/reading |  RSS MB | wire B | stored B | written B | p50 ms | p99 ms | missing | plant CPU |',
);
console.log(
  '|------:|-----------:|------------:|-----------:|--------:|-------:|---------:|----------:|-------:|-------:|--------:|----------:|',
);
for (const tags of sizes) {
  const r = await measure(tags);
  const cells = [
    r.tags,
    r.rate.toFixed(0),
    `${r.gatewayCpu.toFixed(1)} %`,
    r.microseconds.toFixed(2),
    r.megabytes.toFixed(0),
    r.wire.toFixed(1),
    r.stored.toFixed(1),
    r.written.toFixed(1),
    r.p50.toFixed(0),
    r.p99.toFixed(0),
    r.missing,
    `${r.plantCpu.toFixed(0)} %`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
