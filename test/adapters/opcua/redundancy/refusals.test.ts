// A redundant set of which no server can be used: the commands, the log and `/status` name each server with its own
// reason, in the order of the mapping. Real servers: one that nobody trusted, one that is off, one that knows another
// password, one that is shutting down, one in maintenance.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UAVariable } from 'node-opcua-address-space';
import { DataType, Variant } from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { opcuaSurvey } from '../../../../agent/src/adapters/opcua/browse/survey.ts';
import { redundantAdapter } from '../../../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { noneOf } from '../../../../agent/src/adapters/opcua/redundancy/refusals.ts';
import { redundantSet } from '../../../../agent/src/adapters/opcua/redundancy/set.ts';
import { openPki } from '../../../../agent/src/adapters/opcua/security/pki.ts';
import type { OpcUaOptions } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { type SourceState, supervisor } from '../../../../agent/src/adapters/supervisor.ts';
import { command as browse } from '../../../../agent/src/cli/browse.ts';
import { command as read } from '../../../../agent/src/cli/read.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { output } from '../../../support/output.ts';
import { scratch } from '../../../support/scratch.ts';
import { atTerminal, screen } from '../../../support/terminal.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { openly, pkiTrusting, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const { signal } = new AbortController();
/** Nobody listens there: a port that a privileged program alone may have. */
const OFF = 'opc.tcp://127.0.0.1:1';
let stranger: OpcUaSim;
let other: OpcUaSim;
let good: OpcUaSim;
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const start = (password?: string) =>
    startOpcUaServer({ folder: scratch(), tags: 20, ticking: false, ...(password && { password }) });
  [stranger, other, good] = (await Promise.all([start(), start('another'), start()])) as [OpcUaSim, OpcUaSim, OpcUaSim];
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  good.serviceLevel(255);
});
afterAll(() => Promise.all([stranger, other, good].map((each) => each?.close())));

const options = (): OpcUaOptions => ({
  name: 'dcs',
  endpoint: stranger.endpoint,
  user: { name: good.user, password: async () => good.password },
  publishing: 100,
  pki: pkiTrusting(other.certificate, good.certificate),
  applicationUri: 'urn:test:gateway:fieldgate',
  tags: tagsOf([`nsu=${good.namespace};s=${good.signals[0]?.name}`]),
});
const allBad = () => [stranger.endpoint, OFF, other.endpoint];

/** What each must be told to have, by endpoint, in the order of the mapping. */
const expected = () => [
  { endpoint: stranger.endpoint, code: 'source.untrusted', reason: expect.stringContaining(stranger.thumbprint) },
  {
    endpoint: OFF,
    code: 'source.unreachable',
    reason: 'asking it for its endpoints: nothing listens at that port (ECONNREFUSED)',
  },
  {
    endpoint: other.endpoint,
    code: 'source.credentials',
    reason: expect.stringMatching(/^opening a session: .*check user name/),
  },
];

const failureOf = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error) => error as Fault,
  );

test('read and connect say the same of each', async () => {
  const asked = await failureOf(opcuaSurvey(options(), allBad()).read([0], signal));
  const adapter = redundantAdapter(redundantSet(options(), allBad()), QUICK);
  endings.push(() => adapter.close());
  const connected = await failureOf(adapter.connect(signal));
  for (const fault of [asked, connected]) {
    expect(fault.servers).toEqual(expected());
    // A login that was refused is not to be tried again as soon as a port that is closed.
    expect(fault.code).toBe('source.credentials');
    expect(fault.message).toMatch(/^dcs: none of its 3 servers can be used: /);
    const places = allBad().map((endpoint) => fault.message.indexOf(endpoint));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  }
  const again = await failureOf(
    opcuaSurvey(options(), allBad()).browse!({ progress: () => {} }, signal)
      [Symbol.asyncIterator]()
      .next(),
  );
  expect(again.servers).toEqual(expected());
});

test('/status and the log have them in one reason, and one by one', async () => {
  const lines: { text: string; fields: Readonly<Record<string, unknown>> | undefined }[] = [];
  const set = redundantSet(options(), allBad());
  const watched = supervisor({
    source: {
      name: 'dcs',
      protocol: 'opcua',
      address: allBad().join(', '),
      tags: [0],
      latency: 0,
      create: () => redundantAdapter(set, QUICK),
    },
    accept: () => {},
    describe: () => {},
    lost: () => {},
    log: (_, text, fields) => lines.push({ text, fields }),
  });
  endings.push(() => watched.stop());
  watched.start();
  const waiting = () => watched.stats().state as Extract<SourceState, { state: 'waiting' }>;
  await until('the reason', () => waiting().state === 'waiting', 30_000);
  expect(waiting()).toMatchObject({ code: 'source.credentials', servers: expected() });
  for (const endpoint of allBad()) expect(waiting().reason).toContain(endpoint);
  const line = lines.find(({ text }) => text === 'source not reachable');
  expect(line?.fields).toMatchObject({
    code: 'source.credentials',
    reason: 'none of its 3 servers can be used',
    servers: Object.fromEntries(
      (waiting().servers ?? []).map(({ endpoint, code, reason }) => [endpoint, `${reason} [${code}]`]),
    ),
  });
  expect(Object.keys(line?.fields?.servers as object)).toEqual(allBad());
});

test('a set that was in use and is lost whole says it of each, the one that was used too', async () => {
  const [a, b] = await Promise.all([level(255), level(255)]);
  const set = redundantSet(openly(a.endpoint, scratch(), tagsOf(['i=2258'])), [a.endpoint, b.endpoint]);
  const adapter = redundantAdapter(set, QUICK);
  endings.push(() => adapter.close());
  await adapter.connect(signal);
  const run = failureOf(adapter.run(recorder(), signal) as Promise<unknown>);
  await until('the other stands by', () => set.chooser.level(1) === 255);
  await Promise.all([a.stop(), b.stop()]);
  const fault = await run;
  expect(fault.servers?.map(({ endpoint }) => endpoint)).toEqual([a.endpoint, b.endpoint]);
  expect(fault.message).toMatch(/^plc: none of its 2 servers can be used: /);
});

test('one without data that is used, because no other is better, is told of', async () => {
  const a = await level(0);
  const set = redundantSet(openly(a.endpoint, scratch(), tagsOf(['i=2258'])), [a.endpoint, OFF]);
  const adapter = redundantAdapter(set, QUICK);
  const sink = recorder();
  const stop = new AbortController();
  await adapter.connect(stop.signal);
  const run = adapter.run(sink, stop.signal);
  endings.push(async () => {
    stop.abort();
    await run;
    await adapter.close();
  });
  const of = (endpoint: string) => sink.parts.get(`server ${endpoint}`);
  await until('both are told of', () => of(a.endpoint) !== undefined && of(OFF) !== undefined);
  expect(of(a.endpoint)).toBe('is used, though it is in maintenance (ServiceLevel 0): no other is better');
  const reason = 'asking it for its endpoints: nothing listens at that port (ECONNREFUSED)';
  expect(of(OFF)).toBe(`does not stand by: ${reason}`);
  setLevel(a, 255);
  await until('it is well again', () => of(a.endpoint) === undefined);
});

function setLevel({ server }: SmallServer, value: number): void {
  const node = server.engine.addressSpace?.findNode('i=2267') as UAVariable;
  node.bindVariable({ get: () => new Variant({ dataType: DataType.Byte, value }) }, true);
}

async function level(value: number): Promise<SmallServer> {
  const one = await smallServer(() => {});
  endings.push(() => one.stop().catch(() => {}));
  setLevel(one, value);
  return one;
}

test('a server without data is passed over for one that has some, and used where there is no other', async () => {
  const [maintained, empty, well] = await Promise.all([level(0), level(1), level(255)]);
  const halted = await level(255);
  // As a server answers that has begun to shut down.
  const engine = halted.server.engine as unknown as { _internalState: string };
  const state = engine._internalState;
  engine._internalState = 'shutdown';
  endings.push(async () => {
    engine._internalState = state;
  });
  const ask = (...endpoints: string[]) => opcuaSurvey(openly(endpoints[0]!, pki, tags), endpoints).read([0], signal);
  const best = await ask(halted.endpoint, maintained.endpoint, empty.endpoint, well.endpoint);
  expect(best.server).toEqual({
    endpoint: well.endpoint,
    passedOver: [
      { endpoint: halted.endpoint, code: 'source.unready', reason: expect.stringContaining('BadServerHalted') },
      { endpoint: maintained.endpoint, code: 'source.unready', reason: 'it is in maintenance (ServiceLevel 0)' },
      { endpoint: empty.endpoint, code: 'source.unready', reason: 'it has no data (ServiceLevel 1)' },
    ],
  });
  const only = await ask(maintained.endpoint, OFF, empty.endpoint);
  expect(only.batch.count).toBe(1);
  expect(only.server).toMatchObject({
    endpoint: empty.endpoint,
    remark: 'it has no data (ServiceLevel 1)',
    passedOver: [{ endpoint: maintained.endpoint }, { endpoint: OFF }],
  });
  const left = () => [maintained, empty, well].map(({ server }) => server.engine.currentSessionCount);
  await until('every session is closed', () => left().every((count) => count === 0));
});
const pki = scratch();
const tags = tagsOf(['i=2258']);

test('a person at the terminal', async () => {
  const folder = scratch();
  const write = async (endpoints: readonly string[]) => {
    await openPki(join(folder, 'pki'))
      .add(other.certificate, 'trusted')
      .catch(() => {});
    await openPki(join(folder, 'pki'))
      .add(good.certificate, 'trusted')
      .catch(() => {});
    writeFileSync(join(folder, 'password'), good.password);
    const file = join(folder, 'site.yaml');
    writeFileSync(
      file,
      `version: 1
site: lavera
gateway: gw1
hub: { type: jsonl, path: "-" }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  dcs:
    protocol: opcua
    endpoints: [${endpoints.join(', ')}]
    user: { name: ${good.user}, passwordFile: ${join(folder, 'password')} }
    tags:
      A: { node: "nsu=${good.namespace};s=${good.signals[0]?.name}" }
`,
    );
    return file;
  };
  const run = async (command: typeof read, ...args: string[]) => {
    const io = output();
    const code = await command.run(args, io);
    return { code, out: io.text(), err: io.errors() };
  };
  const file = await write(allBad());
  const { code, out } = await run(read, file);
  expect(code).toBe(1);
  const lines = out.split('\n');
  expect(lines[0]).toBe('dcs  opcua 3 servers');
  expect(lines[1]).toBe('  none of its 3 servers can be used:');
  const heads = lines.filter((line) => /^ {4}\d\. /.test(line));
  expect(heads).toEqual([
    `    1. ${stranger.endpoint}  [source.untrusted]`,
    `    2. ${OFF}  [source.unreachable]`,
    `    3. ${other.endpoint}  [source.credentials]`,
  ]);
  expect(out).toContain('       asking it for its endpoints: nothing listens at that port (ECONNREFUSED)\n');
  const walked = await run(browse, file);
  expect(walked.err).toContain('fieldgate browse: dcs: none of its 3 servers can be used:\n');
  for (const head of heads) expect(walked.err).toContain(`${head.trim()}\n`);

  const json = JSON.parse((await run(read, file, '--json')).out) as { sources: { error: string; servers: unknown }[] };
  expect(json.sources[0]?.error).toMatch(/^dcs: none of its 3 servers can be used: .*\[source\.credentials\]$/s);
  expect(json.sources[0]?.servers).toEqual(expected());

  // Narrow: lines are broken between words, but the command to be copied is whole.
  const { raw } = await atTerminal(['read', file], { columns: 80 });
  const shown = screen(raw).map((line) => line.trimEnd());
  const typed = `       fieldgate certificates trust ${stranger.thumbprint} --pki ${join(folder, 'pki')}`;
  expect(shown).toContain(typed);
  expect(shown.filter((line) => line !== typed && line.length >= 80)).toEqual([]);

  const well = await run(read, await write([stranger.endpoint, OFF, good.endpoint]));
  expect(well.code).toBe(0);
  expect(well.out).toContain(`dcs  opcua ${good.endpoint} (server 3 of 3)  1 request, `);
  expect(well.out).toContain(`    2. ${OFF}  [source.unreachable]\n`);
});

test('the code is that which wants most care, the reason is said once where all have the same', () => {
  const fault = (code: ConstructorParameters<typeof Fault>[0], what = 'x') => new Fault(code, `plc: ${what}`);
  const none = (...faults: Fault[]) =>
    noneOf(
      'plc',
      faults.map((fault, i) => ({ endpoint: `opc.tcp://${i}`, fault })),
    );
  const off = fault('source.unreachable');
  expect(none(off, fault('source.credentials')).code).toBe('source.credentials');
  // The one that was off is to be noticed soon when it is back.
  expect(none(fault('source.untrusted'), off).code).toBe('source.unreachable');
  expect(none(fault('source.untrusted'), fault('source.refused')).code).toBe('source.untrusted');
  expect(none(off, fault('source.untrusted'), off).message).toBe(
    'plc: none of its 3 servers can be used: 1. opc.tcp://0, 2. opc.tcp://1, 3. opc.tcp://2: x',
  );
});
