// What else may happen to a redundant set: its tags change, its servers refuse, flap, are all lost and come back, stamp
// values with other times, do not keep what they promised; and what no queue bridges is told.

import { getEventListeners } from 'node:events';
import type { AddressSpace, BaseNode, UAVariable } from 'node-opcua-address-space';
import { DataType, StatusCodes } from 'node-opcua-client';
import { Subscription } from 'node-opcua-server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { redundantAdapter } from '../../../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { openSeat } from '../../../../agent/src/adapters/opcua/redundancy/seat.ts';
import { redundantSet, standing } from '../../../../agent/src/adapters/opcua/redundancy/set.ts';
import { standby } from '../../../../agent/src/adapters/opcua/redundancy/standby.ts';
import { modeOf } from '../../../../agent/src/adapters/opcua/source/failover.ts';
import type { Value } from '../../../../agent/src/model/batch.ts';
import { startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { openly, pkiTrusting, QUICK, tagsOf } from '../rig.ts';
import { gather, type Twins, type TwinsOptions, twins } from './twins.ts';

let plcs: Twins;
let gateway: Awaited<ReturnType<typeof gather>>;

const COUNTER = 'nsu=urn:test:plc;s=counter';
const OTHER = 'nsu=urn:test:plc;s=other';
const NODES = [COUNTER, OTHER];

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of endings.splice(0).reverse()) await end();
});

async function plant(options?: TwinsOptions): Promise<void> {
  plcs = await twins(options);
  endings.push(() => plcs.stop());
}

async function start(
  ...args: Parameters<typeof gather> extends [unknown, ...infer Rest] ? Rest : never
): Promise<void> {
  gateway = await gather(plcs, ...args);
  endings.push(() => gateway.stop());
  await gateway.ready(1);
  await gateway.flow(20);
}

/** The first server is lost, and the second one used. */
async function change(to = 1): Promise<void> {
  const [one] = plcs.both;
  if (to === 1) one.wire.freeze();
  await until('the change', () => gateway.used() === to);
  await gateway.flow();
}

test.each([
  [undefined, 'cold'],
  [0, 'cold'],
  [1, 'cold'],
  [2, 'warm'],
  [3, 'hot'],
  [4, 'cold'],
  [5, 'cold'],
])('RedundancySupport %s is used as %s', (support, mode) => {
  expect(modeOf(support)).toBe(mode);
});

describe('two servers', () => {
  beforeEach(() => plant({ nodes: ['counter', 'other'] }));

  test('say themselves how they stand by', async () => {
    for (const each of plcs.both) each.support(3);
    await start(undefined);
    expect(gateway.standing()).toMatchObject([
      { mode: 'hot', used: true },
      { mode: 'hot', used: false },
    ]);
    expect(plcs.both.map(({ subscriptions }) => subscriptions)).toEqual([1, 1]);
    await change();
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
  });

  test('stand by for longer than a subscription lives that nobody asks for', async () => {
    const counter = tagsOf([COUNTER], { sampling: 0 });
    await start('hot', {}, counter, { ...QUICK, keepAlive: 200, outlive: 800 });
    await gateway.flow(60);
    await change();
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
  });

  test('that are cold bear nothing but a session', async () => {
    await start('cold');
    expect(plcs.both.map(({ sessions, subscriptions }) => [sessions, subscriptions])).toEqual([
      [1, 1],
      [1, 0],
    ]);
  });

  test('that flap are changed between once, and nothing is lost by it', async () => {
    await start('hot');
    const [a, b] = plcs.both;
    a.level(100);
    await until('the change', () => gateway.used() === 1);
    for (let i = 0; i < 6; i++) {
      const [worse, better] = i % 2 === 0 ? [b, a] : [a, b];
      worse.level(100);
      better.level(255);
      await gateway.flow(8);
    }
    expect(gateway.used()).toBe(1);
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
  });

  test('that take turns lose nothing, and leave no session behind', async () => {
    await start('hot');
    for (let turn = 0; turn < 4; turn++) {
      const from = turn % 2;
      plcs.both[from]?.level(1);
      await until('the change', () => gateway.used() === 1 - from);
      plcs.both[from]?.level(255);
      await gateway.ready(from);
      await gateway.flow(20);
    }
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
    const each = () => plcs.both.map(({ sessions, subscriptions }) => [sessions, subscriptions]);
    await until('one session each', () => each().every(([sessions, subs]) => sessions === 1 && subs === 1));
  });

  test('of which both are lost are the supervisor’s, and either one is enough afterwards', async () => {
    await start('hot');
    const [a, b] = plcs.both;
    for (const each of [a, b]) each.wire.freeze();
    expect(await gateway.run).toMatchObject({ code: expect.stringMatching(/^source\./) });
    b.wire.thaw();
    await gateway.again();
    expect(gateway.used()).toBe(1);
    await gateway.flow();
    await until('it is said that one is missing', () => gateway.sink.parts.has(`server ${a.endpoint}`));
    a.wire.thaw();
    await until('the first stands by', () => gateway.sink.parts.size === 0);
  });

  test('get other tags, the one in use and the one that stands by', async () => {
    const [counter, other] = tagsOf(NODES, { sampling: 0 });
    await start('hot', {}, [counter!]);
    const { roster } = gateway.set;
    const [a, b] = plcs.both;
    const items = (server: number) => gateway.set.kept[server]?.estate?.items.length;
    roster.become([counter!, other!], 100);
    await until('the new tag at both', () => gateway.values(1).length > 0 && items(1) === 2);
    await gateway.flow(20);
    a.level(1);
    await until('the change', () => gateway.used() === 1);
    for (const each of plcs.both) each.set('other', 7, new Date());
    await until('the new tag at the second', () => gateway.values(1).at(-1) === 7);
    a.level(255);
    await gateway.ready(0);
    roster.become([counter!], 100);
    await until('one tag at both', () => items(0) === 1 && items(1) === 1);
    const came = gateway.values(1).length;
    for (const each of plcs.both) each.set('other', 8, new Date());
    await gateway.flow(20);
    b.level(1);
    await until('the change back', () => gateway.used() === 0);
    await gateway.flow(20);
    expect(gateway.values(1).length).toBe(came);
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
  });

  test('a tag that stands still comes once; one that was Bad at the first server alone comes from the second', async () => {
    await start('hot', {}, tagsOf(NODES, { sampling: 0 }));
    await until('its value', () => gateway.values(1).length === 1);
    await change();
    await gateway.flow(10);
    expect(gateway.values(1)).toEqual([0]);
    plcs.both[0].wire.thaw();
    await gateway.ready(0);
    await gateway.flow(20);
    plcs.both[1].bad('other', new Date());
    await until('it is Bad', () => gateway.values(1).at(-1) === null);
    plcs.both[1].level(1);
    await until('the change', () => gateway.used() === 0);
    await until('it is well', () => gateway.values(1).at(-1) === 0);
    expect(gateway.values(1)).toEqual([0, null, 0]);
    expect(gateway.faults()).toEqual([]);
  });

  test('polled tags have a gap of their own', async () => {
    const [counter] = tagsOf([COUNTER], { sampling: 0 });
    const [, other] = tagsOf(NODES, { mode: 'poll' });
    await start('hot', {}, [counter!, other!]);
    await change();
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toMatchObject([{ reason: 'source-down', tags: [OTHER] }]);
    for (const each of plcs.both) each.set('other', 9, new Date());
    await until('the polled tag', () => gateway.values(1).at(-1) === 9);
  });

  test('a deadband holds over a change', async () => {
    const deadband = { kind: 'absolute', size: 1_000 } as const;
    const [, other] = tagsOf(NODES, { sampling: 0, deadband });
    await start('hot', {}, [tagsOf([COUNTER], { sampling: 0 })[0]!, other!]);
    await until('its value', () => gateway.values(1).length === 1);
    for (const each of plcs.both) each.set('other', 500, new Date());
    await change();
    for (const each of plcs.both) each.set('other', 2_000, new Date());
    await until('a large change', () => gateway.values(1).at(-1) === 2_000);
    expect(gateway.values(1)).toEqual([0, 2_000]);
    expect(gateway.sink.gaps).toEqual([]);
  });

  test('one that does not switch on what stood by is used as a cold one', async () => {
    await start('hot');
    vi.spyOn(Subscription.prototype, 'setPublishingMode').mockReturnValue(StatusCodes.BadServiceUnsupported);
    await change();
    expect(gateway.unexplained()).toEqual([]);
    expect(gateway.sink.gaps).toMatchObject([{ reason: 'source-down' }]);
    expect(gateway.standing()[1]).toMatchObject({ mode: 'cold', used: true });
    await until('one session', () => plcs.both[1].sessions === 1 && plcs.both[1].subscriptions === 1);
  });

  test('one that sends what it should keep is not taken for whole', async () => {
    await start('hot');
    plcs.both[1].chatter();
    await gateway.flow(10);
    await change();
    expect(gateway.unexplained()).toEqual([]);
    expect(gateway.sink.gaps).toMatchObject([{ reason: 'source-down' }]);
  });

  test('whose times are not the same lose nothing without a word', async () => {
    plcs.lag(1, 3_000);
    await start('hot');
    await change();
    await until('the gap', () => gateway.sink.gaps.length > 0);
    await gateway.flow();
    expect(gateway.unexplained()).toEqual([]);
  });
});

test('what a cold change-over misses comes from the history of the other server', async () => {
  await plant({
    fill(space: AddressSpace) {
      const index = space.getNamespaceIndex('urn:test:plc');
      space.installHistoricalDataNode(space.findNode(`ns=${index};s=counter`) as UAVariable, {
        maxOnlineValues: 10_000,
      });
    },
  });
  await start('cold', {}, tagsOf([COUNTER], { sampling: 0, history: true }));
  await change();
  await until('what was recovered', () => gateway.sink.gaps.some(({ recovered }) => recovered !== undefined));
  const came = gateway.values().toSorted((a, b) => a - b);
  expect(came).toEqual(Array.from({ length: came.length }, (_, i) => came[0]! + i));
  expect(gateway.sink.gaps).toMatchObject([
    { reason: 'source-down' },
    { reason: 'source-down', complete: true, recovered: expect.any(Number) },
  ]);
});

test('a server that comes and goes leaves nothing behind in the one that waits for it', async () => {
  await plant();
  const [, { endpoint, wire }] = plcs.both;
  const set = redundantSet(openly(endpoint, scratch(), tagsOf([COUNTER])), [endpoint]);
  const listeners: number[] = [];
  const begin = (signal: AbortSignal) => {
    listeners.push(getEventListeners(signal, 'abort').length);
    return openSeat(set, 0, QUICK, () => {}, signal);
  };
  const stands: unknown[] = [];
  const one = standby(begin, recorder(), Promise.resolve(), (reason) => stands.push(reason));
  endings.push(() => one.end());
  for (const times of [1, 2]) {
    await until(`connection ${times}`, () => stands.filter((reason) => reason === undefined).length === times);
    wire.cut();
  }
  await until('once more', () => listeners.length === 3);
  expect(listeners).toEqual([0, 0, 0]);
});

test('a server that takes the tags and then says nothing of them: what it kept to itself is told', async () => {
  await plant();
  await start('cold');
  const [first, second] = plcs.both;
  const server = second.server as unknown as { _on_PublishRequest(...given: unknown[]): void };
  server._on_PublishRequest = () => first.wire.letIn();
  first.wire.turnAway();
  first.wire.cut();
  await until('the second', () => gateway.used() === 1);
  await until('the first again', () => gateway.used() === 0, 30_000);
  await gateway.flow();
  expect(gateway.unexplained()).toEqual([]);
});

test('events come from the other server, its alarms are repeated, and what may be missing is told', async () => {
  const spaces: AddressSpace[] = [];
  const levels: UAVariable[] = [];
  await plant({
    fill(space, which) {
      spaces[which] = space;
      space.installAlarmsAndConditionsService();
      const ns = space.registerNamespace('urn:test:tank');
      const { server } = space.rootFolder.objects;
      const tank = ns.addObject({ browseName: 'Tank', organizedBy: space.rootFolder.objects, eventSourceOf: server });
      const level = ns.addVariable({
        browseName: 'Level',
        componentOf: tank,
        dataType: 'Double',
        eventSourceOf: tank,
        value: { dataType: DataType.Double, value: 50 },
      });
      ns.instantiateExclusiveLimitAlarm('ExclusiveLimitAlarmType', {
        browseName: 'LevelAlarm',
        componentOf: tank,
        conditionName: 'LevelAlarm',
        conditionSource: level,
        inputNode: level,
        highHighLimit: 90,
        highLimit: 80,
        lowLimit: 10,
        lowLowLimit: 5,
      });
      levels.push(level);
    },
  });
  const told = () => gateway.sink.of(5).map(({ value }) => value as Readonly<Record<string, Value>>);
  const wanted = {
    index: 5,
    name: 'plc:events',
    notifier: 'i=2253',
    severityFrom: 1,
    types: [],
    fields: [],
    conditions: true,
  };
  await start('hot', { events: wanted });
  for (const level of levels) level.setValueFromSource({ dataType: DataType.Double, value: 85 });
  await until('the alarm', () => told().some(({ Active }) => Active === true));
  await change();
  await until('the alarm again', () => told().some(({ Active, Refresh }) => Active === true && Refresh === true));
  expect(gateway.sink.gaps).toMatchObject([{ reason: 'source-down', tags: ['plc:events'] }]);
  expect(gateway.faults()).toEqual([]);
  const server = spaces[1]?.rootFolder.objects.server as BaseNode & { raiseEvent(type: string, data: object): void };
  server.raiseEvent('SystemEventType', { message: { dataType: DataType.LocalizedText, value: { text: 'news' } } });
  await until('an event of the second', () => told().some(({ Message }) => Message === 'news'));
});

test('a standby that is not trusted is told of, and does not disturb the other', async () => {
  const [a, b] = await Promise.all(
    [0, 1].map(() => startOpcUaServer({ folder: scratch(), tags: 20, counters: 1, period: 100 })),
  );
  endings.push(async () => Promise.all([a?.close(), b?.close()]));
  const options = {
    name: 'plc',
    endpoint: a!.endpoint,
    user: { name: a!.user, password: async () => a!.password },
    publishing: 100,
    pki: pkiTrusting(a!.certificate),
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: tagsOf([`nsu=${a!.namespace};s=${a!.signals[0]!.name}`]),
    redundancy: 'hot' as const,
  };
  const set = redundantSet(options, [a!.endpoint, b!.endpoint]);
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
  const key = `server ${b!.endpoint}`;
  await until('the reason', () => sink.parts.has(key));
  expect(sink.parts.get(key)).toMatch(/^does not stand by: .*trust/s);
  expect(sink.parts.get(key)).toContain(b!.thumbprint);
  expect(standing(set)).toMatchObject([{ used: true }, { used: false, health: 'unreachable', mode: null }]);
  await until('readings', () => sink.of(0).length > 5);
  expect(b!.counters().sessions).toBe(0);
});
