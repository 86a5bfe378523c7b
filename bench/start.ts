// How long a start takes: the gateway as a process, from its first instruction to the first reading from a source, to a
// reading of every tag, and to the first reading acknowledged by the hub. The plant and the hub are processes of their own,
// and run before.
//
//   npm run bench:start                                 50,000 tags, five starts, each with an empty buffer
//   npm run bench:start -- --tags 1000 --runs 3

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPeer } from '../agent/src/cli/demo/peer.ts';
import { startAgent } from '../test/support/agent.ts';
import { freePort } from '../test/support/free-port.ts';
import { until } from '../test/support/until.ts';

const { values } = parseArgs({
  options: { tags: { type: 'string', default: '50000' }, runs: { type: 'string', default: '5' } },
});
const DEADLINE = 120_000;

interface Start {
  readonly first: number;
  readonly all: number;
  readonly hub: number;
  /** Processor time of the gateway up to the first reading, which a busy machine does not change much. */
  readonly cpu: number;
}

const folder = mkdtempSync(join(tmpdir(), 'bench-start-'));
const simulator = (name: string) => fileURLToPath(new URL(`../sim/${name}/main.ts`, import.meta.url));
console.error(`starting a plant of ${values.tags} tags…`);
const refinery = await startPeer(simulator('refinery'), [
  ...['--folder', join(folder, 'refinery'), '--tags', values.tags, '--hub', 'iot-edge'],
]);
const hub = await startPeer(simulator('hub'), ['--folder', join(folder, 'hub'), '--detail', 'messages']);
try {
  const starts: Start[] = [];
  for (let run = 1; run <= Number(values.runs); run++) {
    starts.push(await start(join(folder, String(run))));
    console.log(line(`start ${run}`, starts.at(-1) as Start));
  }
  const median = (key: keyof Start) =>
    starts.map((each) => each[key]).sort((a, b) => a - b)[Math.floor(starts.length / 2)]!;
  console.log(line('median', { first: median('first'), all: median('all'), hub: median('hub'), cpu: median('cpu') }));
  console.log(`load of the machine now: ${loadavg()[0]!.toFixed(1)}`);
} finally {
  await Promise.all([refinery.close(), hub.close()]);
  rmSync(folder, { recursive: true, force: true });
}

function line(what: string, { first, all, hub, cpu }: Start): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  return `${what}: first reading ${seconds(first)} (${seconds(cpu)} of CPU), a reading of every tag ${seconds(all)}, first at the hub ${seconds(hub)}`;
}

/** Processor time of a process so far, ms; Linux counts it in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function start(data: string): Promise<Start> {
  mkdirSync(join(data, 'pki/trusted/certs'), { recursive: true });
  copyFileSync(String(refinery.ready.certificate), join(data, 'pki/trusted/certs/refinery.pem'));
  const file = join(data, 'fieldgate.yaml');
  const text = readFileSync(String(refinery.ready.mapping), 'utf8');
  writeFileSync(file, text.replace(/^( {2}path: ).*$/m, `$1${join(data, 'buffer.db')}`));
  const port = await freePort();
  const began = performance.now();
  const agent = startAgent(['run', '--config', file], {
    ...(hub.ready.environment as Record<string, string>),
    FIELDGATE_HTTP: `127.0.0.1:${port}`,
  });
  const counted = async () => {
    const page = await fetch(`http://127.0.0.1:${port}/status`).catch(() => undefined);
    const status = (await page?.json()) as
      | { sources: { received: number }[]; store: { forwarder: { deliveredReadings: number } } }
      | undefined;
    const received = status?.sources.reduce((sum, source) => sum + source.received, 0) ?? 0;
    return { received, delivered: status?.store.forwarder.deliveredReadings ?? 0 };
  };
  const at: { first?: number; all?: number; hub?: number; cpu?: number } = {};
  try {
    await until(
      'a reading of every tag, and one at the hub',
      async () => {
        const { received, delivered } = await counted();
        const now = performance.now() - began;
        if (received > 0) {
          at.first ??= now;
          at.cpu ??= cpuOf(agent.pid);
        }
        if (received >= Number(refinery.ready.tags)) at.all ??= now;
        if (delivered > 0) at.hub ??= now;
        return at.all !== undefined && at.hub !== undefined;
      },
      DEADLINE,
    );
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${agent.stderr().slice(-2_000)}`);
  } finally {
    await agent.end('SIGTERM');
  }
  return { first: at.first!, all: at.all!, hub: at.hub!, cpu: at.cpu! };
}
