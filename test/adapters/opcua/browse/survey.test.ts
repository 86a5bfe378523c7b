// What the commands ask of an OPC UA source: a walk that small limits, cycles and refusals do not stop, one reading of
// each tag, the chain from name to tags.

import type { AddressSpace } from 'node-opcua-address-space';
import { type BrowseResponse, BrowseResult, DataType, StatusCodes, Variant } from 'node-opcua-client';
import { makeEUInformation } from 'node-opcua-data-access';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpcUaOptions } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { type About, tellAbout } from '../../../../agent/src/adapters/opcua/browse/about.ts';
import { opcuaSurvey } from '../../../../agent/src/adapters/opcua/browse/survey.ts';
import type { Browsed, BrowseWish, Finding } from '../../../../agent/src/adapters/survey.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { openly, pkiTrusting, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const signal = new AbortController().signal;
const URI = 'urn:test:plc';

function fill(space: AddressSpace): void {
  const ns = space.registerNamespace(URI);
  const plant = ns.addFolder(space.rootFolder.objects, { browseName: 'Plant', nodeId: 's=Plant' });
  const unit = ns.addFolder(plant, { browseName: 'Unit/1 & 2', nodeId: 's=Unit' });
  unit.addReference({ referenceType: 'Organizes', nodeId: plant }); // a cycle
  plant.addReference({ referenceType: 'HasComponent', nodeId: unit }); // two ways to the same place
  ns.addAnalogDataItem({
    browseName: 'FIC101.PV',
    nodeId: 's=FIC101.PV',
    componentOf: unit,
    dataType: 'Double',
    engineeringUnitsRange: { low: 0, high: 250 },
    engineeringUnits: makeEUInformation('MQH', 'm3/h', 'm3/h'),
    value: new Variant({ dataType: DataType.Double, value: 12.5 }),
  });
  ns.addVariable({
    browseName: 'Trend',
    nodeId: 'i=7001',
    componentOf: unit,
    dataType: 'Int32',
    valueRank: 1,
    value: new Variant({ dataType: DataType.Int32, arrayType: 1, value: [1, 2] }),
  });
  const drive = ns.addVariable({
    browseName: 'Drive',
    nodeId: 's=Drive',
    componentOf: plant,
    dataType: 'UtcTime',
    value: new Variant({ dataType: DataType.DateTime, value: new Date() }),
  });
  ns.addVariable({ browseName: 'State', nodeId: 's=Drive.State', componentOf: drive, dataType: 'ServerState' });
  ns.addVariable({
    browseName: 'Secret',
    nodeId: 's=Secret',
    componentOf: plant,
    dataType: 'Boolean',
    userAccessLevel: 0,
    accessLevel: 'CurrentRead',
  });
  for (let i = 0; i < 2_500; i++) {
    ns.addVariable({ browseName: `T${i}`, nodeId: `s=T${i}`, organizedBy: unit, dataType: 'Float' });
  }
}

async function walkOf(options: OpcUaOptions, wish: Partial<BrowseWish> = {}): Promise<Browsed[]> {
  const found: Browsed[] = [];
  const { browse } = opcuaSurvey(options);
  for await (const one of browse!({ progress: () => {}, ...wish }, signal)) found.push(one);
  return found;
}

describe.each([
  ['a server without limits', {}],
  ['a server that takes three nodes at once', { maxNodesPerBrowse: 3, maxNodesPerRead: 5 }],
])('%s', (_, limits) => {
  let server: SmallServer;
  let options: OpcUaOptions;
  beforeAll(async () => {
    server = await smallServer(fill, { limits });
    options = openly(server.endpoint, scratch(), tagsOf([`nsu=${URI};s=FIC101.PV`, `nsu=${URI};s=Gone`]));
  });
  afterAll(() => server?.stop());

  test('every variable once, with what is known of it', async () => {
    let most = 0;
    const found = await walkOf(options, { progress: (nodes) => (most = nodes) });
    expect(found.filter(({ name }) => !/^T\d/.test(name))).toEqual([
      { node: `nsu=${URI};s=Drive`, path: '/Objects/Plant/Drive', name: 'Drive', type: 'UtcTime', readable: true },
      { node: `nsu=${URI};s=Secret`, path: '/Objects/Plant/Secret', name: 'Secret', type: 'Boolean', readable: false },
      {
        node: `nsu=${URI};s=FIC101.PV`,
        path: '/Objects/Plant/Unit&/1 && 2/FIC101.PV',
        name: 'FIC101.PV',
        type: 'Double',
        unit: 'm3/h',
        range: [0, 250],
        readable: true,
        tags: [0],
      },
      expect.objectContaining({ node: `nsu=${URI};i=7001`, type: 'Int32[]' }),
      expect.objectContaining({
        node: `nsu=${URI};s=Drive.State`,
        path: '/Objects/Plant/Drive/State',
        type: 'ServerState',
      }),
    ]);
    const counters = found.filter(({ name }) => /^T\d/.test(name)).map(({ name }) => name);
    expect(counters).toEqual(Array.from({ length: 2_500 }, (_, i) => `T${i}`));
    expect(most).toBeGreaterThan(2_500);
  });

  test('from a node, from a path', async () => {
    const fromNode = await walkOf(options, { under: `nsu=${URI};s=Drive` });
    expect(fromNode.map(({ name }) => name)).toEqual(['Drive', 'State']);
    const fromPath = await walkOf(options, { under: '/Objects/2:Plant/Drive' });
    expect(fromPath.map(({ name }) => name)).toEqual(['Drive', 'State']);
    await expect(walkOf(options, { under: '/Objects/Nowhere' })).rejects.toMatchObject({
      code: 'source.configuration',
      message: expect.stringContaining('nothing is at /Objects/Nowhere'),
    });
  });

  test('tags are read once, each', async () => {
    const { batch, details, roundTrips } = await opcuaSurvey(options).read([0, 1], signal);
    const statuses = Array.from({ length: batch.count }, (_, i) => [batch.tag[i], statusName(batch.status[i]!)]);
    expect(statuses.sort()).toEqual([
      [0, 'Good'],
      [1, 'BadNodeIdUnknown'],
    ]);
    expect(batch.number[[...batch.tag].indexOf(0)]).toBe(12.5);
    expect(details.get(1)).toContain('BadNodeIdUnknown');
    expect(roundTrips.length).toBeGreaterThan(0);
  });
});

test('a server with few continuation points refuses some nodes, and they are asked again', async () => {
  const server = await smallServer(fill);
  try {
    let refused = 0;
    server.server.on('response', (response) => {
      const { results } = response as BrowseResponse;
      if (response.constructor.name !== 'BrowseResponse' || !results || results.length < 2) return;
      // Only the first answer of a call keeps what it has; the rest must come alone.
      for (let i = 1; i < results.length; i++) {
        refused++;
        results[i] = new BrowseResult({ statusCode: StatusCodes.BadNoContinuationPoints });
      }
    });
    const found = await walkOf(openly(server.endpoint, scratch(), []));
    expect(found).toHaveLength(2_505);
    expect(refused).toBeGreaterThan(100);
  } finally {
    await server.stop();
  }
});

test('what a server says of itself deserves a look', () => {
  const tags = tagsOf(['i=1', 'i=2']);
  const told = (about: About, endpoints = 1) =>
    [...tellAbout(about, tags, endpoints)].map(({ step, verdict, what }) => `${step} ${verdict}: ${what}`);
  expect(told({})).toEqual(['server good: a product without a name', 'limits good: sets no limit to one call']);
  const about = { product: 'UA Server', version: '1.2', maker: 'ACME', state: 3, serviceLevel: 120, redundancy: 2 };
  expect(told({ ...about, read: 1_000, fastest: 250 })).toEqual([
    'server odd: UA Server 1.2 of ACME, suspended, ServiceLevel 120 (degraded)',
    'redundancy odd: the server is one of a redundant set (warm), and the mapping names it alone',
    'limits odd: nodes in one call: read 1,000; samples every 250 ms at best, and 2 tags ask for more',
  ]);
  expect(told({ ...about, state: 0, serviceLevel: 255 }, 2)).toEqual([
    'server good: UA Server 1.2 of ACME, running, ServiceLevel 255 (healthy)',
    'limits good: sets no limit to one call',
  ]);
});

test('the plan tells what would be monitored', () => {
  const tags = tagsOf(['i=1', 'i=2']).concat({ index: 2, name: 'x', node: 'i=3', sampling: 1_000, wantsRange: false });
  expect(opcuaSurvey(openly('opc.tcp://127.0.0.1:1', scratch(), tags)).plan()).toEqual([
    expect.objectContaining({
      every: 50,
      tags: [0, 1],
      text: '2 monitored items sampled every 50 ms, sent every 100 ms',
    }),
    expect.objectContaining({ every: 1_000, tags: [2] }),
  ]);
});

describe('the chain', () => {
  let sim: OpcUaSim;
  beforeAll(async () => {
    sim = await startOpcUaServer({ folder: scratch(), tags: 20, ticking: false });
  });
  afterAll(() => sim?.close());

  const options = (more: Partial<OpcUaOptions> = {}): OpcUaOptions => ({
    name: 'dcs',
    endpoint: sim.endpoint,
    user: { name: sim.user, password: async () => sim.password },
    publishing: 100,
    pki: pkiTrusting(sim.certificate),
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: tagsOf([`nsu=${sim.namespace};s=${sim.signals[0]!.name}`], { sampling: 1_000 }),
    ...more,
  });

  async function chain(given: OpcUaOptions): Promise<Finding[]> {
    const findings: Finding[] = [];
    for await (const one of opcuaSurvey(given).examine(signal)) findings.push(one);
    return findings;
  }

  test('is told to its end when all is well', async () => {
    const findings = await chain(options());
    expect(findings.map(({ step, verdict }) => `${step} ${verdict}`)).toEqual([
      'name good',
      'route good',
      'port good',
      'security good',
      'certificate good',
      'certificate good',
      'login good',
      'server good',
      'limits good',
      'clock good',
      'namespaces good',
      'tags good',
    ]);
    expect(findings[3]?.what).toMatch(
      /^Aes256_Sha256_RsaPss\/SignAndEncrypt, the best that both know; the server offers .*Basic256Sha256 \(.*Sign/,
    );
    expect(findings[7]?.what).toMatch(/running, ServiceLevel 255 \(healthy\)$/);
    expect(findings[8]?.what).toMatch(/^nodes in one call: read [\d,]+, monitor/);
    expect(findings.at(-1)?.what).toBe('1 of 1 tags are read');
  });

  test.each<[string, () => Partial<OpcUaOptions>, string, string]>([
    [
      'a name nobody knows',
      () => ({ endpoint: 'opc.tcp://no-such-host.invalid:4840' }),
      'name',
      'no-such-host.invalid',
    ],
    ['a closed port', () => ({ endpoint: 'opc.tcp://127.0.0.1:1' }), 'port', 'ECONNREFUSED'],
    ['a server nobody trusted', () => ({ pki: scratch() }), 'certificate', 'certificates trust'],
    ['a policy it has not', () => ({ security: { policy: 'None', mode: 'None' } }), 'security', 'without security'],
    [
      'a wrong password',
      () => ({ user: { name: sim.user, password: async () => 'wrong' } }),
      'login',
      'check user name',
    ],
  ])('ends at %s', async (_, more, step, says) => {
    const last = (await chain(options(more()))).at(-1);
    expect(last).toMatchObject({ step, verdict: 'broken' });
    expect(last?.what).toContain(says);
  });

  test('a set of servers: each is told, and the first that lets us in is asked', async () => {
    const endpoints = ['opc.tcp://127.0.0.1:1', sim.endpoint];
    const survey = opcuaSurvey(options({ endpoint: endpoints[0]! }), endpoints);
    const findings: Finding[] = [];
    for await (const one of survey.examine(signal)) findings.push(one);
    expect(findings.map(({ step, verdict }) => `${step} ${verdict}`).slice(0, 6)).toEqual([
      'endpoint good',
      'name good',
      'route good',
      'port broken',
      'endpoint good',
      'name good',
    ]);
    expect(findings.at(-1)?.what).toBe('1 of 1 tags are read');
    expect((await survey.read([0], signal)).batch.count).toBe(1);
    const sessions = sim.counters().sessions;
    for await (const { name } of survey.browse!({ progress: () => {} }, signal)) {
      expect(name).not.toBe('');
      break;
    }
    await until('the session is closed', () => sim.counters().sessions <= sessions);
  });

  test('tells which tags and namespaces are not there', async () => {
    const findings = await chain(options({ tags: tagsOf(['nsu=urn:gone;s=A', `nsu=${sim.namespace};s=B`]) }));
    expect(findings.at(-2)).toMatchObject({ step: 'namespaces', verdict: 'odd' });
    expect(findings.at(-2)?.what).toContain('urn:gone');
    expect(findings.at(-1)?.what).toContain('0 of 2 tags are read');
  });
});
