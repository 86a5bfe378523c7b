// A server as small PLCs have them (S7-1200): it promises 1,000 operations in a call and copes with 150, has two
// subscriptions, publishes every 500 ms at best and samples every 100 ms. All of it is used, and remembered.

import type { UAVariable } from 'node-opcua-address-space';
import { DataType, ServiceFault, StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaTag } from '../../../agent/src/adapters/opcua/source/options.ts';
import { statusName } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { wire } from '../wire.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

const TAGS = 1_000;
const PROMISED = 1_000;
const COPES = 150;
const PUBLISHING = 500;
const COUNTER = 0;

type Request = Record<string, unknown> & { requestedPublishingInterval: number };
interface Message {
  readonly request: Request;
}
interface Channel {
  send_response(type: string, response: object, message: Message, done: () => void): void;
}
type Handlers = Record<string, (message: Message, channel: Channel) => void>;

/** Services with many operations in a call, and where those stand in the request. */
const MANY = {
  Read: 'nodesToRead',
  CreateMonitoredItems: 'itemsToCreate',
  DeleteMonitoredItems: 'monitoredItemIds',
  TranslateBrowsePathsToNodeIds: 'browsePaths',
  RegisterNodes: 'nodesToRegister',
} as const;

let plc: SmallServer;
let counter: UAVariable;
let calls: { service: string; size: number }[] = [];
/** What the server does with more than it copes with. */
let overload: 'refuse' | 'answer late' = 'refuse';

beforeAll(async () => {
  plc = await smallServer(
    (space) => {
      const namespace = space.registerNamespace('urn:s7');
      for (let i = 0; i < TAGS; i++) {
        const variable = namespace.addVariable({
          organizedBy: space.rootFolder.objects,
          browseName: `V${i}`,
          nodeId: `s=V${i}`,
          dataType: DataType.Double,
          minimumSamplingInterval: 100,
        });
        variable.setValueFromSource({ dataType: DataType.Double, value: i });
        if (i === COUNTER) counter = variable;
      }
    },
    {
      limits: {
        maxNodesPerRead: PROMISED,
        maxMonitoredItemsPerCall: PROMISED,
        maxNodesPerTranslateBrowsePathsToNodeIds: PROMISED,
        maxNodesPerRegisterNodes: PROMISED,
      },
      capabilities: { maxSubscriptionsPerSession: 2, maxMonitoredItems: TAGS, minSupportedSampleRate: 100 },
    },
  );
  const server = plc.server as unknown as Handlers;
  for (const [service, list] of Object.entries(MANY)) {
    const take = server[`_on_${service}Request`]!.bind(server);
    server[`_on_${service}Request`] = (message, channel) => {
      const size = (message.request[list] as unknown[] | null)?.length ?? 0;
      calls.push({ service, size });
      if (size <= COPES) return take(message, channel);
      // It does as it is told, and is late with the answer.
      if (overload === 'answer late') {
        const late = Object.create(channel) as Channel;
        late.send_response = (...answer) => void setTimeout(() => channel.send_response(...answer), 1_000);
        return take(message, late);
      }
      const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadTooManyOperations } });
      channel.send_response('MSG', fault, message, () => {});
    };
  }
  const create = server._on_CreateSubscriptionRequest!.bind(server);
  server._on_CreateSubscriptionRequest = (message, channel) => {
    message.request.requestedPublishingInterval = Math.max(PUBLISHING, message.request.requestedPublishingInterval);
    create(message, channel);
  };
});
afterAll(() => plc?.stop());
beforeEach(() => {
  calls = [];
  overload = 'refuse';
});

/** Sampled at four paces; every third tag by its path. */
const tags = (count = TAGS): OpcUaTag[] =>
  tagsOf(Array.from({ length: count }, (_, i) => `nsu=urn:s7;s=V${i}`)).map(({ node, ...tag }, i) => ({
    ...tag,
    sampling: [100, 500, 1_000, 10_000][i % 4]!,
    ...(i % 3 === 1 ? { path: `/Objects/V${i}` } : { node: node! }),
  }));

function start(list: readonly OpcUaTag[], endpoint: string, kept = keep(openly(endpoint, '', list)), timings = QUICK) {
  const adapter = opcuaAdapter(openly(endpoint, scratch(), list), timings, kept);
  const sink = recorder();
  const run = adapter.connect(new AbortController().signal).then(() => adapter.run(sink, new AbortController().signal));
  const ended = run.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { adapter, sink, kept, ended };
}

const items = () => {
  const { engine } = plc.server as unknown as { engine: { _sessions: Record<string, { publishEngine: object }> } };
  let count = 0;
  for (const { publishEngine } of Object.values(engine._sessions))
    for (const one of Object.values((publishEngine as { _subscriptions: object })._subscriptions))
      count += (one as { monitoredItemCount: number }).monitoredItemCount;
  return count;
};
const tooMany = () => calls.filter(({ size }) => size > COPES);
const all = (sink: ReturnType<typeof recorder>, list: readonly OpcUaTag[]) =>
  until('a first reading of every tag', () => list.every(({ index }) => sink.last(index)), 60_000);

describe('a small PLC', () => {
  test('serves 1,000 tags without a loss, and the next link knows what it copes with', {
    timeout: 120_000,
  }, async () => {
    const link = await wire(plc.port);
    const list = tags();
    const one = start(list, `opc.tcp://127.0.0.1:${link.port}`);
    await all(one.sink, list);
    expect(one.sink.grants).toMatchObject({ subscriptions: 2, monitoredItems: TAGS, publishingMs: PUBLISHING });
    expect(one.sink.grants).not.toHaveProperty('queuesTooShort');
    expect(one.sink.parts).toEqual(new Map());
    expect(items()).toBe(TAGS);
    // Each service was refused a few times, and not again.
    expect(tooMany().length).toBeLessThan(12);

    let value = 10_000;
    for (let i = 0; i < 20; i++) {
      counter.setValueFromSource({ dataType: DataType.Double, value: ++value });
      // Never sooner than the PLC samples.
      await new Promise((resolve) => setTimeout(resolve, 220));
    }
    await until('the last count', () => one.sink.last(COUNTER)?.value === value);
    const counts = one.sink.of(COUNTER).map((reading) => reading.value as number);
    expect(counts.slice(1)).toEqual(Array.from({ length: counts.length - 1 }, (_, i) => 10_001 + i));
    expect(one.sink.gaps).toEqual([]);

    // The PLC forgets everything (a restart): the next link begins with what it copes with.
    for (const session of Object.values((plc.server.engine as unknown as { _sessions: object })._sessions))
      for (const id of Object.keys(session.publishEngine?._subscriptions ?? {})) session.deleteSubscription(Number(id));
    await one.ended;
    await one.adapter.close();
    calls = [];
    const two = start(list, `opc.tcp://127.0.0.1:${link.port}`, one.kept);
    await all(two.sink, list);
    expect(tooMany()).toEqual([]);
    expect(items()).toBe(TAGS);
    await two.adapter.close();
    await link.stop();
  });

  test('that makes items and is late with the answer is not left with items that are nobody’s', {
    timeout: 120_000,
  }, async () => {
    overload = 'answer late';
    const list = tags(400);
    const { adapter, sink } = start(list, plc.endpoint, undefined, { ...QUICK, request: 500 });
    await all(sink, list);
    await until('no item too many', () => items() === list.length, 20_000);
    await adapter.close();
  });

  test('that has no room for all tags says so for those left over', { timeout: 120_000 }, async () => {
    const list = [...tags(), ...tags(20).map((tag, i) => ({ ...tag, index: TAGS + i, name: `more ${i}` }))];
    const { adapter, sink } = start(list, plc.endpoint);
    await all(sink, list);
    const bad = list.filter(({ index }) => statusName(sink.last(index)!.status) === 'BadTooManyMonitoredItems');
    expect(bad).toHaveLength(20);
    expect(sink.parts.size).toBe(20);
    expect([...sink.parts.values()][0]).toContain('mode: poll');
    await adapter.close();
  });
});
