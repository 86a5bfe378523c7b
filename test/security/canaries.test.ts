// No secret comes out. Two gateways run with a canary in every place where a secret may stand (files, environment, keys,
// addresses, the hub's own key) and in places where none should stand (a mapping with literals, a URL with a
// password), and go through what fails because of them. Then everything that they show, send and write is searched.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../agent/src/delivery/control.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { type Broker5, startBroker5 } from '../delivery/hubs/broker5.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { freePort } from '../support/free-port.ts';
import { mint } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** A text that is nowhere by chance. With spaces and quotes: a secret may have them. */
const canary = (place: string) => `canary-${place}-Zq81`;
const CANARIES = {
  wrongPassword: `${canary('opcua-file')} and more-canary-opcua-file`,
  goodPassword: canary('opcua-good'),
  environment: canary('opcua-env'),
  mqtt: `${canary('mqtt')} and more-canary-mqtt`,
  key: canary('private-key'),
  query: canary('url-query'),
  address: canary('url-password'),
  literal: `${canary('literal')} and more-canary-literal`,
  folded: canary('folded'),
  workload: Buffer.from(canary('workload')).toString('base64'),
} as const;

const folder = scratch();
const secrets = join(folder, 'secrets');
const data = join(folder, 'data');
const file = join(folder, 'fieldgate.yaml');
let ports: { edge: number; mqtt: number };
let hub: LocalHub;
let broker: Broker5;
let dcs: OpcUaSim;
let plc: ModbusSim;
let site: Server;
let edge: Agent;
let mqtt: Agent;
/** What was seen, by where. */
const seen = new Map<string, string>();
/** Taken anew at every restart of the gateway's log. */
const logs: Agent[] = [];

const source = (name: string, user: string) => `
  ${name}:
    protocol: opcua
    endpoint: ${dcs.endpoint}
    user: ${user}
    tags: { ${name}.PV: { node: "nsu=${dcs.namespace};s=${dcs.signals[0]!.name}" } }`;

const mapping = (hubKeys: string, buffer: string, more = '') => `version: 1
site: lavera
gateway: gw-1
hub: { ${hubKeys}, maxDelay: 50ms }
buffer: { path: ${buffer} }
sources:
  plc:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    defaults: { poll: 100ms }
    tags: { A.PV: { address: 400001 } }${more}
`;

const EDGE = 'type: iot-edge';
const others = () =>
  [
    source('good', `{ name: fieldgate, passwordFile: ${join(secrets, 'good')} }`),
    source('wrong', `{ name: fieldgate, passwordFile: ${join(secrets, 'wrong')} }`),
    source('env', '{ name: fieldgate, passwordEnv: DCS_PASSWORD }'),
    source('folder', `{ name: fieldgate, passwordFile: ${secrets} }`),
    source('none', `{ name: fieldgate, passwordFile: ${join(secrets, 'none')} }`),
    source('broken', `{ certificate: ${join(secrets, 'user.pem')}, key: ${join(secrets, 'broken.key')} }`),
    source('mismatched', `{ certificate: ${join(secrets, 'user.pem')}, key: ${join(secrets, 'other.key')} }`),
    `
  tls:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    tls: { ca: ${join(secrets, 'user.pem')}, certificate: ${join(secrets, 'user.pem')}, key: ${join(secrets, 'broken.key')} }
    tags: { T.PV: { address: 400001 } }`,
  ].join('');

/** A mapping with secrets where none should stand, in the ways that YAML has. */
const literal = () =>
  mapping(EDGE, join(data, 'buffer.db')) +
  source('one', `{ name: fieldgate, password: "${CANARIES.literal}" }`) +
  source('two', `{ name: fieldgate, passwordFile: x, secret: '${CANARIES.literal}' }`) +
  `
  three:
    protocol: opcua
    endpoint: opc.tcp://fieldgate:${CANARIES.address}@127.0.0.1:4840
    user:
      name: fieldgate
      password: >-
        ${CANARIES.folded}
        ${CANARIES.folded}
    tags: { X: { node: "ns=2;s=X" } }
`;

beforeAll(async () => {
  await mkdir(secrets, { recursive: true });
  const [user, other] = await Promise.all([mint({ name: 'user' }), mint({ name: 'other' })]);
  const begin = '-----BEGIN PRIVATE KEY-----\n';
  for (const [name, text] of Object.entries({
    good: `${CANARIES.goodPassword}\n`,
    wrong: `${CANARIES.wrongPassword}\n`,
    mqtt: CANARIES.mqtt,
    'user.pem': user.pem,
    'other.key': other.keyPem,
    'broken.key': user.keyPem.replace(begin, `${begin}${CANARIES.key}\n`),
  }))
    await writeFile(join(secrets, name), text, { mode: 0o600 });
  await mkdir(join(folder, 'hub'));
  await writeFile(join(folder, 'hub/module.key'), CANARIES.workload);
  hub = await startHub({ folder: join(folder, 'hub') });
  broker = await startBroker5({ connack: 134 });
  dcs = await startOpcUaServer({ folder: join(folder, 'dcs'), tags: 120, password: CANARIES.goodPassword });
  plc = await startModbusServer({ site: 'flare' });
  site = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  await mkdir(join(data, 'pki/trusted/certs'), { recursive: true });
  await writeFile(join(data, 'pki/trusted/certs/dcs.pem'), readFileSync(dcs.certificateFile));
  ports = { edge: await freePort(), mqtt: await freePort() };

  writeFileSync(file, mapping(EDGE, join(data, 'buffer.db'), others()));
  edge = startAgent(['run', '--config', file], {
    ...hub.environment,
    DCS_PASSWORD: CANARIES.environment,
    FIELDGATE_LOG: 'debug',
    FIELDGATE_HTTP: `127.0.0.1:${ports.edge}`,
  });
  const toBroker = join(folder, 'mqtt.yaml');
  const url = `mqtt://127.0.0.1:${broker.port}`;
  writeFileSync(
    toBroker,
    mapping(
      `type: mqtt, url: "${url}", user: { name: fieldgate, passwordFile: ${join(secrets, 'mqtt')} }`,
      join(folder, 'mqtt-data/buffer.db'),
    ),
  );
  mqtt = startAgent(['run', '--config', toBroker], {
    FIELDGATE_LOG: 'debug',
    FIELDGATE_HTTP: `127.0.0.1:${ports.mqtt}`,
  });
  logs.push(edge, mqtt);
}, 60_000);

afterAll(async () => {
  await edge?.end('SIGKILL');
  await mqtt?.end('SIGKILL');
  site?.close();
  for (const each of [hub, broker, dcs, plc]) await each?.close();
});

const page = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
const statusOf = async (port: number) =>
  JSON.parse(await page(port, '/status').catch(() => '{}')) as {
    sources?: { name: string; state: { state: string; code?: string; reason?: string } }[];
    store?: { forwarder: { hub: { state: string; reason?: string } } };
    mapping?: { refused: object | null };
  };
const call = async (name: string, payload: object = {}) => {
  const { status, payload: answer } = await hub.invoke(name, payload, 25_000);
  seen.set(`method ${name} ${JSON.stringify(payload)}`, JSON.stringify(answer));
  return { status, answer: answer as JsonObject };
};
const desire = async (patch: JsonObject) => {
  hub.desire(patch as never);
  const version = hub.twin.desired.$version as number;
  const told = await until(`what became of version ${version}`, () => {
    const { desired } = hub.twin.reported as { desired?: { version: number; applied: boolean } };
    return desired?.version === version ? desired : undefined;
  });
  seen.set(`twin after version ${version}`, JSON.stringify(hub.twin.reported));
  return told;
};

it('the secrets are used, and refused', { timeout: 60_000 }, async () => {
  const codes = await until(
    'what became of each source',
    async () => {
      const { sources } = await statusOf(ports.edge);
      const now = new Map(
        sources?.map(({ name, state }) => [name, state.state === 'waiting' ? state.code : state.state]),
      );
      const busy = [...now.values()].some((state) => state === 'connecting' || state === 'stopped');
      return now.size > 0 && !busy ? now : undefined;
    },
    40_000,
  );
  expect(Object.fromEntries(codes)).toEqual({
    plc: 'running',
    good: 'running',
    wrong: 'source.credentials',
    env: 'source.credentials',
    folder: 'source.credentials',
    none: 'source.credentials',
    broken: expect.stringMatching(/^source\./),
    mismatched: expect.stringMatching(/^source\./),
    tls: expect.stringMatching(/^source\./),
  });
  await until('a password at the broker', () =>
    broker.connects.some(({ password }) => password?.toString() === CANARIES.mqtt),
  );
  await until('its refusal', async () => (await statusOf(ports.mqtt)).store?.forwarder.hub.state === 'waiting');
  await until('a reading at the hub', () => hub.account.tag('A.PV')?.status === 'Good');
});

it('wishes of the twin that hold secrets are refused', { timeout: 60_000 }, async () => {
  const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const wishes: JsonObject[] = [
    { version: '1', url: `${address}/none.yaml?sig=${CANARIES.query}&${CANARIES.query}`, sha256: 'f'.repeat(64) },
    { version: '2', url: `http://127.0.0.1:1/x?token=${CANARIES.query}`, sha256: 'f'.repeat(64) },
    { version: '3', url: `http://fieldgate:${CANARIES.address}@127.0.0.1:1/x`, sha256: 'f'.repeat(64) },
    { version: '4', url: `http://[x/?${CANARIES.query}`, sha256: 'f'.repeat(64) },
    { version: '5', inline: literal() },
  ];
  for (const { version, ...way } of wishes) {
    const whole = { version: version!, inline: null, url: null, sha256: null, ...way };
    expect(await desire({ mapping: whole }), JSON.stringify(version)).toMatchObject({ applied: false });
  }
  await desire({ mapping: null });
});

it('a mapping with secrets in it is refused', { timeout: 60_000 }, async () => {
  const good = readFileSync(file);
  writeFileSync(file, literal());
  await until('the refusal', async () => (await statusOf(ports.edge)).mapping?.refused !== null);
  await call('reload');
  await call('diagnostics');
  seen.set('/status while refused', await page(ports.edge, '/status'));
  writeFileSync(join(folder, 'literal.yaml'), literal());
  for (const args of [['check'], ['check', '--json'], ['plan'], ['run', '--config']]) {
    const command = startAgent([...args, join(folder, 'literal.yaml')]);
    expect(await command.ended).toBe(1);
    logs.push(command);
  }
  writeFileSync(file, good);
  await until('the good one', async () => (await statusOf(ports.edge)).mapping?.refused === null);
});

it('everything is asked, and the gateways end in order', { timeout: 60_000 }, async () => {
  for (const [name, port] of Object.entries(ports)) {
    for (const path of ['/', '/status', '/metrics', '/healthz', '/readyz', `/${CANARIES.query}`])
      seen.set(`${name} ${path}`, await page(port, path));
  }
  for (const name of ['ping', 'status', 'diagnostics']) expect((await call(name)).status).toBe(200);
  expect((await call('logs', { count: 500, level: 'debug' })).status).toBe(200);
  await call('read', { tags: ['A.PV', 'good.PV', 'wrong.PV', 'broken.PV', 'none.PV', 'tls.PV'] });
  for (const name of ['good', 'wrong', 'env', 'folder', 'broken', 'mismatched']) await call('browse', { source: name });
  await call('trust-certificate', { thumbprint: '0'.repeat(40) });
  seen.set('the twin', JSON.stringify(hub.twin.reported));
  expect(await edge.end('SIGTERM'), edge.stderr()).toBe(0);
  await mqtt.end('SIGTERM');
  logs.forEach((agent, i) => void seen.set(`log ${i}`, agent.stderr()));
  hub.messages.forEach(({ body, contentEncoding, properties }, i) => {
    const text = contentEncoding === 'gzip' ? gunzipSync(body).toString() : body.toString();
    seen.set(`message ${i}`, text + JSON.stringify(properties));
  });
  for (const path of [data, join(folder, 'mqtt-data')]) {
    for (const each of filesBelow(path)) {
      const bytes = readFileSync(each);
      seen.set(each, (each.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1'));
    }
  }
});

describe('no canary', () => {
  it('was looked for in vain: logs, pages, twin, methods, bundles, messages and files were seen', () => {
    const places = [...seen.keys()].join('\n');
    for (const each of ['log 0', 'edge /status', 'mqtt /metrics', 'twin after', 'method logs', 'message 0'])
      expect(places).toContain(each);
    expect(places).toMatch(/diagnostics\/fieldgate-.*\.json\.gz/);
    expect(places).toMatch(/buffer\.db$/m);
    // What is searched does hold what was said about them.
    expect(seen.get('log 0')).toContain('source.credentials');
    expect(seen.get('log 0')!.length).toBeLessThan(199_000);
  });

  it.each(Object.entries(CANARIES))('of %s is anywhere', (_, secret) => {
    // Every word of it: what is cut out by its first word leaves the others.
    const words = secret.split(' ').filter((word) => word.includes('canary') || secret === word);
    const found = [...seen].flatMap(([place, text]) =>
      words.filter((word) => text.includes(word)).map((word) => `${place}: ${around(text, word)}`),
    );
    expect(found).toEqual([]);
  });

  it('no signature of the module, and no private key', () => {
    const found = [...seen].filter(([, text]) => /\bsig=(?!\[redacted\])[\w%+/]{20}/.test(text));
    expect(found.map(([place, text]) => `${place}: ${around(text, 'sig=')}`)).toEqual([]);
    const keys = [...seen].filter(([, text]) => text.includes('PRIVATE KEY')).map(([place]) => place);
    expect(keys.filter((place) => !place.startsWith(join(data, 'pki/own/private')))).toEqual([]);
  });
});

function around(text: string, word: string): string {
  const at = text.indexOf(word);
  return JSON.stringify(text.slice(Math.max(0, at - 80), at + 80));
}

function filesBelow(path: string): string[] {
  return readdirSync(path).flatMap((name) => {
    const each = join(path, name);
    if (statSync(each).isDirectory()) return filesBelow(each);
    return statSync(each).isFile() ? [each] : [];
  });
}
