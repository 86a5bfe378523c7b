// Servers that answer services with nonsense, over an encrypted session: fewer results than asked, durations that are
// none, lists without measure. Nothing is silently missing, nobody else suffers, the user's password is never in clear.

import {
  CreateMonitoredItemsResponse,
  CreateSessionRequest,
  CreateSessionResponse,
  CreateSubscriptionRequest,
  CreateSubscriptionResponse,
  DataType,
  DataValue,
  ReadResponse,
  TranslateBrowsePathsToNodeIdsResponse,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OpcUaTag } from '../../agent/src/adapters/opcua/adapter.ts';
import { isGood } from '../../agent/src/model/status.ts';
import { pkiTrusting, QUICK, tagsOf } from '../adapters/opcua/rig.ts';
import { mint } from '../support/mint.ts';
import { until } from '../support/until.ts';
import { type CertificateServer, certificateServer, PASSWORD, USER } from './certificate-server.ts';
import { endure, type Neighbour, startNeighbour, type Watched, watch } from './watched.ts';

const NODES = ['A', 'B', 'C'];
let neighbour: Neighbour;
let server: CertificateServer;
let pki: string;
/** What the server says in place of a response; undefined: it behaves. */
let twist: ((response: unknown) => void) | undefined;
let source: Watched | undefined;
let count = 0;

beforeAll(async () => {
  neighbour = await startNeighbour();
  const shown = await mint({ name: 'PLC 7', uri: 'urn:lavera:plc7', hosts: ['127.0.0.1', 'localhost'] });
  pki = pkiTrusting(shown.der);
  server = await certificateServer({
    chain: [shown.pem],
    keyPem: shown.keyPem,
    applicationUri: 'urn:lavera:plc7',
    twist: (response, secured) => secured && twist?.(response),
  });
  const space = server.server.engine.addressSpace!;
  const namespace = space.registerNamespace('urn:plc');
  for (const name of NODES) {
    namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: name,
      nodeId: `s=${name}`,
      dataType: DataType.Double,
      minimumSamplingInterval: 50,
      value: { get: () => new Variant({ dataType: DataType.Double, value: count++ }) },
    });
  }
});
afterEach(async () => {
  twist = undefined;
  await source?.supervisor.stop();
  source = undefined;
  for (const secret of [USER, PASSWORD]) expect(server.wire().includes(secret)).toBe(false);
});
afterAll(async () => {
  await server?.stop();
  await neighbour?.stop();
});

/** A source at the server that says this; how many readings came of each tag. */
function start(says: (response: unknown) => void, more: Partial<OpcUaTag> = {}, timings = QUICK) {
  twist = says;
  const readings = NODES.map(() => 0);
  const tags = tagsOf(
    NODES.map((name) => `nsu=urn:plc;s=${name}`),
    more,
  );
  source = watch(
    {
      name: 'plc7',
      endpoint: server.endpoint,
      user: { name: USER, password: async () => PASSWORD },
      publishing: 100,
      pki,
      applicationUri: 'urn:test:gateway:fieldgate',
      tags,
    },
    timings,
    ({ tag, status }) => {
      if (isGood(status)) readings[tag]! += 1;
    },
  );
  const one = source;
  return {
    readings,
    reason: one.reason,
    connects: () => one.supervisor.stats().connects,
    /** These tags read on, and the link is still the first one. */
    async flows(...wanted: readonly number[]) {
      const before = [...readings];
      await endure(neighbour, 'readings', () => wanted.every((tag) => readings[tag]! > before[tag]! + 5));
      expect(one.supervisor.stats().connects).toBe(1);
    },
  };
}

const whenever =
  <T>(type: new (...given: never[]) => T, change: (response: T) => void) =>
  (response: unknown) => {
    if (response instanceof type) change(response);
  };

describe('monitored items', () => {
  test.each<[string, (response: CreateMonitoredItemsResponse) => void, readonly number[]]>([
    ['for the last one no result', ({ results }) => results?.pop(), [2]],
    ['no results', (response) => (response.results = []), [0, 1, 2]],
    ['no list of results', (response) => (response.results = null), [0, 1, 2]],
  ])('%s: who has none is told of, and asked for again', async (_, change, lacking) => {
    const { reason, readings, flows } = start(whenever(CreateMonitoredItemsResponse, change));
    const told = await endure(neighbour, 'the trouble', reason);
    for (const tag of lacking) expect(told).toContain(`nsu=urn:plc;s=${NODES[tag]}: BadUnknownResponse`);
    await until('the others', () => readings.every((each, tag) => lacking.includes(tag) || each > 0));
    twist = undefined;
    await until('all is well', () => reason() === '');
    await flows(0, 1, 2);
  });

  test('more results than asked for', async () => {
    const { flows } = start(whenever(CreateMonitoredItemsResponse, ({ results }) => results?.push(...results)));
    await flows(0, 1, 2);
  });

  test.each([0, Number.NaN, -1, 1e308, Number.POSITIVE_INFINITY])('a sampling interval of %d', async (interval) => {
    const { flows } = start(
      whenever(CreateMonitoredItemsResponse, ({ results }) => {
        for (const result of results ?? []) {
          result.revisedSamplingInterval = interval;
          result.revisedQueueSize = 0;
        }
      }),
    );
    await flows(0, 1, 2);
  });
});

describe('a subscription', () => {
  test.each([0, Number.NaN, -1, 1e308, Number.POSITIVE_INFINITY])('with an interval of %d', async (interval) => {
    const { flows } = start(
      whenever(CreateSubscriptionResponse, (response) => {
        response.revisedPublishingInterval = interval;
      }),
    );
    await flows(0, 1, 2);
  });

  test.each([0, 0xffff_ffff])('with a keep-alive after %d intervals', async (intervals) => {
    const { flows } = start(
      whenever(CreateSubscriptionResponse, (response) => {
        response.revisedMaxKeepAliveCount = intervals;
        response.revisedLifetimeCount = intervals;
      }),
    );
    await flows(0, 1, 2);
  });
});

describe('a session', () => {
  test.each([0, Number.NaN, -1, 1e308])('that lasts %d ms', async (timeout) => {
    const { flows } = start(
      whenever(CreateSessionResponse, (response) => {
        response.revisedSessionTimeout = timeout;
      }),
    );
    await flows(0, 1, 2);
  });

  test('that ends soon has keep-alives three times in that, and is told what size of answers is taken', async () => {
    const asked: CreateSubscriptionRequest[] = [];
    const sizes: number[] = [];
    const listen = (request: unknown) => {
      if (request instanceof CreateSubscriptionRequest) asked.push(request);
      if (request instanceof CreateSessionRequest) sizes.push(request.maxResponseMessageSize);
    };
    server.server.on('request', listen);
    const short = whenever(CreateSessionResponse, (response) => {
      response.revisedSessionTimeout = 3_000;
    });
    const { flows } = start(short, {}, { ...QUICK, keepAlive: 5_000 });
    await flows(0, 1, 2);
    server.server.removeListener('request', listen);
    const [{ requestedMaxKeepAliveCount, requestedPublishingInterval }] = asked as [CreateSubscriptionRequest];
    expect(requestedMaxKeepAliveCount * requestedPublishingInterval).toBeLessThanOrEqual(1_000);
    expect(sizes).toEqual([16 * 1024 * 1024]);
  });
});

describe('what the server says of itself', () => {
  /** Changes the first value of the answers that begin with the list of namespaces. */
  const namespaces = (change: (uris: string[]) => Variant) =>
    whenever(ReadResponse, ({ results }) => {
      const [first] = results ?? [];
      const uris: unknown = first?.value.value;
      if (!Array.isArray(uris) || !uris.includes('urn:plc')) return;
      results![0] = new DataValue({ value: change(uris) });
    });
  const texts = (value: string[]) =>
    new Variant({ dataType: DataType.String, arrayType: VariantArrayType.Array, value });

  test('a million namespaces', async () => {
    const many = Array.from({ length: 1_000_000 }, (_, i) => `urn:${i}`);
    const { flows } = start(
      namespaces((uris) => texts([...uris, ...many])),
      {},
      { ...QUICK, connect: 20_000 },
    );
    await flows(0, 1, 2);
  });

  test.each<[string, () => Variant]>([
    ['none', () => texts([])],
    ['numbers', () => new Variant({ dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [1, 2, 3] })],
    ['one text', () => new Variant({ dataType: DataType.String, value: 'urn:plc' })],
    ['nothing', () => new Variant()],
  ])('namespaces: %s; every tag says so', async (_, value) => {
    const { reason } = start(namespaces(value));
    const told = await endure(neighbour, 'the trouble', reason);
    for (const name of NODES) expect(told).toContain(`nsu=urn:plc;s=${name}: `);
  });

  test.each<[string, Variant]>([
    ['NaN', new Variant({ dataType: DataType.Double, value: Number.NaN })],
    ['negative', new Variant({ dataType: DataType.Int32, value: -5 })],
    ['half of one', new Variant({ dataType: DataType.Double, value: 0.5 })],
    ['texts', new Variant({ dataType: DataType.String, value: 'many' })],
  ])('limits that are %s', async (_, value) => {
    const { flows } = start(
      whenever(ReadResponse, ({ results }) => {
        if (!Array.isArray(results?.[0]?.value.value)) return;
        for (let i = 1; i < results.length; i++) results[i] = new DataValue({ value });
      }),
    );
    await flows(0, 1, 2);
  });
});

describe('polled values: fewer than asked for', () => {
  const fewer = (when: (count: number) => boolean) =>
    whenever(ReadResponse, ({ results }) => {
      if (typeof results?.[0]?.value.value === 'number' && when(results.length)) results.pop();
    });

  test('of many: they are asked for in smaller parts', async () => {
    await start(
      fewer((count) => count === NODES.length),
      { mode: 'poll' },
    ).flows(0, 1, 2);
  });
  test('always: a fault', async () => {
    const { reason } = start(
      fewer(() => true),
      { mode: 'poll' },
    );
    await endure(neighbour, 'the reason', () => reason().includes('not one value for each node'));
  });
});

test.each<[string, (response: TranslateBrowsePathsToNodeIdsResponse) => void]>([
  ['no results', (response) => (response.results = [])],
  [
    'results without targets',
    ({ results }) => {
      for (const each of results ?? []) each.targets = null;
    },
  ],
])('browse paths: %s', async (_, change) => {
  twist = whenever(TranslateBrowsePathsToNodeIdsResponse, change);
  source = watch(
    {
      name: 'plc7',
      endpoint: server.endpoint,
      user: { name: USER, password: async () => PASSWORD },
      publishing: 100,
      pki,
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: [{ index: 0, name: 'A', path: '/Objects/A', sampling: 50, wantsRange: false }],
    },
    QUICK,
  );
  expect(await endure(neighbour, 'the trouble', source.reason)).toMatch(/^A: /);
});
