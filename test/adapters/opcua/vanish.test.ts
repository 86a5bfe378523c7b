// What changes at a server while the link stands: nodes that go and come back, access that is denied for a while,
// namespaces that come, ranges and units that are others now, items of which nothing is ever sent.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { StatusCode as Code, DataType, StatusCodes, Variant } from 'node-opcua-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaTag } from '../../../agent/src/adapters/opcua/source/options.ts';
import { statusName } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

let plc: SmallServer;
let space: AddressSpace;

beforeEach(async () => {
  plc = await smallServer((filled) => {
    space = filled;
    space.registerNamespace('urn:plc');
    make('KEEPS', 1);
    make('GOES', 2);
  });
});
afterEach(() => plc.stop());

function make(name: string, value: number, uri = 'urn:plc'): UAVariable {
  const variable = space.getNamespace(uri).addVariable({
    organizedBy: space.rootFolder.objects,
    browseName: name,
    nodeId: `s=${name}`,
    dataType: DataType.Double,
    minimumSamplingInterval: 50,
  });
  variable.setValueFromSource({ dataType: DataType.Double, value });
  return variable;
}

const ids = (...names: string[]) => names.map((name) => `nsu=urn:plc;s=${name}`);

function start(tags: readonly OpcUaTag[], timings = QUICK) {
  const kept = keep(openly(plc.endpoint, '', tags));
  const adapter = opcuaAdapter(openly(plc.endpoint, scratch(), tags), timings, kept);
  const sink = recorder();
  const ended = adapter
    .connect(new AbortController().signal)
    .then(() => adapter.run(sink, new AbortController().signal))
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  return { adapter, sink, kept, ended };
}

const statuses = (sink: ReturnType<typeof recorder>, tag: number) =>
  sink.of(tag).map(({ status }) => statusName(status));

test.each(['subscribe', 'poll'] as const)(
  'a node that is deleted and comes back is told and read again (%s)',
  async (mode) => {
    const [keeps, goes] = ids('KEEPS', 'GOES');
    const { adapter, sink } = start(tagsOf([keeps!, goes!], { mode }));
    await until('first readings', () => sink.last(0) && sink.last(1));
    space.deleteNode(space.findNode('ns=2;s=GOES')!);
    await until('its end', () => sink.parts.has(goes!));
    // node-opcua calls it invalid where it is monitored.
    const gone = mode === 'poll' ? 'BadNodeIdUnknown' : 'BadNodeIdInvalid';
    expect(sink.parts.has(keeps!)).toBe(false);
    make('GOES', 5);
    await until('its value', () => sink.last(1)?.value === 5);
    await until('no trouble', () => sink.parts.size === 0);
    expect(statuses(sink, 1)).toEqual(['Good', gone, 'Good']);
    await adapter.close();
  },
);

test('a tag that may not be read is listed, and is read again when it may be', async () => {
  const [keeps, goes] = ids('KEEPS', 'GOES');
  const { adapter, sink } = start(tagsOf([keeps!, goes!]));
  await until('first readings', () => sink.last(0) && sink.last(1));
  const variable = space.findNode('ns=2;s=GOES') as UAVariable;
  variable.setValueFromSource({ dataType: DataType.Null }, StatusCodes.BadUserAccessDenied);
  await until('its trouble', () => sink.parts.get(goes!)?.includes('BadUserAccessDenied'));
  variable.setValueFromSource({ dataType: DataType.Double, value: 6 });
  await until('no trouble', () => sink.parts.size === 0);
  expect(sink.last(1)?.value).toBe(6);
  expect(statuses(sink, 1)).toEqual(['Good', 'BadUserAccessDenied', 'Good']);
  await adapter.close();
});

test('a tag of a namespace that comes later is read then', async () => {
  const { adapter, sink } = start(tagsOf([...ids('KEEPS'), 'nsu=urn:later;s=X']));
  await until('readings', () => sink.last(0) && sink.last(1));
  expect([...sink.parts.values()][0]).toContain('the server has no namespace "urn:later"');
  space.registerNamespace('urn:later');
  make('X', 9, 'urn:later');
  await until('its value', () => sink.last(1)?.value === 9);
  await until('no trouble', () => sink.parts.size === 0);
  expect(sink.readies).toBe(1);
  await adapter.close();
});

test('namespaces that move while the link stands end it, so that all ids are looked up anew', async () => {
  const { adapter, sink, ended } = start(tagsOf(ids('KEEPS')), { ...QUICK, recheck: 200 });
  await until('a reading', () => sink.last(0));
  const list = space.findNode('ns=0;i=2255') as UAVariable;
  const [first, second] = list.readValue().value.value as string[];
  list.bindVariable(
    {
      get: () =>
        new Variant({
          dataType: DataType.String,
          arrayType: 1,
          value: [first, second, 'urn:new', 'urn:plc'] as string[],
        }),
    },
    true,
  );
  expect(await ended).toMatchObject({ code: 'source.closed', message: expect.stringContaining('namespaces') });
  await adapter.close();
});

test('an item of which the server sends nothing is read once', async () => {
  const mute = make('MUTE', 3);
  const { adapter, sink } = start(tagsOf(ids('KEEPS', 'MUTE')), QUICK);
  // What it would send at first is swallowed.
  const server = plc.server as unknown as Record<string, (message: object, channel: object) => void>;
  expect(mute.nodeId.toString()).toBe('ns=2;s=MUTE');
  const create = server._on_CreateMonitoredItemsRequest!.bind(server);
  server._on_CreateMonitoredItemsRequest = (message, channel) => {
    const { itemsToCreate } = (message as { request: { itemsToCreate: { monitoringMode: number }[] } }).request;
    itemsToCreate[1]!.monitoringMode = 0;
    create(message, channel);
  };
  await until('its value', () => sink.last(1)?.value === 3);
  await adapter.close();
});

test('a range that changes at the server is read again, and a tag without one is told', async () => {
  const namespace = space.registerNamespace('urn:analog');
  const level = namespace.addAnalogDataItem({
    organizedBy: space.rootFolder.objects,
    browseName: 'LEVEL',
    nodeId: 's=LEVEL',
    dataType: DataType.Double,
    engineeringUnitsRange: { low: 0, high: 200 },
    minimumSamplingInterval: 0,
  });
  level.setValueFromSource({ dataType: DataType.Double, value: 1 });
  const deadband = { kind: 'percent', size: 10 } as const;
  const [keeps] = ids('KEEPS');
  const { adapter, sink } = start(tagsOf(['nsu=urn:analog;s=LEVEL', keeps!], { deadband, wantsRange: true }));
  await until('readings', () => sink.last(0) && sink.last(1));
  expect(sink.facts.get(0)).toEqual({ range: [0, 200] });
  expect(sink.parts.get('deadband in percent')).toContain(`no EURange for ${keeps}`);
  const range = level.getChildByName('EURange') as UAVariable;
  const { value } = range.readValue();
  Object.assign(value.value, { low: 0, high: 50 });
  range.setValueFromSource(value);
  // SemanticsChanged beside Good.
  const changed = Code.makeStatusCode(StatusCodes.Good, 'SemanticChanged');
  level.setValueFromSource({ dataType: DataType.Double, value: 100 }, changed);
  await until('the range', () => sink.facts.get(0)?.range?.[1] === 50);
  await adapter.close();
});

test('10,000 tags of which half are wrong: the others are read, each wrong one is told once', {
  timeout: 90_000,
}, async () => {
  const count = 10_000;
  for (let i = 0; i < count / 2; i++) make(`T${i}`, i);
  const { adapter, sink } = start(
    tagsOf(ids(...Array.from({ length: count }, (_, i) => `T${i}`)), { sampling: 1_000 }),
  );
  await until('all readings', () => sink.readings.length >= count, 60_000);
  expect(sink.parts.size).toBe(count / 2);
  // Retried meanwhile, and not told again.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(sink.readings.filter(({ status }) => status !== 0)).toHaveLength(count / 2);
  await adapter.close();
});
