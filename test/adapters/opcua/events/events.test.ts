// Events and alarms of a real server: what it tells comes in order and with its states, conditions are repeated after
// each connect, filters hold on both sides, and a server that knows none of it harms no tag.

import type { AddressSpace, BaseNode, UAVariable } from 'node-opcua-address-space';
import {
  AttributeIds,
  type CreateMonitoredItemsRequest,
  DataType,
  EventNotificationList,
  NotificationMessage,
  OPCUAClient,
  resolveNodeId,
  StatusCodes,
  Variant,
} from 'node-opcua-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { events } from '../../../../agent/src/adapters/opcua/events/events.ts';
import { keep } from '../../../../agent/src/adapters/opcua/kept.ts';
import type { Calls } from '../../../../agent/src/adapters/opcua/link/calls.ts';
import type { EventsOptions } from '../../../../agent/src/adapters/opcua/source/options.ts';
import type { Value } from '../../../../agent/src/model/batch.ts';
import { formatTime } from '../../../../agent/src/model/time.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const INDEX = 7;
const WANTED: EventsOptions = {
  index: INDEX,
  name: 'plc:events',
  notifier: 'i=2253',
  severityFrom: 1,
  types: [],
  fields: [],
  conditions: true,
};

interface Plant {
  readonly small: SmallServer;
  readonly level: UAVariable;
  /** An event of the server itself. */
  raise(type: string, severity: number, message: string): void;
}

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A tank whose level has an alarm from 80 (high) and 90 (high high) on. */
async function plant(): Promise<Plant> {
  let level: UAVariable | undefined;
  let space: AddressSpace | undefined;
  const small = await smallServer((made) => {
    space = made;
    made.installAlarmsAndConditionsService();
    const namespace = made.registerNamespace('urn:test:tank');
    const tank = namespace.addObject({
      browseName: 'Tank',
      organizedBy: made.rootFolder.objects,
      eventSourceOf: made.rootFolder.objects.server,
    });
    level = namespace.addVariable({
      browseName: 'Level',
      nodeId: 's=Level',
      componentOf: tank,
      dataType: 'Double',
      eventSourceOf: tank,
      value: { dataType: DataType.Double, value: 50 },
    });
    namespace.instantiateExclusiveLimitAlarm('ExclusiveLimitAlarmType', {
      browseName: 'LevelAlarm',
      nodeId: 's=LevelAlarm',
      componentOf: tank,
      conditionName: 'LevelAlarm',
      conditionSource: level,
      inputNode: level,
      highHighLimit: 90,
      highLimit: 80,
      lowLimit: 10,
      lowLowLimit: 5,
      optionals: ['ConfirmedState', 'Confirm'],
    });
  });
  endings.push(() => small.stop());
  return {
    small,
    level: level as UAVariable,
    raise(type, severity, message) {
      const server = small.server.engine.addressSpace?.rootFolder.objects.server as BaseNode & {
        raiseEvent(type: string, data: object): void;
      };
      server.raiseEvent(type, {
        severity: { dataType: DataType.UInt16, value: severity },
        message: { dataType: DataType.LocalizedText, value: { text: message } },
        sourceName: { dataType: DataType.String, value: 'plc' },
      });
      expect(space).toBeDefined();
    },
  };
}

type Event = Readonly<Record<string, Value>>;
const eventsOf = (sink: Recorder) => sink.of(INDEX).map(({ value }) => value as Event);

async function watching(
  { small }: Plant,
  more: Partial<EventsOptions> = {},
  nodes = ['nsu=urn:test:tank;s=Level'],
  timings = QUICK,
) {
  const sink = recorder();
  const stop = new AbortController();
  const options = { ...openly(small.endpoint, scratch(), tagsOf(nodes)), events: { ...WANTED, ...more } };
  const kept = keep(options);
  const once = async () => {
    const adapter = opcuaAdapter(options, timings, kept);
    await adapter.connect(stop.signal);
    const run = adapter.run(sink, stop.signal).catch((error: unknown) => error);
    return { adapter, run };
  };
  const first = await once();
  await Promise.race([first.run, until('the tags stand', () => sink.readies > 0, 30_000)]);
  endings.push(async () => {
    stop.abort();
    await first.run;
    await first.adapter.close();
  });
  return { sink, once, ...first };
}

/** As an operator's station does. */
async function acknowledge({ small }: Plant, eventId: Value | undefined): Promise<void> {
  const client = OPCUAClient.create({ endpointMustExist: false });
  const { statusCode } = await client.withSessionAsync(small.endpoint, (session) =>
    session.call({
      objectId: 'ns=2;s=LevelAlarm',
      methodId: 'i=9111',
      inputArguments: [
        { dataType: DataType.ByteString, value: Buffer.from(String(eventId), 'base64') },
        { dataType: DataType.LocalizedText, value: { text: 'seen' } },
      ],
    }),
  );
  expect(statusCode.name).toBe('Good');
}

const set = (level: UAVariable, value: number) => level.setValueFromSource({ dataType: DataType.Double, value });

test('an alarm comes, is worse, is acknowledged and goes; every state in order', async () => {
  const tank = await plant();
  const { sink } = await watching(tank);
  set(tank.level, 85);
  await until('the alarm', () => eventsOf(sink).some(({ Active }) => Active === true));
  set(tank.level, 95);
  await until('the worse alarm', () => eventsOf(sink).filter(({ ConditionName }) => ConditionName).length === 2);
  await acknowledge(tank, eventsOf(sink).at(-1)?.EventId);
  await until('its acknowledgement', () => eventsOf(sink).some(({ Acked }) => Acked === true));
  set(tank.level, 50);
  await until('its end', () => eventsOf(sink).some(({ Active }) => Active === false));
  const told = eventsOf(sink).filter(({ ConditionName }) => ConditionName === 'LevelAlarm');
  const [alarm] = told;
  expect(alarm).toMatchObject({
    EventType: 'i=9341',
    EventTypeName: 'ExclusiveLimitAlarmType',
    ConditionId: 'nsu=urn:test:tank;s=LevelAlarm',
    SourceName: '2:Level',
    SourceNode: 'nsu=urn:test:tank;s=Level',
    Retain: true,
    Active: true,
    Acked: false,
    Quality: 'Good',
  });
  expect(alarm).not.toHaveProperty('BranchId');
  expect(told.map(({ Active, Acked }) => [Active, Acked])).toEqual([
    [true, false],
    [true, false],
    [true, true],
    [false, true],
  ]);
  expect(new Set(told.map(({ EventId }) => EventId)).size).toBe(4);
  expect(told.every((event) => !('Refresh' in event))).toBe(true);
  const [reading] = sink.of(INDEX);
  expect(formatTime(reading?.time ?? 0).slice(0, 23)).toBe(String(alarm?.Time).slice(0, 23));
  expect(sink.faults()).toEqual([]);
  expect([...sink.parts]).toEqual([]);
});

test('what stands is repeated after each connect, marked, and not as news', async () => {
  const tank = await plant();
  set(tank.level, 95);
  const { sink, adapter, run, once } = await watching(tank);
  await until('the alarm that stood', () => eventsOf(sink).length > 0);
  expect(eventsOf(sink)).toMatchObject([{ ConditionName: 'LevelAlarm', Active: true, Refresh: true }]);
  await adapter.close();
  await run;
  const again = await once();
  await until('the alarm again', () => eventsOf(sink).length > 1);
  expect(eventsOf(sink)[1]).toMatchObject({ EventId: eventsOf(sink)[0]?.EventId, Refresh: true });
  set(tank.level, 85);
  await until('news', () => eventsOf(sink).length > 2);
  expect(eventsOf(sink)[2]).not.toHaveProperty('Refresh');
  await again.adapter.close();
  await again.run;
});

test('severity, types and more fields as the mapping wants them', async () => {
  const tank = await plant();
  const wanted = { severityFrom: 500, types: ['i=2130'], fields: ['LocalTime', 'Nonsense'] };
  const { sink } = await watching(tank, { ...wanted, conditions: false });
  tank.raise('SystemEventType', 499, 'too small');
  tank.raise('BaseEventType', 900, 'another type');
  tank.raise('SystemEventType', 500, 'wanted');
  tank.raise('DeviceFailureEventType', 501, 'derived');
  await until('both', () => eventsOf(sink).length >= 2);
  expect(eventsOf(sink).map(({ Message }) => Message)).toEqual(['wanted', 'derived']);
  expect(eventsOf(sink)[0]).toMatchObject({ Severity: 500, EventTypeName: 'SystemEventType', SourceName: 'plc' });
  expect(sink.parts.get('events')).toContain('Nonsense');
  await until('the tag', () => sink.last(0)?.value === 50);
});

test('a server that refuses where clauses is filtered here, subtypes too', async () => {
  const tank = await plant();
  const { prototype } = (await import('node-opcua-server')).ServerSession;
  expect(prototype).toBeDefined();
  const engine = tank.small.server as unknown as {
    createMonitoredItems?: unknown;
    _on_CreateMonitoredItemsRequest: (...args: unknown[]) => void;
  };
  const original = engine._on_CreateMonitoredItemsRequest;
  let refused = 0;
  vi.spyOn(engine, '_on_CreateMonitoredItemsRequest').mockImplementation(function (
    this: unknown,
    message: unknown,
    channel: unknown,
  ) {
    const { request } = message as {
      request: { itemsToCreate: { requestedParameters: { filter?: { whereClause?: { elements: unknown[] } } } }[] };
    };
    for (const { requestedParameters } of request.itemsToCreate) {
      const clause = requestedParameters.filter?.whereClause;
      if (!clause?.elements?.length) continue;
      refused += 1;
      // An element without operands is none that a server could take.
      (clause.elements[0] as { filterOperands: unknown[] }).filterOperands = [];
    }
    return original.call(this, message, channel);
  });
  const { sink } = await watching(tank, { severityFrom: 500, types: ['i=2130'] });
  tank.raise('SystemEventType', 400, 'too small');
  tank.raise('BaseEventType', 900, 'another type');
  tank.raise('DeviceFailureEventType', 501, 'derived');
  await until('the event', () => eventsOf(sink).length > 0);
  expect(eventsOf(sink).map(({ Message }) => Message)).toEqual(['derived']);
  expect(refused).toBeGreaterThan(0);
});

/** The server watches for events as it is asked, and does not say so the first `times`. */
function unanswered({ small }: Plant, times: number): void {
  const server = small.server as unknown as {
    _on_CreateMonitoredItemsRequest(message: { request: CreateMonitoredItemsRequest }, channel: object): void;
  };
  const original = server._on_CreateMonitoredItemsRequest.bind(server);
  let left = times;
  server._on_CreateMonitoredItemsRequest = (message, channel) => {
    const [item] = message.request.itemsToCreate ?? [];
    const isMute = item?.itemToMonitor.attributeId === AttributeIds.EventNotifier && left-- > 0;
    original(message, isMute ? Object.assign(Object.create(channel), { send_response: () => {} }) : channel);
  };
}

test('a server too slow to say that it watches for events tells each of them once', { timeout: 60_000 }, async () => {
  const tank = await plant();
  unanswered(tank, 1);
  const timings = { ...QUICK, request: 1_000 };
  const { sink } = await watching(tank, { conditions: false }, undefined, timings);
  await until('the events stand', () => sink.parts.size === 0);
  for (const message of ['one', 'two']) tank.raise('SystemEventType', 500, message);
  await until('the last', () => eventsOf(sink).some(({ Message }) => Message === 'two'));
  expect(eventsOf(sink).map(({ Message }) => Message)).toEqual(['one', 'two']);
});

test('a server that never says whether it watches for events harms no tag', { timeout: 60_000 }, async () => {
  const tank = await plant();
  unanswered(tank, Infinity);
  const { sink, run } = await watching(tank, {}, undefined, { ...QUICK, request: 500 });
  expect(sink.readies).toBe(1);
  expect(sink.parts.get('events')).toContain('no answer in 500 ms while watching for events');
  set(tank.level, 60);
  await Promise.race([run, until('the tag', () => sink.last(0)?.value === 60)]);
  expect(sink.last(0)?.value).toBe(60);
});

describe('a server without', () => {
  test('the notifier says so, is asked again, and its tags work', async () => {
    const tank = await plant();
    const { sink } = await watching(tank, { notifier: 'nsu=urn:test:tank;s=nobody' });
    await until('the reason', () => sink.parts.get('events'));
    expect(sink.parts.get('events')).toContain('BadNodeIdUnknown');
    await until('the tag', () => sink.last(0)?.value === 50);
  });

  test('the namespace of a type says so', async () => {
    const { sink } = await watching(await plant(), { types: ['nsu=urn:nowhere;i=1'] });
    expect(sink.parts.get('events')).toContain('urn:nowhere');
  });

  test('ConditionRefresh says so', async () => {
    const small = await smallServer(() => {});
    endings.push(() => small.stop());
    const method = small.server.engine.addressSpace?.findNode('i=3875') as unknown as { bindMethod(f: unknown): void };
    method.bindMethod((_: unknown, __: unknown, done: (e: null, r: object) => void) =>
      done(null, { statusCode: StatusCodes.BadNotSupported }),
    );
    const { sink } = await watching({ small } as Plant, {}, []);
    await until('the reason', () => sink.parts.get('conditions'));
    expect(sink.parts.get('conditions')).toContain('conditions: false');
  });
});

describe('hostile', () => {
  const message = (...list: Variant[][]) =>
    new NotificationMessage({
      sequenceNumber: 1,
      notificationData: [
        new EventNotificationList({ events: list.map((eventFields) => ({ clientHandle: 1, eventFields })) }),
      ],
    });
  const start = () => {
    const sink = recorder();
    const asked: unknown[] = [];
    const server = {
      once: async (doing: string) => {
        asked.push(doing);
        return { results: [{ statusCode: StatusCodes.Good }], statusCode: StatusCodes.Good };
      },
    } as unknown as Calls;
    const told = events(WANTED);
    told.bind({ server, namespaces: [], sink, note: () => {} });
    return { sink, told, asked };
  };
  const text = (value: string) => new Variant({ dataType: DataType.String, value });

  test('fields of wrong types, too few, too many and none', () => {
    const { sink, told } = start();
    const number = new Variant({ dataType: DataType.Double, value: Number.NaN });
    told.take(
      message(
        [],
        [text('a')],
        Array.from({ length: 100 }, () => number),
        Array.from({ length: 7 }, () => text('x')),
      ),
    );
    const nobody = new EventNotificationList({ events: null as never });
    told.take(new NotificationMessage({ sequenceNumber: 2, notificationData: [nobody] }));
    expect(sink.of(INDEX)).toHaveLength(4);
    expect(sink.faults()).toEqual([]);
    const [empty, , numbers, texts] = eventsOf(sink);
    expect(empty).toEqual({});
    expect(numbers).not.toHaveProperty('EventType');
    expect(texts).not.toHaveProperty('Severity');
    expect(texts).not.toHaveProperty('Time');
  });

  const flow = (id: number) => [
    new Variant(),
    new Variant({ dataType: DataType.NodeId, value: resolveNodeId(`i=${id}`) }),
  ];

  test('an overflow is a gap, and a storm of refreshes is one', async () => {
    const { sink, told, asked } = start();
    await told.begin(async () => 1);
    await told.refresh();
    for (let i = 0; i < 1_000; i++) told.take(message(flow(2789), flow(3035)));
    expect(sink.gaps).toHaveLength(1_000);
    expect(sink.gaps[0]).toMatchObject({ reason: 'source-overflow', tags: ['plc:events'] });
    expect(asked.filter((doing) => doing === 'asking for the conditions')).toHaveLength(1);
  });

  test('an overflow at a server whose clock is hours ahead is no gap that ends before it begins', () => {
    const { sink, told } = start();
    const time = new Date(Date.now() + 7_200_000);
    told.take(
      message([
        ...Array.from({ length: 4 }, () => new Variant()),
        new Variant({ dataType: DataType.DateTime, value: time }),
      ]),
    );
    expect(formatTime(sink.last(INDEX)!.time)).toBe(time.toISOString());
    told.take(message(flow(3035)));
    expect(sink.gaps).toHaveLength(1);
    expect(sink.gaps[0]!.to).toBeGreaterThanOrEqual(sink.gaps[0]!.from);
  });

  test('a refresh that never ends ends', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { sink, told } = start();
      const condition = [...Array.from({ length: 7 }, () => new Variant()), flow(1)[1] as Variant];
      told.take(message(flow(2787), condition));
      vi.advanceTimersByTime(120_000);
      told.take(message(condition));
      expect(eventsOf(sink).map(({ Refresh }) => Refresh)).toEqual([true, undefined]);
    } finally {
      vi.useRealTimers();
    }
  });
});
