// Enumerations and discrete states as text: wherever a server keeps the texts, by every way that a value comes, and
// only for the tags that ask for it. What has no text says so and harms nobody.

import type { AddressSpace, Namespace, UAVariable } from 'node-opcua-address-space';
import {
  coerceLocalizedText,
  DataType,
  type NodeId,
  StatusCodes,
  type Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { StatusCode as StatusCodeOf } from 'node-opcua-status-code';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { opcuaSurvey } from '../../../../agent/src/adapters/opcua/browse/survey.ts';
import { type Kept, keep } from '../../../../agent/src/adapters/opcua/kept.ts';
import { redundantAdapter } from '../../../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { redundantSet } from '../../../../agent/src/adapters/opcua/redundancy/set.ts';
import type { OpcUaTag } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { withTexts } from '../../../../agent/src/adapters/opcua/space/texts.ts';
import type { Browsed } from '../../../../agent/src/adapters/survey.ts';
import { BatchBuilder, type Value, valueAt } from '../../../../agent/src/model/batch.ts';
import { StatusCode, statusName } from '../../../../agent/src/model/status.ts';
import { now, TICKS_PER_MS } from '../../../../agent/src/model/time.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer } from '../rig.ts';

/** Each variable, and what its tag is to send. */
const EXPECTED: Record<string, Value> = {
  'by EnumStrings': 'Running',
  'by EnumValues': 'Tripped',
  'number without a text': '7',
  'multi state': 'Blue',
  'multi state value': 'Cleaning',
  'two state': 'Open',
  list: ['Stopped', 'Running', '9'],
  bad: null,
  // What cannot have a text stays what it is.
  double: 12.5,
  'untold state': true,
  garbled: 3,
  'state of the server': 'Running',
};
const NAMES = Object.keys(EXPECTED);
const WITHOUT = ['double', 'untold state', 'garbled'];

let small: SmallServer;
const variables: Record<string, UAVariable> = {};

function fill(space: AddressSpace): void {
  const namespace = space.registerNamespace('urn:test:texts');
  const folder = space.rootFolder.objects;
  const add = (name: string, dataType: unknown, value: object, more: object = {}) => {
    const browseName = name;
    const made = namespace.addVariable({
      ...more,
      organizedBy: folder,
      browseName,
      nodeId: `s=${name}`,
      dataType: dataType as DataType,
    });
    made.setValueFromSource(value as Variant);
    variables[name] = made;
  };
  const int = (value: number) => ({ dataType: DataType.Int32, value });
  const pump = namespace.addEnumerationType({
    browseName: 'PumpState',
    enumeration: ['Stopped', 'Running', 'Failed'],
  });
  const trip = namespace.addEnumerationType({
    browseName: 'TripState',
    enumeration: [
      { displayName: 'Healthy', value: 10 },
      { displayName: 'Tripped', value: 20 },
    ],
  });
  add('by EnumStrings', pump.nodeId, int(1));
  add('by EnumValues', trip.nodeId, int(20));
  add('number without a text', trip.nodeId, int(7));
  const list = { dataType: DataType.Int32, arrayType: VariantArrayType.Array, value: [0, 1, 9] };
  add('list', pump.nodeId, list, { valueRank: 1 });
  add('bad', pump.nodeId, int(1));
  variables.bad?.setValueFromSource(int(1), StatusCodes.BadSensorFailure);
  states(namespace, folder);
  add('double', DataType.Double, { dataType: DataType.Double, value: 12.5 });
  add('untold state', DataType.Boolean, { dataType: DataType.Boolean, value: true });
  add('garbled', DataType.UInt16, { dataType: DataType.UInt16, value: 3 });
  namespace.addVariable({
    propertyOf: variables.garbled!,
    browseName: { name: 'EnumStrings', namespaceIndex: 0 },
    dataType: DataType.Double,
    value: { dataType: DataType.Double, value: 1e300 },
  });
  add('recorded', pump.nodeId, int(0));
  space.installHistoricalDataNode(variables.recorded!, { maxOnlineValues: 100 });
}

function states(namespace: Namespace, organizedBy: AddressSpace['rootFolder']['objects']): void {
  const common = (name: string) => ({ organizedBy, browseName: name, nodeId: `s=${name}` });
  variables['multi state'] = namespace.addMultiStateDiscrete({
    ...common('multi state'),
    enumStrings: ['Red', 'Green', 'Blue'],
    value: 2,
  });
  variables['multi state value'] = namespace.addMultiStateValueDiscrete({
    ...common('multi state value'),
    dataType: DataType.Int32,
    enumValues: [
      { displayName: 'Idle', value: -1 },
      { displayName: 'Cleaning', value: 1_000 },
    ],
    value: 1_000,
  } as never);
  variables['two state'] = namespace.addTwoStateDiscrete({
    ...common('two state'),
    trueState: 'Open',
    falseState: 'Shut',
    value: true,
  } as never);
}

beforeAll(async () => {
  small = await smallServer(fill);
});
afterAll(() => small?.stop());

const nodeOf = (name: string) => (name === 'state of the server' ? 'i=2259' : `nsu=urn:test:texts;s=${name}`);
const tagOf = (name: string, index: number, more: Partial<OpcUaTag> = {}): OpcUaTag => ({
  index,
  name,
  node: nodeOf(name),
  sampling: 50,
  wantsRange: false,
  enumText: 'wanted',
  ...more,
});

/** Runs `work` while a source with these tags delivers into the recorder. */
async function during(
  tags: readonly OpcUaTag[],
  work: (sink: Recorder, kept: Kept) => Promise<void>,
): Promise<Recorder> {
  const options = openly(small.endpoint, scratch(), tags);
  const kept = keep(options, 10);
  const adapter = opcuaAdapter(options, QUICK, kept);
  const sink = recorder();
  const stop = new AbortController();
  await adapter.connect(stop.signal);
  const run = adapter.run(sink, stop.signal);
  try {
    await Promise.race([
      run,
      until('first readings', () => sink.readies > 0 && tags.every(({ index }) => sink.last(index))),
    ]);
    await work(sink, kept);
  } finally {
    stop.abort();
    await run.finally(() => adapter.close());
  }
  expect(sink.faults()).toEqual([]);
  return sink;
}

describe.each(['subscribe', 'poll'] as const)('%s', (mode) => {
  test('every kind of text, from the first reading on', async () => {
    const tags = NAMES.map((name, index) => tagOf(name, index, { mode }));
    const sink = await during(tags, async () => {});
    expect(Object.fromEntries(NAMES.map((name, tag) => [name, sink.of(tag)[0]?.value]))).toEqual(EXPECTED);
    expect([...sink.parts.keys()].sort()).toEqual([...WITHOUT].sort());
    for (const name of WITHOUT) expect(sink.parts.get(name)).toContain('has no texts for it');
  });

  test('nobody asks: numbers', async () => {
    const tags = ['by EnumStrings', 'two state'].map((name, index): OpcUaTag => {
      const { enumText: _, ...plain } = tagOf(name, index, { mode });
      return plain;
    });
    const sink = await during(tags, async () => {});
    expect([sink.last(0)?.value, sink.last(1)?.value]).toEqual([1, true]);
  });
});

test('where they are merely welcome, what has none is no trouble, and a deadband of numbers does not swallow a state', async () => {
  const more = { enumText: 'welcome', deadband: { kind: 'absolute', size: 5 } } as const;
  const tags = ['by EnumStrings', 'double'].map((name, index) => tagOf(name, index, more));
  await during(tags, async (sink) => {
    expect([sink.last(0)?.value, sink.last(1)?.value]).toEqual(['Running', 12.5]);
    expect([...sink.parts]).toEqual([]);
    expect(sink.grants).toMatchObject({ deadbandsAtServer: 1 });
    variables['by EnumStrings']!.setValueFromSource({ dataType: DataType.Int32, value: 2 });
    await until('a change of one', () => sink.last(0)?.value === 'Failed');
    variables['by EnumStrings']!.setValueFromSource({ dataType: DataType.Int32, value: 1 });
  });
});

test('texts that change are read again when the server says so', { timeout: 30_000 }, async () => {
  const state = variables['multi state']!;
  const strings = state.getPropertyByName('EnumStrings')!;
  const rename = (...names: string[]) =>
    strings.setValueFromSource({
      dataType: DataType.LocalizedText,
      arrayType: VariantArrayType.Array,
      value: names.map((name) => coerceLocalizedText(name)),
    });
  // The bit of a StatusCode that says so (OPC 10000-4 section 7.39.1).
  const told = StatusCodeOf.makeStatusCode('Good', 'SemanticChanged');
  await during([tagOf('multi state', 0)], async (sink) => {
    rename('Rouge', 'Vert', 'Bleu');
    for (let value = 0; sink.last(0)?.value !== 'Bleu'; value = (value + 1) % 3) {
      state.setValueFromSource({ dataType: DataType.UInt32, value }, told);
      const before = sink.of(0).length;
      await until('a reading', () => sink.of(0).length > before);
    }
  });
  rename('Red', 'Green', 'Blue');
});

test('values of the history have texts, too', { timeout: 30_000 }, async () => {
  const from = now();
  await until('time to pass', () => now() - from > 20 * TICKS_PER_MS);
  for (const value of [1, 2, 0]) {
    variables.recorded!.setValueFromSource({ dataType: DataType.Int32, value });
    const since = now();
    await until('time to pass', () => now() - since > 20 * TICKS_PER_MS);
  }
  const to = now();
  await during([tagOf('recorded', 0, { history: true })], async (sink, kept) => {
    kept.history.want(
      { reason: 'source-down', from, to },
      undefined,
      () => -Infinity,
      () => Infinity,
    );
    await until('what was recovered', () => sink.gaps.some(({ recovered }) => recovered !== undefined));
    const past = sink.batches.filter(({ stream }) => stream === 'backfill');
    const values = past.flatMap((batch) => Array.from({ length: batch.count }, (_, i) => valueAt(batch, i)));
    expect(values).toEqual(['Running', 'Failed', 'Stopped']);
  });
});

test('a tag that comes later has texts at once, one that goes leaves no trouble behind', {
  timeout: 30_000,
}, async () => {
  const first = tagOf('double', 0);
  await during([first], async (sink, kept) => {
    expect([...sink.parts.keys()]).toEqual(['double']);
    kept.roster.become([tagOf('two state', 1)], 100);
    await until('its reading', () => sink.last(1));
    expect(sink.of(1)[0]?.value).toBe('Open');
    await until('no trouble', () => sink.parts.size === 0);
  });
});

test('of a redundant set, whichever server is in use', { timeout: 60_000 }, async () => {
  const own = { ...variables };
  const other = await smallServer(fill);
  try {
    const options = openly(small.endpoint, scratch(), [tagOf('two state', 0), tagOf('multi state', 1)]);
    const set = redundantSet(options, [other.endpoint, small.endpoint]);
    const adapter = redundantAdapter(set, QUICK);
    const sink = recorder();
    const stop = new AbortController();
    await adapter.connect(stop.signal);
    const run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    await Promise.race([run, until('first readings', () => sink.last(0) && sink.last(1))]);
    const before = sink.of(0).length;
    await other.stop();
    await Promise.race([run, until('readings of the other', () => sink.of(0).length > before && sink.last(1), 30_000)]);
    stop.abort();
    await run;
    expect(new Set(sink.of(0).map(({ value }) => value))).toEqual(new Set(['Open']));
    expect(new Set(sink.of(1).map(({ value }) => value))).toEqual(new Set(['Blue']));
  } finally {
    Object.assign(variables, own);
    await other.stop();
  }
});

test('fieldgate read shows texts, and says where there are none', async () => {
  const tags = NAMES.map((name, index) => tagOf(name, index));
  const survey = opcuaSurvey(openly(small.endpoint, scratch(), tags));
  const { batch, details } = await survey.read(
    tags.map(({ index }) => index),
    new AbortController().signal,
  );
  const values = Object.fromEntries(NAMES.map((name, i) => [name, valueAt(batch, i)]));
  expect(values).toEqual(EXPECTED);
  expect(details.get(NAMES.indexOf('double'))).toContain('has no texts for it');
});

test('fieldgate browse tells the texts that enumText would send, of each variable that has some', async () => {
  const survey = opcuaSurvey(openly(small.endpoint, scratch(), []));
  const found = new Map<string, Browsed>();
  for await (const one of survey.browse!({ progress: () => {} }, new AbortController().signal))
    found.set(one.name, one);
  const told = Object.fromEntries(NAMES.flatMap((name) => (found.has(name) ? [[name, found.get(name)?.texts]] : [])));
  const pump = { 0: 'Stopped', 1: 'Running', 2: 'Failed' };
  const trip = { 10: 'Healthy', 20: 'Tripped' };
  expect(told).toEqual({
    'by EnumStrings': pump,
    'by EnumValues': trip,
    'number without a text': trip,
    'multi state': { 0: 'Red', 1: 'Green', 2: 'Blue' },
    'multi state value': { '-1': 'Idle', 1000: 'Cleaning' },
    'two state': { false: 'Shut', true: 'Open' },
    list: pump,
    bad: pump,
    double: undefined,
    'untold state': undefined,
    garbled: undefined,
  });
  // The state of the server is of a type of the standard, which is asked as any other.
  const under = opcuaSurvey(openly(small.endpoint, scratch(), []));
  for await (const { name, type, texts } of under.browse!(
    { progress: () => {}, under: 'i=2256' },
    new AbortController().signal,
  )) {
    if (name === 'State') expect([type, texts?.[0]]).toEqual(['ServerState', 'Running']);
  }
});

test('texts cost a walk few calls more, however many variables have them', { timeout: 60_000 }, async () => {
  const COUNT = 1_200;
  const several = async (add: (ns: Namespace, at: number, common: object) => void) => {
    const one = await smallServer((space) => {
      const ns = space.registerNamespace('urn:test:many');
      const organizedBy = space.rootFolder.objects;
      for (let at = 0; at < COUNT; at++) add(ns, at, { organizedBy, browseName: `V${at}`, nodeId: `s=V${at}` });
    });
    try {
      let requests = 0;
      one.server.on('request', () => requests++);
      let withTexts = 0;
      const survey = opcuaSurvey(openly(one.endpoint, scratch(), []));
      for await (const { texts } of survey.browse!({ progress: () => {} }, new AbortController().signal))
        if (texts !== undefined) withTexts++;
      return { requests, withTexts };
    } finally {
      await one.stop();
    }
  };
  const plain = await several((ns, _, common) => ns.addVariable({ ...common, dataType: 'Int32' } as never));
  const types = new Map<Namespace, NodeId>();
  const enumerations = await several((ns, _, common) => {
    const type = types.get(ns) ?? ns.addEnumerationType({ browseName: 'S', enumeration: ['Off', 'On'] }).nodeId;
    types.set(ns, type);
    ns.addVariable({ ...common, dataType: type } as never);
  });
  const states = await several((ns, at, common) =>
    ns.addMultiStateDiscrete({ ...common, enumStrings: ['Off', `On ${at % 3}`], value: 0 } as never),
  );
  expect([plain.withTexts, enumerations.withTexts, states.withTexts]).toEqual([0, COUNT, COUNT]);
  // One type: its name, its supertype, two properties, the value of the one it has, its definition.
  expect(enumerations.requests - plain.requests).toBeLessThanOrEqual(6);
  // One call more for each portion of the walk, and the name of their type, an abstract number.
  expect(states.requests - plain.requests).toBeLessThanOrEqual(Math.ceil(COUNT / 500) + 1);
});

test.each(['TranslateBrowsePathsToNodeIds', 'Read'])(
  'a server that hangs up over a text (%s) is walked to the end without',
  { timeout: 60_000 },
  async (service) => {
    const one = await smallServer(fill);
    try {
      const property = variables['multi state']!.getPropertyByName('EnumStrings')!.nodeId.toString();
      const handlers = one.server as unknown as Record<string, (message: Message, channel: Channel) => void>;
      const take = handlers[`_on_${service}Request`]!.bind(one.server);
      let hungUp = 0;
      handlers[`_on_${service}Request`] = (message, channel) => {
        const { nodesToRead } = message.request;
        if (nodesToRead !== undefined && !nodesToRead.some(({ nodeId }) => nodeId.toString() === property))
          return take(message, channel);
        hungUp++;
        channel.close(() => {});
      };
      const names: string[] = [];
      const survey = opcuaSurvey(openly(one.endpoint, scratch(), []));
      for await (const { name } of survey.browse!({ progress: () => {} }, new AbortController().signal))
        names.push(name);
      expect(names).toEqual(expect.arrayContaining(NAMES.filter((name) => name !== 'state of the server')));
      expect(hungUp).toBe(2);
    } finally {
      await one.stop();
    }
  },
);

interface Message {
  readonly request: { readonly nodesToRead?: readonly { readonly nodeId: NodeId }[] };
}
interface Channel {
  close(done: () => void): void;
}

test('one batch: only numbers and booleans of tags with texts change', () => {
  const values: Value[] = [1, 5, -1, true, false, 2n ** 60n, 'x', null, [1, [0]], { State: 1 }, Number.NaN];
  const builder = new BatchBuilder();
  for (const tag of [0, 1]) for (const value of values) builder.add(tag, 0, StatusCode.Good, value);
  const batch = withTexts(
    builder.take(),
    new Map([
      [
        1,
        new Map([
          [1, 'on'],
          [0, 'off'],
        ]),
      ],
    ]),
    () => {},
  );
  const all = Array.from({ length: batch.count }, (_, i) => valueAt(batch, i));
  expect(all.slice(0, values.length)).toEqual(values);
  const texts = ['on', '5', '-1', 'on', 'off', String(2n ** 60n), 'x', null, ['on', ['off']], { State: 1 }, 'NaN'];
  expect(all.slice(values.length)).toEqual(texts);
  expect(statusName(batch.status[0]!)).toBe('Good');
});
