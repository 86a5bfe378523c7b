// What is asked of a server beside the readings: ranges, units, texts, types, history. One that hangs up or never answers
// over it costs a bounded number of links; then the readings flow without, and the source says without what.

import type { UAVariable } from 'node-opcua-address-space';
import { AttributeIds, DataType, MonitoringMode, type NodeId } from 'node-opcua-client';
import { makeEUInformation } from 'node-opcua-data-access';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { EventsOptions, OpcUaTag, Timings } from '../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { type Value, valueAt } from '../../../agent/src/model/batch.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { structureOf } from './raw-structure.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

const TAGS = 60;
/** The one over which the server stumbles. */
const GUILTY = 7;

interface Message {
  readonly request: Record<string, readonly object[]>;
}
interface Channel {
  close(done: () => void): void;
}
type Handlers = Record<string, (message: Message, channel: Channel) => void>;

/** Names of the nodes that a request asks for, with what it asks of them. */
const ASKED: Record<string, (request: Record<string, readonly object[]>) => string[]> = {
  Read: ({ nodesToRead }) =>
    (nodesToRead as { nodeId: NodeId; attributeId: number }[]).map(
      ({ nodeId, attributeId }) => `${nodeId.value}.${AttributeIds[attributeId]}`,
    ),
  TranslateBrowsePathsToNodeIds: ({ browsePaths }) =>
    (browsePaths as { startingNode: NodeId; relativePath: { elements: { targetName: { name: string } }[] } }[]).map(
      ({ startingNode, relativePath }) => `${startingNode.value}.${relativePath.elements[0]!.targetName.name}`,
    ),
  HistoryRead: ({ nodesToRead }) =>
    (nodesToRead as { nodeId: NodeId }[]).map(({ nodeId }) => `${nodeId.value}.History`),
  CreateMonitoredItems: ({ itemsToCreate }) =>
    (itemsToCreate as { itemToMonitor: { attributeId: number } }[]).map(
      ({ itemToMonitor }) => `item.${AttributeIds[itemToMonitor.attributeId]}`,
    ),
  Call: ({ methodsToCall }) =>
    (methodsToCall as { methodId: NodeId }[]).map(({ methodId }) => `call.${methodId.value}`),
  Browse: ({ nodesToBrowse }) => (nodesToBrowse as { nodeId: NodeId }[]).map(({ nodeId }) => `${nodeId.value}.Browse`),
};

let plc: SmallServer;
let ticking: NodeJS.Timeout;
let how: 'hangs up' | 'never answers' = 'hangs up';
let poison: (asked: string) => boolean = () => false;
/** How often it was asked for what it stumbles over. */
let stumbled = 0;
/** Items are made, and nothing is ever sent of them. */
let mute = false;
const open = new Set<Channel>();
/** The node of the enumeration that the even tags are of. */
let pump: NodeId;

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    pump = namespace.addEnumerationType({ browseName: 'PumpState', enumeration: ['Stopped', 'Running'] }).nodeId;
    const trip = namespace.addEnumerationType({ browseName: 'TripState', enumeration: ['Tripped', 'Healthy'] });
    const organizedBy = space.rootFolder.objects;
    const variables: UAVariable[] = [];
    const states: UAVariable[] = [];
    for (let i = 0; i < TAGS; i++) {
      const variable = namespace.addAnalogDataItem({
        organizedBy,
        browseName: `V${i}`,
        nodeId: `s=V${i}`,
        dataType: DataType.Double,
        engineeringUnitsRange: { low: 0, high: 200 },
        engineeringUnits: makeEUInformation('MQH', 'm3/h', 'm3/h'),
      });
      space.installHistoricalDataNode(variable, { maxOnlineValues: 10_000 });
      variables.push(variable);
      const dataType = i % 2 === 0 ? pump : trip.nodeId;
      const state = namespace.addVariable({ organizedBy, browseName: `E${i}`, nodeId: `s=E${i}`, dataType });
      states.push(state);
      const still = namespace.addVariable({
        organizedBy,
        browseName: `S${i}`,
        nodeId: `s=S${i}`,
        dataType: DataType.Double,
      });
      still.setValueFromSource({ dataType: DataType.Double, value: i });
    }
    for (const name of ['X', 'Y']) {
      const type = namespace.createDataType({ browseName: `T${name}`, isAbstract: false, subtypeOf: 'Structure' });
      const encoding = namespace.addObject({
        browseName: { name: 'Default Binary', namespaceIndex: 0 },
        nodeId: `s=encoding ${name}`,
        encodingOf: type,
      });
      namespace.addVariable({
        organizedBy,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: 'Structure',
        minimumSamplingInterval: 50,
        value: { timestamped_get: () => structureOf(encoding.nodeId, Buffer.alloc(0)) },
      });
    }
    let value = 0;
    const tick = () => {
      value += 1;
      for (const variable of variables) variable.setValueFromSource({ dataType: DataType.Double, value });
      for (const state of states) state.setValueFromSource({ dataType: DataType.Int32, value: value % 2 });
    };
    tick();
    ticking = setInterval(tick, 100);
  });
  const server = plc.server as unknown as Handlers;
  for (const [service, namesOf] of Object.entries(ASKED)) {
    const take = server[`_on_${service}Request`]!.bind(server);
    server[`_on_${service}Request`] = (message, channel) => {
      open.add(channel);
      if (mute)
        for (const item of message.request.itemsToCreate ?? [])
          Object.assign(item, { monitoringMode: MonitoringMode.Disabled });
      if (!namesOf(message.request).some(poison)) return take(message, channel);
      stumbled += 1;
      if (how === 'hangs up') channel.close(() => {});
    };
  }
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.stop();
});
let made: Supervisor | undefined;
afterEach(async () => {
  await made?.stop();
  made = undefined;
  poison = () => false;
  mute = false;
});

/** A source of these tags at a server that stumbles over what `over` says. */
function start(
  tags: readonly OpcUaTag[],
  over: typeof poison,
  doing: typeof how = 'hangs up',
  timings?: Partial<Timings>,
  events?: EventsOptions,
) {
  how = doing;
  poison = over;
  stumbled = 0;
  const options = { ...openly(plc.endpoint, scratch(), tags), ...(events && { events }) };
  const paced = { ...QUICK, request: 500, ...timings };
  const kept = keep(options, 200, undefined, paced.retry);
  const latest: { status: number; value: Value | null }[] = [];
  const gaps: Gap[] = [];
  const past = new Set<number>();
  const facts = new Map<number, object>();
  const source = supervisor({
    source: {
      name: options.name,
      protocol: 'opcua',
      address: options.endpoint,
      tags: tags.map(({ index }) => index),
      latency: 0,
      create: () => opcuaAdapter(options, paced, kept),
    },
    accept(batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) {
        const tag = batch.tag[i]!;
        if (batch.stream === 'backfill') past.add(tag);
        else latest[tag] = { status: batch.status[i]!, value: valueAt(batch, i) };
      }
    },
    describe: (tag, more) => facts.set(tag, { ...facts.get(tag), ...more }),
    lost: () => {},
    log: () => {},
  });
  made = source;
  source.start();
  return {
    latest,
    gaps,
    past,
    facts,
    kept,
    connects: () => source.stats().connects,
    trouble(part: string) {
      const { state } = source.stats();
      return state.state === 'degraded' ? (state.trouble.get(part) ?? '') : '';
    },
    allGood: () => tags.every(({ index }) => latest[index] !== undefined && isGood(latest[index].status)),
  };
}

/** What came to pass: it is connected, all tags have readings, and it is not asked again for what it stumbles over. */
async function flows(run: ReturnType<typeof start>, most: number) {
  await until('all readings', run.allGood, 45_000);
  const [before, asked] = [run.connects(), stumbled];
  expect(asked).toBeGreaterThan(0);
  expect(before).toBeLessThanOrEqual(most);
  // Longer than any of what is asked again soon.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect([run.connects(), stumbled]).toEqual([before, asked]);
  expect(run.allGood()).toBe(true);
}

const tagsNamed = (letter: string, more: Partial<OpcUaTag>) =>
  tagsOf(
    Array.from({ length: TAGS }, (_, i) => `nsu=urn:plc;s=${letter}${i}`),
    more,
  ).map((tag, i) => ({ ...tag, name: `${letter}${i}` }));
const others = Array.from({ length: TAGS }, (_, i) => i).filter((i) => i !== GUILTY);

test('a server that hangs up over the unit of a node: the others have theirs', { timeout: 90_000 }, async () => {
  const run = start(tagsNamed('V', { wantsUnit: true }), (asked) => asked === `V${GUILTY}.EngineeringUnits`);
  await until('units', () => others.every((i) => run.facts.has(i)), 45_000);
  await until('told', () => run.trouble('units').includes(`V${GUILTY} (`), 45_000);
  expect(run.facts.has(GUILTY)).toBe(false);
  await flows(run, 6);
});

test('a server that hangs up over the range of a node: the others have theirs', { timeout: 90_000 }, async () => {
  const run = start(tagsNamed('V', { wantsRange: true }), (asked) => asked === `V${GUILTY}.EURange`);
  const ranged = (i: number) => 'range' in (run.facts.get(i) ?? {});
  await until('ranges', () => others.every(ranged), 45_000);
  await until('told', () => run.trouble('ranges').includes(`V${GUILTY} (`), 45_000);
  expect(ranged(GUILTY)).toBe(false);
  await flows(run, 6);
});

test('a server that hangs up over every unit: all tags are read', { timeout: 90_000 }, async () => {
  const run = start(tagsNamed('V', { wantsUnit: true, wantsRange: true }), (asked) => asked.endsWith('Units'));
  await until('told', () => run.trouble('units').includes('none is asked for'), 60_000);
  await flows(run, 12);
});

test('a server that never answers over any range: all tags are read', { timeout: 90_000 }, async () => {
  const tags = tagsNamed('V', { wantsRange: true });
  const run = start(tags, (asked) => asked.endsWith('EURange'), 'never answers', { request: 300 });
  await until('told', () => run.trouble('ranges').includes('V0 ('), 60_000);
  await flows(run, 1);
});

test('a server that hangs up over the type of a node: the others have their texts', { timeout: 90_000 }, async () => {
  const run = start(tagsNamed('E', { enumText: 'wanted' }), (asked) => asked === `E${GUILTY}.DataType`);
  await until('texts', () => others.every((i) => typeof run.latest[i]?.value === 'string'), 45_000);
  await until('told', () => run.trouble('texts').includes(`E${GUILTY} (`), 45_000);
  expect(run.latest[GUILTY]?.value).toBeTypeOf('number');
  await flows(run, 6);
});

test('a server that hangs up over an enumeration: those of others have their texts', { timeout: 90_000 }, async () => {
  const run = start(tagsNamed('E', { enumText: 'wanted' }), (asked) => asked === `${pump.value}.EnumStrings`);
  const odd = others.filter((i) => i % 2 === 1);
  await until('texts', () => odd.every((i) => typeof run.latest[i]?.value === 'string'), 45_000);
  await until('told', () => run.trouble('texts').includes(String(pump)), 45_000);
  expect(run.latest[0]?.value).toBeTypeOf('number');
  await flows(run, 6);
});

test('a server that hangs up over the history of a node: that of others is had', { timeout: 90_000 }, async () => {
  const tags = tagsNamed('V', { history: true, mode: 'poll', sampling: 200 });
  const run = start(tags, (asked) => asked === `V${GUILTY}.History`);
  await until('readings', run.allGood, 45_000);
  // An outage in which polls are missing.
  for (const channel of open) channel.close(() => {});
  open.clear();
  await until('the past of others', () => others.every((i) => run.past.has(i)), 45_000);
  await until('told', () => run.trouble('history').includes(`V${GUILTY} (`), 45_000);
  await until('what is known of the gaps', () => run.gaps.some(({ complete }) => complete === false), 45_000);
  await flows(run, 8);
});

test('a server that hangs up over the type of a structure: its value is Bad, and all others flow', {
  timeout: 90_000,
}, async () => {
  const structured = tagsOf(['nsu=urn:plc;s=X', 'nsu=urn:plc;s=Y']).map((tag, i) => ({ ...tag, index: TAGS + i }));
  const tags = tagsNamed('V', {});
  const run = start([...tags, ...structured], (asked) => asked === 'encoding X.Browse');
  await until('readings', () => tags.every(({ index }) => isGood(run.latest[index]?.status ?? 0x8000_0000)), 45_000);
  const said = (i: number) => statusName(run.latest[TAGS + i]?.status ?? 0x8000_0000);
  await until('both values', () => said(0) === 'BadDataTypeIdUnknown' && said(1) === 'Good', 45_000);
  await until('told', () => run.trouble('types').includes('encoding X ('), 45_000);
  const [connects, asked] = [run.connects(), stumbled];
  expect(connects).toBeLessThanOrEqual(5);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect([run.connects(), stumbled]).toEqual([connects, asked]);
});

test('a server that sends nothing of its values and hangs up when one is read: those of others are known', {
  timeout: 90_000,
}, async () => {
  const tags = tagsNamed('S', {});
  mute = true;
  const run = start(tags, (asked) => asked === `S${GUILTY}.Value`);
  await until('told', () => run.trouble('values').includes(`S${GUILTY} (`), 45_000);
  const good = (i: number) => isGood(run.latest[i]?.status ?? 0x8000_0000);
  await until('the others', () => others.every(good), 45_000);
  expect(good(GUILTY)).toBe(false);
  const [connects, asked] = [run.connects(), stumbled];
  expect(connects).toBeLessThanOrEqual(6);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect([run.connects(), stumbled]).toEqual([connects, asked]);
});

test.each(['item.EventNotifier', 'call.3875'])(
  'a server that hangs up over its events (%s): all tags are read',
  {
    timeout: 90_000,
  },
  async (what) => {
    const tags = tagsNamed('V', {});
    const events = {
      index: TAGS,
      name: 'plc:events',
      notifier: 'i=2253',
      severityFrom: 1,
      types: [],
      fields: [],
      conditions: true,
    };
    const run = start(tags, (asked) => asked === what, 'hangs up', {}, events);
    await until('told', () => run.trouble('events').includes('plc:events ('), 45_000);
    await flows(run, 6);
  },
);
