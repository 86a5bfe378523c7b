// A mapping that changes under a running gateway: what it names is touched, nothing else; a mistake changes nothing.
// Real Modbus servers, the real buffer, and a file as hub.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const readings = join(folder, 'readings.jsonl');
const ends: (() => Promise<unknown>)[] = [];
let one: ModbusSim;
let two: ModbusSim;
let agent: Agent;

interface Written {
  readonly first?: string;
  readonly second?: string | null;
  readonly poll?: string;
  readonly format?: string;
}

const FIRST = '{ A.PV: { address: 400001 }, B.PV: { address: 400002 } }';

function write({ first = FIRST, second = '{ C.PV: { address: 400001 } }', poll = '50ms', format = 'rows' }: Written) {
  const source = (server: ModbusSim, tags: string) =>
    `{ protocol: modbus-tcp, host: ${server.host}, port: ${server.port}, defaults: { poll: ${poll} }, tags: ${tags} }`;
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${readings}, format: ${format}, maxDelay: 50ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  one: ${source(one, first)}
${second === null ? '' : `  two: ${source(two, second)}\n`}`,
  );
}

interface Line {
  readonly tag?: string;
  readonly status?: string;
  readonly unit?: string;
  readonly gap?: string;
  readonly source?: string;
}

const lines = (): Line[] =>
  existsSync(readings)
    ? readFileSync(readings, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
    : [];
const last = (tag: string) => lines().findLast((line) => line.tag === tag);
/** Waits until a Good reading of the tag has come after those there are now. */
async function flows(tag: string): Promise<void> {
  const before = lines().length;
  await until(`a new reading of ${tag}\n${agent.stderr()}`, () =>
    lines()
      .slice(before)
      .some((line) => line.tag === tag && line.status === 'Good'),
  );
}

interface Status {
  readonly sources: readonly { readonly name: string; readonly connects: number; readonly tags: number }[];
  readonly mapping: {
    readonly hash: string;
    readonly reloads: number;
    readonly refused: { readonly count: number; readonly mistakes: readonly string[] } | null;
    readonly restart: readonly string[];
  };
}

let port = 0;
const status = async () => (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Status;
const reloads = (count: number) =>
  until(`reload ${count}\n${agent.stderr()}`, async () => (await status()).mapping.reloads >= count);
/** Most tests do not wait for the file to be noticed. */
const hup = () => process.kill(agent.pid, 'SIGHUP');
const connects = async (name: string) => (await status()).sources.find((source) => source.name === name)?.connects;

beforeAll(async () => {
  one = await startModbusServer({ site: 'flare' });
  two = await startModbusServer({ site: 'flare' });
  ends.push(
    () => one.close(),
    () => two.close(),
  );
  write({});
  port = 20_000 + (process.pid % 20_000);
  agent = startAgent(['run', '--config', file], { FIELDGATE_HTTP: `127.0.0.1:${port}` });
  ends.push(() => agent.end('SIGKILL'));
  for (const tag of ['A.PV', 'B.PV', 'C.PV']) await flows(tag);
}, 60_000);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

it('adds a tag; the other source does not notice', { timeout: 30_000 }, async () => {
  write({ first: '{ A.PV: { address: 400001 }, B.PV: { address: 400002 }, D.PV: { address: 400003 } }' });
  await reloads(1);
  await flows('D.PV');
  await flows('A.PV');
  expect({ one: await connects('one'), two: await connects('two') }).toEqual({ one: 1, two: 1 });
  expect(lines().some(({ gap }) => gap !== undefined)).toBe(false);
  expect(agent.stderr()).toContain('  + D.PV');
});

it('removes a tag, which is told by its last reading', { timeout: 30_000 }, async () => {
  write({});
  hup();
  await reloads(2);
  await until('the last reading of D.PV', () => last('D.PV')?.status === 'BadOutOfService');
  await flows('A.PV');
  expect(last('D.PV')?.status).toBe('BadOutOfService');
  expect(await connects('two')).toBe(1);
});

it('a new unit is sent from the next reading on', { timeout: 30_000 }, async () => {
  write({ first: '{ A.PV: { address: 400001, unit: barg }, B.PV: { address: 400002 } }' });
  hup();
  await reloads(3);
  await until('readings in barg', () => last('A.PV')?.unit === 'barg');
});

it('a mistake changes nothing, and is said', { timeout: 30_000 }, async () => {
  const before = await status();
  write({ first: '{ A.PV: { adress: 400001 } }' });
  hup();
  const mapping = await until('the refusal', async () => {
    const now = (await status()).mapping;
    return now.refused === null ? undefined : now;
  });
  expect(mapping.refused).toMatchObject({ count: 2 });
  expect(mapping.refused!.mistakes.join('\n')).toContain('did you mean "address"?');
  expect(mapping.hash).toBe(before.mapping.hash);
  await flows('A.PV');
  expect(await connects('one')).toBe(before.sources[0]!.connects);
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(page).toContain('\nfieldgate_mapping_mistakes 2\n');
});

it('SIGHUP reads the file at once', { timeout: 30_000 }, async () => {
  write({});
  hup();
  await reloads(4);
  expect((await status()).mapping.refused).toBeNull();
});

it('a setting of a source connects that source anew, and the gap says why', { timeout: 30_000 }, async () => {
  const before = await connects('two');
  writeFileSync(file, readFileSync(file, 'utf8').replace('  one: { protocol: modbus-tcp,', '$& timeout: 700ms,'));
  hup();
  await reloads(5);
  await flows('A.PV');
  await until('the gap record', () => lines().some((line) => line.gap === 'reload' && line.source === 'one'));
  expect(await connects('two')).toBe(before);
});

it('removes a source and adds it again', { timeout: 30_000 }, async () => {
  write({ second: null });
  hup();
  await reloads(6);
  await until('the last reading of C.PV', () => last('C.PV')?.status === 'BadOutOfService');
  expect((await status()).sources.map(({ name }) => name)).toEqual(['one']);
  write({});
  hup();
  await reloads(7);
  await flows('C.PV');
});

it('what is read at the start only is named, and waits', { timeout: 30_000 }, async () => {
  write({ format: 'columns' });
  hup();
  await reloads(8);
  expect((await status()).mapping.restart).toEqual(['hub.format']);
  await flows('A.PV');
});

it('keeps the mappings that it applied, and ends as ever', { timeout: 30_000 }, async () => {
  expect(readdirSync(join(folder, 'data/mappings'))).toHaveLength(9);
  expect(await agent.end('SIGTERM')).toBe(0);
});
