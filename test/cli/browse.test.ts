// `fieldgate browse` from an empty mapping to one that is in use, against the simulated DCS.

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { type BrowseResponse, BrowseResult, DataType, NodeClass, StatusCodes, Variant } from 'node-opcua-client';
import { makeEUInformation } from 'node-opcua-data-access';
import { ExpandedNodeId, NodeId, NodeIdType } from 'node-opcua-nodeid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { opcuaSurvey } from '../../agent/src/adapters/opcua/browse/survey.ts';
import { openPki } from '../../agent/src/adapters/opcua/security/pki.ts';
import type { BrowseWish } from '../../agent/src/adapters/survey.ts';
import { names } from '../../agent/src/cli/browse/names.ts';
import { command } from '../../agent/src/cli/browse.ts';
import type { Command } from '../../agent/src/cli/command.ts';
import { command as read } from '../../agent/src/cli/read.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { openly, type SmallServer, smallServer } from '../adapters/opcua/rig.ts';
import { scratch } from '../support/scratch.ts';

let sim: OpcUaSim;
let file: string;

beforeAll(async () => {
  sim = await startOpcUaServer({ folder: scratch(), tags: 60, ticking: false });
  const folder = scratch();
  file = join(folder, 'site.yaml');
  writeFileSync(join(folder, 'password'), sim.password);
  await openPki(join(folder, 'pki')).add(sim.certificate, 'trusted');
});
afterAll(() => sim?.close());

function mapping(tags: string): string {
  const folder = dirname(file);
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
    endpoint: ${sim.endpoint}
    user: { name: ${sim.user}, passwordFile: ${join(folder, 'password')} }
    tags:
${tags.replace(/^/gm, '      ')}
`,
  );
  return file;
}

const browse = (...args: string[]) => run(command, ...args);

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (command: Command, ...args: string[]): Promise<Ran> => runAt(false, command, ...args);

/** @param isTTY whether standard error is a person's terminal */
async function runAt(isTTY: boolean, command: Command, ...args: string[]): Promise<Ran> {
  const texts = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += chunk;
        done();
      },
    });
  const err = Object.assign(stream('err'), { isTTY });
  const code = await command.run(args, { out: stream('out'), err, env: {} });
  return { code, ...texts };
}

test('an empty mapping becomes one that is clean and has every tag', async () => {
  const first = await browse(mapping('{}'), 'dcs');
  expect(first).toMatchObject({ code: 0, err: '60 variables\n' });
  const loaded = await loadMapping(mapping(first.out), {});
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes));
  const [source] = loaded.plant.sources;
  expect(source?.tags.map(({ name }) => name).sort()).toEqual(sim.signals.map(({ name }) => name).sort());
  const analog = sim.signals.find(({ range }) => range !== undefined);
  const tag = source?.tags.find(({ name }) => name === analog?.name);
  expect(tag).toMatchObject({ unit: analog?.unit, range: analog?.range });

  const again = await browse(file, 'dcs');
  expect(again.out).toBe('# added: 0, removed: 0, changed: 0\n');
  // And it is read: every tag is Good, where no instrument has one of its bad moments.
  for (const { name, flaw } of sim.signals) if (flaw !== undefined) sim.set(name, 1);
  expect(await run(read, file)).toMatchObject({ code: 0 });
});

test('the command that trusts a server works as it is printed, from the sources', { timeout: 60_000 }, async () => {
  const folder = join(scratch(), "it's new");
  mkdirSync(folder);
  const site = join(folder, 'site.yaml');
  const text = (await readFile(mapping('{}'), 'utf8')).replace(/path: .*buffer\.db/, `path: "${folder}/buffer.db"`);
  writeFileSync(site, text);
  const root = join(import.meta.dirname, '../..');
  const launch = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['scripts/launch.mjs', 'fieldgate', ...args], { cwd: root }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
  const refused = await launch('browse', site);
  const [command = ''] =
    /npm run -s fieldgate -- certificates trust [0-9a-f]{40} --pki \S.*(?= \[source)/.exec(refused.stderr) ?? [];
  const trusted = await promisify(execFile)('sh', ['-c', command], { cwd: root });
  expect(trusted.stdout).toMatch(/^trusted: [0-9a-f]{40}/);
  expect((await launch('browse', site)).stderr).toBe('60 variables\n');
});

test('what has come, gone and changed', async () => {
  const node = (name: string) => `"nsu=${sim.namespace};s=${name}"`;
  const analog = sim.signals.find(({ unit }) => unit === 'm3/h')!.name;
  mapping(`A: { node: ${node(analog)}, unit: kg/h, range: [0, 7] }
B: { node: ${node('GONE')} }
C: { path: /Objects/Nowhere }
T: { node: "i=2258" }`);
  const { out } = await browse(file, 'dcs');
  expect(out).toContain('# added: 59, removed: 2, changed: 2');
  expect(out).toContain('# A: unit: the mapping says kg/h, the server m3/h');
  expect(out).toContain('# A: range: the mapping says 0 to 7');
  expect(out).toContain('# B: the server says BadNodeIdUnknown');
  expect(out).toContain('# C: BadNoMatch');
  expect(out).not.toContain('# T:'); // beside what is walked, but there
  const json = JSON.parse((await browse(file, 'dcs', '--json')).out) as { added: unknown[]; found: unknown[] };
  expect([json.added.length, json.found.length]).toEqual([59, 60]);
});

test('filters', async () => {
  mapping('{}');
  const lines = async (...args: string[]) =>
    (await browse(file, 'dcs', ...args)).out.split('\n').filter((line) => line);
  const pvs = sim.signals.filter(({ name }) => name.endsWith('.PV'));
  expect(await lines('--match', '*.pv')).toHaveLength(pvs.length);
  expect(await lines('--type', 'boolean')).toHaveLength(
    sim.signals.filter(({ type, length }) => type === 'Boolean' && !length).length,
  );
  expect(await lines('--match', '/Objects/Crude*/*')).toHaveLength(60);
  expect(await lines('--match', 'no?such')).toEqual([]);
  expect((await browse(file, 'dcs', '--under', '/Objects/Nowhere')).err).toContain('nothing is at /Objects/Nowhere');
  // A variable is where one may begin, too.
  expect(await lines('--under', `nsu=${sim.namespace};s=${pvs[0]!.name}`)).toEqual([
    expect.stringContaining(`${pvs[0]!.name}: { node: `),
  ]);
  // What people get wrong.
  expect(await browse(file, '--type', 'Flaot')).toMatchObject({
    code: 0,
    err: '0 of 60 variables; did you mean --type Float?\n',
  });
  expect((await browse(file, 'dcs', '--under', 'Objects')).err).toContain('neither a browse path');
  // On a terminal the line that shows how far it is makes room for what is to stay.
  const told = await runAt(true, command, file, 'dcs', '--under', '/Objects/Nowhere');
  expect(told.err.replaceAll('\u001b', 'ESC')).toMatch(/^\rconnecting to dcs .*\rESC\[Kfieldgate browse: dcs: .*\n$/su);
  await expect(browse(file, 'dsc')).rejects.toThrow('did you mean "dcs"?');
});

/** A mapping of one server, in a folder of its own. */
function mappingOf(server: SmallServer, tags: string): string {
  const folder = scratch();
  const path = join(folder, 'site.yaml');
  writeFileSync(
    path,
    `version: 1
site: lavera
gateway: gw1
hub: { type: jsonl, path: "-" }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  plc:
    protocol: opcua
    endpoint: ${server.endpoint}
    security: { policy: None, mode: None }
    insecure: { acceptedBy: test, until: 2099-12-31 }
    tags:
${tags.replace(/^/gm, '      ')}
`,
  );
  return path;
}

describe('a server with strange names', () => {
  const URI = 'urn:test:plc';
  const NAMES = [
    'two\nlines',
    'a: b #c',
    '- [x] {y}',
    '"quoted" and \'single\'',
    'caf\u00e9 \u{1f525}',
    ' blanks ',
    'pump:events',
    '123',
    'null',
    '__proto__',
    '<<',
    '\u001b[31mred',
    'x'.repeat(400),
    `%s$\{HOME}&*!|>@\``,
    '\u202egnp.exe',
  ];
  let server: SmallServer;
  let mapped: string;

  beforeAll(async () => {
    server = await smallServer((space) => {
      const ns = space.registerNamespace(URI);
      const plant = ns.addFolder(space.rootFolder.objects, { browseName: 'Plant\n# injected: {}', nodeId: 's=Plant' });
      const value = { dataType: DataType.Double, value: 1.5 };
      for (const browseName of NAMES) {
        ns.addVariable({
          browseName,
          nodeId: new NodeId(NodeIdType.STRING, browseName, ns.index),
          componentOf: plant,
          dataType: 'Double',
          value,
        });
        const hidden = `${browseName} hidden`;
        ns.addVariable({
          browseName: hidden,
          nodeId: new NodeId(NodeIdType.STRING, hidden, ns.index),
          componentOf: plant,
          userAccessLevel: 0,
          dataType: 'Double',
        });
      }
      const twin = ns.addFolder(plant, { browseName: 'Twin', nodeId: 's=Twin' });
      ns.addVariable({
        browseName: '123',
        nodeId: 'g=09087e75-8e5e-499b-954f-f2a9603db28a',
        componentOf: twin,
        dataType: 'Double',
        value,
      });
      ns.addVariable({ browseName: '123', nodeId: 'b=AQID', componentOf: twin, dataType: 'Double', value });
      // Ranges and units as they come from half-configured servers.
      for (const [i, [low, high]] of [
        [0, 0],
        [100, 0],
        [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      ].entries()) {
        ns.addAnalogDataItem({
          browseName: `Range ${i}`,
          nodeId: `i=${900 + i}`,
          componentOf: plant,
          dataType: 'Double',
          engineeringUnitsRange: { low: low!, high: high! },
          engineeringUnits: makeEUInformation('X', ['', '\u00b0C\n\u001b[31m', 'y'.repeat(100)][i]!, 'long'),
          value: new Variant(value),
        });
      }
    });
  });
  afterAll(() => server?.stop());

  const plc = (tags: string): string => {
    mapped = mappingOf(server, tags);
    return mapped;
  };

  test('what is printed is clean, is read, and has nothing in it that a terminal or YAML takes for its own', async () => {
    const { code, out } = await browse(plc('{}'), 'plc', '--under', `nsu=${URI};s=Plant`);
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const tags = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(tags).toHaveLength(NAMES.length + 2 + 3);
    expect(out.match(/^# not readable for this user/gm)).toHaveLength(NAMES.length);
    const loaded = await loadMapping(plc(out), {});
    if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes));
    const source = loaded.plant.sources[0] as { tags: readonly { node?: string }[] };
    expect(source.tags.map(({ node }) => node)).toEqual(
      expect.arrayContaining(NAMES.map((name) => `nsu=${URI};s=${name}`)),
    );
    const values = JSON.parse((await run(read, mapped, '--json')).out) as {
      sources: { tags: { status: string; value: number }[] }[];
    };
    expect(values.sources[0]!.tags.map(({ status, value }) => `${status} ${value}`)).toEqual(
      Array(tags.length).fill('Good 1.5'),
    );
    expect((await browse(mapped, 'plc')).out).toMatch(new RegExp(`^# added: ${NAMES.length}, removed: 0, changed: 0`));
  });
});

describe('a server with enumerations', () => {
  let server: SmallServer;
  beforeAll(async () => {
    server = await smallServer((space) => {
      const ns = space.registerNamespace('urn:test:plc');
      const organizedBy = space.rootFolder.objects;
      const common = (name: string) => ({ organizedBy, browseName: name, nodeId: `s=${name}` });
      const pump = ns.addEnumerationType({ browseName: 'PumpState', enumeration: ['Stopped', 'Running', 'Failed'] });
      const state = ns.addVariable({ ...common('P101.STATE'), dataType: pump.nodeId } as never);
      state.setValueFromSource({ dataType: DataType.Int32, value: 1 });
      const enumStrings = Array.from({ length: 20 }, (_, i) => (i === 1 ? 'two\n# lines' : `Step ${i}`));
      ns.addMultiStateDiscrete({ ...common('SEQ.STEP'), enumStrings, value: 3 } as never);
      const texts = { trueState: 'Open', falseState: 'Shut' };
      ns.addTwoStateDiscrete({ ...common('XV201.POS'), ...texts, value: true } as never);
      const plain = ns.addVariable({ ...common('FIC101.PV'), dataType: 'Double' });
      plain.setValueFromSource({ dataType: DataType.Double, value: 1.5 });
    });
  });
  afterAll(() => server?.stop());

  const plc = (tags: string): string => mappingOf(server, tags);
  const OWN = ['--match', '/Objects/*.*'];

  test('what their numbers mean stands behind the tags; their values stay numbers until the engineer asks for texts', async () => {
    const { code, out } = await browse(plc('{}'), ...OWN);
    expect(code).toBe(0);
    const steps = [
      '0=Step 0',
      '1=two\u{fffd}# lines',
      ...Array.from({ length: 10 }, (_, i) => `${i + 2}=Step ${i + 2}`),
    ];
    expect(out.split('\n')).toEqual([
      '# "enumText: true" at a tag sends the text that stands behind it instead of the number',
      'P101.STATE: { node: nsu=urn:test:plc;s=P101.STATE }  # PumpState: 0=Stopped, 1=Running, 2=Failed',
      `SEQ.STEP: { node: nsu=urn:test:plc;s=SEQ.STEP }  # Number: ${steps.join(', ')}, …`,
      'XV201.POS: { node: nsu=urn:test:plc;s=XV201.POS }  # Boolean: false=Shut, true=Open',
      'FIC101.PV: { node: nsu=urn:test:plc;s=FIC101.PV }  # Double',
      '',
    ]);
    const values = async (tags: string) => {
      const file = plc(tags);
      const { sources } = JSON.parse((await run(read, file, '--json')).out) as {
        sources: { tags: { value: unknown; status: string }[] }[];
      };
      // However the engineer chose, nothing has changed at the server.
      expect((await browse(file)).out).toMatch(/^# added: \d+, removed: 0, changed: 0\n/);
      return sources[0]?.tags.map(({ value }) => value);
    };
    expect(await values(out)).toEqual([1, 3, true, 1.5]);
    const wanted = out.replaceAll(/ \}(?= .*=)/g, ', enumText: true }');
    expect(wanted.match(/enumText: true \}/g)).toHaveLength(3);
    expect(await values(wanted)).toEqual(['Running', 'Step 3', 'Open', 1.5]);
  });

  test('a program has all of them', async () => {
    const { found } = JSON.parse((await browse(plc('{}'), ...OWN, '--json')).out) as {
      found: { name: string; texts?: Record<string, string> }[];
    };
    const of = (name: string) => found.find((one) => one.name === name)?.texts;
    expect(of('P101.STATE')).toEqual({ 0: 'Stopped', 1: 'Running', 2: 'Failed' });
    expect(Object.keys(of('SEQ.STEP') ?? {})).toHaveLength(20);
    expect(of('XV201.POS')).toEqual({ false: 'Shut', true: 'Open' });
    expect(of('FIC101.PV')).toBeUndefined();
  });
});

/** Changes answers before they are sent. */
const twisted = (server: SmallServer, twist: (response: BrowseResponse) => void) =>
  server.server.on('response', (response) => {
    if (response.constructor.name.startsWith('Browse')) twist(response as BrowseResponse);
  });

describe('a server that does not end', () => {
  let server: SmallServer;
  beforeEach(async () => {
    server = await smallServer((space) => {
      const ns = space.registerNamespace('urn:test:plc');
      for (let i = 0; i < 3; i++) {
        ns.addVariable({
          browseName: `T${i}`,
          nodeId: `s=T${i}`,
          organizedBy: space.rootFolder.objects,
          dataType: 'Float',
        });
      }
    });
  });
  afterEach(() => server?.stop());

  const reference = (i: number, nodeClass: NodeClass) => ({
    referenceTypeId: 'i=35',
    isForward: true,
    nodeId: new ExpandedNodeId(NodeIdType.STRING, String(i), 1),
    browseName: { namespaceIndex: 1, name: `N${i}` },
    nodeClass,
  });

  const found = async (wish: Partial<BrowseWish> = {}, signal = new AbortController().signal) => {
    const all: string[] = [];
    let refused = new Map<string, number>();
    const progress = (_: number, now: ReadonlyMap<string, number>) => {
      refused = new Map(now);
    };
    const walk = opcuaSurvey(openly(server.endpoint, scratch(), [])).browse!({ progress, ...wish }, signal);
    let fault: unknown;
    try {
      for await (const { name } of walk) all.push(name);
    } catch (error) {
      fault = error;
    }
    return { all, refused: Object.fromEntries(refused), fault };
  };

  test('folders in folders for ever: it is not followed, and told', async () => {
    let made = 0;
    twisted(server, ({ results }) => {
      for (const [i, { references }] of (results ?? []).entries()) {
        if (references?.some(({ browseName }) => browseName.name === 'T0')) continue;
        results![i] = new BrowseResult({ references: [reference(made++, NodeClass.Object)] });
      }
    });
    const { refused, fault } = await found();
    expect(fault).toBeUndefined();
    expect(refused['below 100 levels']).toBeGreaterThan(0);
    expect(made).toBeLessThan(2_000);
  });

  test('an answer that only promises more', async () => {
    twisted(server, ({ results }) => {
      for (const each of results ?? []) each.continuationPoint = Buffer.from('more');
    });
    server.server.on('response', (response) => {
      if (response.constructor.name !== 'BrowseNextResponse') return;
      const next = response as BrowseResponse;
      next.results = (next.results ?? []).map(
        () => new BrowseResult({ statusCode: StatusCodes.Good, continuationPoint: Buffer.from('more') }),
      );
    });
    const { all, refused } = await found();
    expect(all).toEqual(['T0', 'T1', 'T2']);
    expect(refused['its answer does not end']).toBeGreaterThan(0);
  });

  test('a subtree that this user may not see is told by its status', async () => {
    twisted(server, ({ results }) => {
      if (results?.length !== 1) results![0] = new BrowseResult({ statusCode: StatusCodes.BadUserAccessDenied });
    });
    const { refused } = await found();
    expect(refused.BadUserAccessDenied).toBeGreaterThan(0);
  });
});

describe('a walk that is interrupted', () => {
  const MANY = 200;
  let server: SmallServer;
  let site: string;
  let calls = 0;
  let during: (call: number) => void = () => {};

  beforeEach(async () => {
    calls = 0;
    server = await smallServer(
      (space) => {
        const ns = space.registerNamespace('urn:test:plc');
        const organizedBy = space.rootFolder.objects;
        for (let i = 0; i < MANY; i++) {
          ns.addVariable({ browseName: `T${i}`, nodeId: `s=T${i}`, organizedBy, dataType: 'Float' });
        }
      },
      { limits: { maxNodesPerBrowse: 10 } },
    );
    server.server.on('request', (request) => {
      if (request.constructor.name === 'BrowseRequest') during(++calls);
    });
    site = mapping('{}');
    const open = (await readFile(site, 'utf8'))
      .replace(/endpoint: .*/, `endpoint: ${server.endpoint}`)
      .replace(
        /user: .*/,
        'security: { policy: None, mode: None }\n    insecure: { acceptedBy: test, until: 2099-12-31 }',
      );
    writeFileSync(site, open);
  });
  afterEach(() => server?.stop());

  const cut = () => {
    for (const endpoint of server.server.endpoints) endpoint.abruptlyInterruptChannels();
  };

  test('by a person: what was found is printed, marked', async () => {
    const before = process.listenerCount('SIGINT');
    during = (call) => {
      if (call === 12) process.emit('SIGINT');
    };
    const { code, out, err } = await browse(site, 'dcs');
    expect(code).toBe(1);
    expect(out).toMatch(/^# incomplete: .*stopped.*\nT0: /);
    expect(out.split('\n').length).toBeLessThan(MANY);
    expect(err).toContain('fieldgate browse: incomplete: ');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  test('by cuts of the link: it goes on where it was', async () => {
    during = (call) => {
      if (call % 10 === 0) cut();
    };
    const { code, out, err } = await browse(site);
    expect(err).toContain('trying again');
    expect({ code, tags: out.match(/^T\d+: /gm)?.length, once: new Set(out.match(/^T\d+/gm)).size }).toEqual({
      code: 0,
      tags: MANY,
      once: MANY,
    });
  });

  test('by a server that does not come back: a clear end', async () => {
    during = (call) => {
      if (call === 12) server.server.shutdown(0).catch(() => {});
    };
    const options = openly(server.endpoint, scratch(), []);
    const wish = { progress: () => {}, patience: 1_500 };
    const found: string[] = [];
    const walk = async () => {
      for await (const { name } of opcuaSurvey(options).browse!(wish, new AbortController().signal)) found.push(name);
    };
    await expect(walk()).rejects.toMatchObject({
      code: expect.stringMatching(/^source\.(closed|unreachable|refused|timeout|unready)$/),
    });
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(MANY);
  });
});

test('names are as short as tells them apart', () => {
  const at = (path: string, node = path) => ({ path, node, name: path.split('/').at(-1)! });
  expect(names([at('/Objects/A/PV'), at('/Objects/B/PV'), at('/Objects/C'), at('/Objects/D&/E')], ['C'])).toEqual([
    'A.PV',
    'B.PV',
    '/Objects/C',
    'D/E',
  ]);
  expect(new Set(names([at('/Objects/A', 's=1'), at('/Objects/A', 's=2')], [])).size).toBe(2);
});
