// A gateway led from afar, as a process, over the local hub: twin and direct methods do what they say, a wrong wish
// changes nothing, and what the twin named is there after a restart without a hub.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../agent/src/delivery/control.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const CANARY = 'canary-Zq81-secret';

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const ends: (() => Promise<unknown>)[] = [];
let hub: LocalHub;
let plc: ModbusSim;
let agent: Agent;
let store: Server;
let served = '';

const mapping = (tags: string) => `version: 1
site: lavera
gateway: gw-1
hub: { type: iot-edge, maxDelay: 50ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  plc:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    defaults: { poll: 100ms }
    tags: ${tags}
`;
const A = '{ A.PV: { address: 400001 } }';
const AB = '{ A.PV: { address: 400001 }, B.PV: { address: 400002, scale: { from: [0, 65535], to: [0, 100] } } }';
const ABC = '{ A.PV: { address: 400001 }, B.PV: { address: 400002 }, C.PV: { address: 400003 } }';

const start = () => {
  agent = startAgent(['run', '--config', file], { ...hub.environment, CANARY_PASSWORD: CANARY });
};
const call = async (name: string, payload: Json = {}) => {
  const { status, payload: answer } = await hub.invoke(name, payload, 20_000);
  return { status, answer: answer as JsonObject };
};
const reported = () => hub.twin.reported as JsonObject;
/** What became of a version of the desired properties. */
const outcome = (version: number) =>
  until(`what became of version ${version}: ${JSON.stringify(reported().desired)}\n${agent.stderr()}`, () => {
    const told = reported().desired as JsonObject | undefined;
    return told?.version === version ? told : undefined;
  });
const desire = (patch: JsonObject) => {
  hub.desire(patch as never);
  return outcome(hub.twin.desired.$version as number);
};
const arrives = (tag: string) => until(`${tag}\n${agent.stderr()}`, () => hub.account.tag(tag)?.status === 'Good');

beforeAll(async () => {
  hub = await startHub({ folder: join(folder, 'hub') });
  plc = await startModbusServer({ site: 'flare' });
  store = createServer((request, response) => {
    if (request.url?.startsWith('/mapping.yaml') !== true) response.writeHead(404).end();
    else response.end(served);
  });
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  ends.push(
    () => hub.close(),
    () => plc.close(),
    async () => store.close(),
  );
  writeFileSync(file, mapping(A));
  start();
  ends.push(() => agent.end('SIGKILL'));
  await arrives('A.PV');
  await until('the first report', () => reported().version);
}, 60_000);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

it('answers ping, status and read', { timeout: 30_000 }, async () => {
  expect((await call('ping')).status).toBe(200);
  const { status, answer } = await call('status');
  expect(status).toBe(200);
  expect(answer).toMatchObject({ mapping: { from: 'file' }, sources: { plc: { state: 'running', tags: 1, bad: 0 } } });
  expect(await call('read', { tags: ['A.PV', 'Z.PV'] })).toMatchObject({
    status: 200,
    answer: {
      tags: [
        { tag: 'A.PV', status: 'Good' },
        { tag: 'Z.PV', error: 'there is no such tag' },
      ],
    },
  });
  expect(await call('browse', { source: 'plc' })).toMatchObject({ status: 409, answer: { code: 'control.refused' } });
  expect(await call('trust-certificate', { thumbprint: '0'.repeat(40) })).toMatchObject({ status: 409 });
});

it('takes a mapping inline', { timeout: 30_000 }, async () => {
  expect(await desire({ mapping: { version: '2', inline: mapping(AB) } })).toMatchObject({ applied: true });
  expect(reported().mapping).toMatchObject({ from: 'twin', version: '2' });
  await arrives('B.PV');
});

it('a mapping with mistakes changes nothing, and the mistakes are told', { timeout: 30_000 }, async () => {
  const before = (reported().mapping as JsonObject).hash!;
  const told = await desire({ mapping: { version: '3', inline: mapping('{ A.PV: { adress: 400001 } }') } });
  expect(told).toMatchObject({ applied: false });
  expect(JSON.stringify(told.mistakes)).toContain('did you mean \\"address\\"?');
  expect(reported().mapping).toMatchObject({ hash: before, version: '2' });
});

it('a wrong desired property changes nothing, and is told', { timeout: 30_000 }, async () => {
  const told = await desire({ mapping: null, logLevel: 'loud' });
  expect(told).toMatchObject({ applied: false, mistakes: ['logLevel: write debug, info, warn or error'] });
  expect(reported().mapping).toMatchObject({ from: 'twin', version: '2' });
});

it('takes a mapping by address, proven by its digest', { timeout: 30_000 }, async () => {
  served = mapping(ABC);
  const url = `http://127.0.0.1:${(store.address() as AddressInfo).port}/mapping.yaml?sig=${CANARY}`;
  const sha256 = createHash('sha256').update(served).digest('hex');
  const wrong = await desire({ logLevel: null, mapping: { inline: null, url, sha256: 'f'.repeat(64), version: '4' } });
  expect(wrong).toMatchObject({ applied: false });
  expect(JSON.stringify(wrong.mistakes)).toContain(`has the SHA-256 ${sha256}`);
  expect(await desire({ mapping: { sha256 } })).toMatchObject({ applied: true });
  await arrives('C.PV');
  const gone = await desire({ mapping: { url: url.replace('mapping', 'none') } });
  expect(JSON.stringify(gone.mistakes)).toContain('answered 404');
});

it('changes the log and shows it', { timeout: 30_000 }, async () => {
  expect(
    await desire({ logLevel: 'debug', mapping: { url: (hub.twin.desired.mapping as JsonObject).url as string } }),
  ).toBeDefined();
  const { answer } = await call('logs', { count: 20 });
  expect(JSON.stringify(answer)).toContain('the desired properties are not applied');
});

it('replays, reloads and writes a bundle without secrets', { timeout: 30_000 }, async () => {
  const hour = (h: number) => new Date(Date.now() + h * 3_600_000).toISOString();
  expect(await call('replay', { from: hour(-1), to: hour(1) })).toMatchObject({ status: 200 });
  expect((await call('reload')).status).toBe(200);
  const { answer } = await call('diagnostics');
  const bundle = gunzipSync(readFileSync(answer.file as string)).toString();
  expect(JSON.parse(bundle)).toMatchObject({ status: { gateway: 'gw-1' }, machine: { node: process.version } });
  for (const place of [
    bundle,
    agent.stderr(),
    JSON.stringify(reported()),
    JSON.stringify(await call('logs', { level: 'debug' })),
  ]) {
    expect(place).not.toContain(CANARY);
  }
});

it('starts with the mapping of the twin when the hub is away', { timeout: 60_000 }, async () => {
  expect(await agent.end('SIGTERM')).toBe(0);
  hub.faults.down();
  start();
  await until('the start', () => agent.stderr().includes('fieldgate runs'), 20_000);
  expect(agent.stderr()).toContain('the mapping of the twin runs');
  expect(agent.stderr()).toContain('"tags":3');
  hub.faults.up();
  await until('a report of the new process', () => reported().phase === 'running', 30_000);
});

it('goes back to its own mapping when the twin names none', { timeout: 60_000 }, async () => {
  await until('a connection', () => hub.invoke('ping', {}, 1_000).catch(() => undefined), 30_000);
  expect(await desire({ mapping: null, logLevel: null })).toMatchObject({ applied: true });
  expect(reported().mapping).toMatchObject({ from: 'file' });
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(hub.account.summary()).toMatchObject({ missing: 0, malformed: 0 });
});
