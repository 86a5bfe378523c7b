// A mapping whose OPC UA tags change under a running gateway, again and again: the connection stands, no gap is told, and
// tags that no change names lose nothing: their counters go up by one without a hole, to the file that is the hub.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** Reloads; RELOADS=200 for the long form. */
const RELOADS = Number(process.env.RELOADS ?? 15);

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const readings = join(folder, 'readings.jsonl');
const port = 20_000 + ((process.pid + 7_000) % 20_000);
let dcs: OpcUaSim;
let counters: readonly string[];
let agent: Agent;

function write(tags: readonly string[], more = ''): void {
  const line = (tag: string) =>
    `      ${tag}: { node: "nsu=${dcs.namespace};s=${tag}"${tag === tags.at(-1) ? more : ''} }\n`;
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${readings}, maxDelay: 50ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  dcs:
    protocol: opcua
    endpoint: ${dcs.endpoint}
    user: { name: ${dcs.user}, passwordEnv: DCS_PASSWORD }
    publishing: 100ms
    defaults: { sampling: 50ms }
    tags:
${tags.map(line).join('')}`,
  );
}

interface Line {
  readonly tag?: string;
  readonly value?: unknown;
  readonly status?: string;
  readonly gap?: string;
}

const lines = (): Line[] =>
  existsSync(readings)
    ? readFileSync(readings, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
    : [];
const valuesOf = (tag: string) =>
  lines().flatMap((line) => (line.tag === tag && typeof line.value === 'number' ? [line.value] : []));
const flows = async (...tags: string[]) => {
  const goal = dcs.counters().updates + 1;
  for (const tag of tags) {
    await until(`update ${goal} of ${tag}\n${agent.stderr().slice(-4_000)}`, () =>
      valuesOf(tag).some((value) => value >= goal),
    );
  }
};

interface Status {
  readonly sources: readonly { readonly connects: number; readonly tags: number; readonly state: unknown }[];
  readonly mapping: { readonly reloads: number };
}
const status = async () => (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Status;
/** Applies what was written; resolves when it is in force. */
async function reload(count: number): Promise<void> {
  process.kill(agent.pid, 'SIGHUP');
  await until(
    `reload ${count}\n${agent.stderr().slice(-4_000)}`,
    async () => (await status()).mapping.reloads >= count,
  );
}

beforeAll(async () => {
  dcs = await startOpcUaServer({ folder: scratch(), tags: 80, counters: 1, period: 100 });
  counters = dcs.signals.filter(({ process }) => process === 'counter').map(({ name }) => name);
  const trusted = join(folder, 'data/pki/trusted/certs');
  mkdirSync(trusted, { recursive: true });
  writeFileSync(join(trusted, 'dcs.der'), dcs.certificate);
  write(counters.slice(0, 3));
  agent = startAgent(['run', '--config', file], {
    FIELDGATE_HTTP: `127.0.0.1:${port}`,
    DCS_PASSWORD: dcs.password,
  });
}, 60_000);
afterAll(async () => {
  await agent?.end('SIGTERM');
  await dcs?.close();
});

it('reloads: unchanged tags lose nothing, the connection stands, and no gap is told', {
  timeout: 120_000 + RELOADS * 2_000,
}, async () => {
  await flows(...counters.slice(0, 3));
  const [first, second] = counters as [string, string];
  for (let i = 1; i <= RELOADS; i++) {
    const moving = counters[2 + (i % (counters.length - 2))]!;
    // Now and then the same tag with another deadband, which the server applies.
    write([first, second, moving], i % 5 === 0 ? ', deadband: 0.5' : '');
    await reload(i);
    const before = valuesOf(moving).length;
    await until(`a reading of ${moving}`, () => valuesOf(moving).length > before);
  }
  await flows(first, second);
  for (const tag of [first, second]) {
    const values = valuesOf(tag);
    const begin = values[0]!;
    expect(values).toEqual(Array.from({ length: values.length }, (_, i) => begin + i));
  }
  expect(lines().filter(({ gap }) => gap !== undefined)).toEqual([]);
  const { sources } = await status();
  expect(sources).toMatchObject([{ connects: 1, tags: 3 }]);
  expect(dcs.counters()).toMatchObject({ sessions: 1, subscriptions: 1, watched: 3 });
  console.log(`${RELOADS} reloads: ${valuesOf(first).length} values of ${first}, none missing, 1 connection`);
});

it('a deadband that the server applies is another one after a reload', { timeout: 60_000 }, async () => {
  const { reloads } = (await status()).mapping;
  const [first, second] = counters as [string, string];
  const goal = (tag: string, deadband: string) => {
    write([first, tag], `, deadband: ${deadband}`);
  };
  goal(second, '1000000');
  await reload(reloads + 1);
  const quiet = async () => {
    const seen = valuesOf(second).length;
    await flows(first);
    await flows(first);
    return valuesOf(second).length === seen;
  };
  await until('silence within the deadband', quiet, 20_000);
  goal(second, '0.5');
  await reload(reloads + 2);
  await flows(second);
  expect((await status()).sources).toMatchObject([{ connects: 1 }]);
});
