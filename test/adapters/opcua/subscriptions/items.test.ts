// Items that a server does not simply take: too many at once, deadbands it does not know, nodes that appear later.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { DataType, ServiceFault, StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaTag } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { wire } from '../../wire.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const MANY = 300;
/** What the server copes with, whatever it promises. */
const COPES = 40;

interface Message {
  readonly request: { readonly itemsToCreate?: readonly { requestedParameters: { queueSize: number } }[] | null };
}
interface Channel {
  send_response(type: string, response: object, message: Message, done: () => void): void;
  close(done: () => void): void;
}
type Handler = (message: Message, channel: Channel) => void;

let plc: SmallServer;
let space: AddressSpace;
let level: UAVariable;
let sizes: number[] = [];
let answer: 'all' | 'refuse' | 'hang up' | 'queues of 1' = 'all';

beforeAll(async () => {
  plc = await smallServer((filled) => {
    space = filled;
    const namespace = space.registerNamespace('urn:plc');
    const organizedBy = space.rootFolder.objects;
    for (let i = 0; i < MANY; i++)
      namespace
        .addVariable({ organizedBy, browseName: `V${i}`, nodeId: `s=V${i}`, dataType: DataType.Double })
        .setValueFromSource({ dataType: DataType.Double, value: i });
    level = namespace.addAnalogDataItem({
      organizedBy,
      browseName: 'LEVEL',
      nodeId: 's=LEVEL',
      dataType: DataType.Double,
      engineeringUnitsRange: { low: 0, high: 200 },
      minimumSamplingInterval: 0,
    });
    namespace
      .addVariable({ organizedBy, browseName: 'NAME', nodeId: 's=NAME', dataType: DataType.String })
      .setValueFromSource({ dataType: DataType.String, value: 'pump' });
  });
  const server = plc.server as unknown as { _on_CreateMonitoredItemsRequest: Handler };
  const take = server._on_CreateMonitoredItemsRequest.bind(server);
  server._on_CreateMonitoredItemsRequest = (message, channel) => {
    const count = message.request.itemsToCreate?.length ?? 0;
    sizes.push(count);
    if (answer === 'queues of 1')
      for (const item of message.request.itemsToCreate ?? []) item.requestedParameters.queueSize = 1;
    if (answer === 'all' || count <= COPES) return take(message, channel);
    if (answer === 'hang up') return channel.close(() => {});
    const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadTooManyOperations } });
    channel.send_response('MSG', fault, message, () => {});
  };
});
afterAll(() => plc?.stop());
beforeEach(() => {
  sizes = [];
  answer = 'all';
});

const nodes = (names: readonly string[]) => names.map((name) => `nsu=urn:plc;s=${name}`);
const many = () => tagsOf(nodes(Array.from({ length: MANY }, (_, i) => `V${i}`)));

function start(tags: readonly OpcUaTag[], kept = keep(openly(plc.endpoint, '', tags)), endpoint = plc.endpoint) {
  const adapter = opcuaAdapter(openly(endpoint, scratch(), tags), QUICK, kept);
  const sink = recorder();
  const run = adapter.connect(new AbortController().signal).then(() => adapter.run(sink, new AbortController().signal));
  return {
    adapter,
    sink,
    kept,
    ended: run.then(
      () => undefined,
      (error: unknown) => error,
    ),
  };
}

describe('a server that copes with less than it promises', () => {
  test('and refuses the rest gets portions that it takes', async () => {
    answer = 'refuse';
    const { adapter, sink } = start(many());
    await until('a first reading of every tag', () =>
      Array.from({ length: MANY }, (_, i) => i).every((i) => sink.last(i)),
    );
    expect(sizes[0]).toBe(MANY);
    expect(Math.max(...sizes.slice(-5))).toBeLessThanOrEqual(COPES);
    expect(new Set(sink.of(7).map(({ value }) => value))).toEqual(new Set([7]));
    expect(sink.grants).toMatchObject({ monitoredItems: MANY, subscriptions: 1 });
    await adapter.close();
  });

  test('and hangs up is given half as many by the next link, until it takes them', { timeout: 90_000 }, async () => {
    answer = 'hang up';
    const tags = many();
    let one = start(tags);
    let links = 1;
    for (;;) {
      const { sink, adapter, kept, ended } = one;
      const good = () => tags.every(({ index }) => sink.last(index)?.value === index);
      const how = await Promise.race([ended, until('a value of every tag', good, 60_000).then(() => 'good')]);
      if (how === 'good') break;
      await adapter.close();
      links += 1;
      expect(links).toBeLessThan(12);
      one = start(tags, kept);
    }
    expect(links).toBeGreaterThan(2);
    await one.adapter.close();
    await until('nothing left', () => plc.server.engine.currentSubscriptionCount === 0);
    // Links break for other reasons too: an hour later it may be given all of them again.
    answer = 'all';
    sizes = [];
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_700_000);
    try {
      one = start(tags, one.kept);
      await until('a value of every tag', () => tags.every(({ index }) => one.sink.last(index)), 60_000);
      expect(sizes).toEqual([MANY]);
    } finally {
      clock.mockRestore();
      await one.adapter.close();
    }
  });
});

describe('deadbands', () => {
  test('are applied by the server where it can, in percent of its range, and left to the gateway elsewhere', async () => {
    level.setValueFromSource({ dataType: DataType.Double, value: 100 });
    const deadband = { kind: 'percent', size: 10 } as const;
    const { adapter, sink } = start(tagsOf(nodes(['LEVEL', 'NAME']), { deadband }));
    await until('first readings', () => sink.last(0) && sink.last(1));
    expect(sink.grants).toMatchObject({ monitoredItems: 2, deadbandsAtServer: 1, deadbandsHere: 1 });
    for (const value of [110, 119, 121, 115, 102, 100]) {
      level.setValueFromSource({ dataType: DataType.Double, value });
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    // 20 is 10 % of 200: 121 is more than that from 100, and 100 from 121.
    await until('the last value', () => sink.last(0)?.value === 100);
    expect(sink.of(0).map(({ value }) => value)).toEqual([100, 121, 100]);
    expect(sink.last(1)?.value).toBe('pump');
    await adapter.close();
  });
});

test('a node that is missing is tried again, and read when it is there; nobody else notices', async () => {
  const { adapter, sink } = start(tagsOf(nodes(['V1', 'LATE'])));
  await until('readings', () => sink.last(0) && sink.last(1));
  expect(statusName(sink.last(1)!.status)).toBe('BadNodeIdUnknown');
  expect(sink.parts.get(nodes(['LATE'])[0]!)).toContain('BadNodeIdUnknown');
  const before = sink.of(0).length;
  const namespace = space.getNamespace('urn:plc');
  namespace
    .addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'LATE',
      nodeId: 's=LATE',
      dataType: DataType.Double,
    })
    .setValueFromSource({ dataType: DataType.Double, value: 5 });
  await until('its value', () => sink.last(1)?.value === 5);
  await until('no trouble', () => sink.parts.size === 0);
  expect(sink.of(1).map(({ status }) => statusName(status))).toEqual(['BadNodeIdUnknown', 'Good']);
  expect(sink.of(0).length).toBe(before);
  expect(sink.readies).toBe(1);
  await adapter.close();
});

test.each([
  ['queues that mark what they drop', 'all', {}, true],
  ['queues of 1', 'queues of 1', {}, false],
  ['a polled tag', 'all', { mode: 'poll' }, false],
] as const)('whether a broken link was bridged: %s', async (_, how, more, whole) => {
  answer = how;
  const link = await wire(plc.port);
  const endpoint = `opc.tcp://127.0.0.1:${link.port}`;
  const tags = [...tagsOf(nodes(['V1'])), ...tagsOf(nodes(['V1', 'V2']), more).slice(1)];
  const kept = keep(openly(endpoint, '', tags));
  const first = start(tags, kept, endpoint);
  await until('ready', () => first.sink.readies > 0);
  expect(first.sink.wholes).toEqual([false]);
  link.cut();
  expect(await first.ended).toMatchObject({ class: 'session' });
  await first.adapter.close();
  const second = start(tags, kept, endpoint);
  await until('ready again', () => second.sink.readies > 0);
  expect(second.sink.wholes).toEqual([whole]);
  expect(plc.server.engine.currentSubscriptionCount).toBe(1);
  await second.adapter.close();
  await link.stop();
});
