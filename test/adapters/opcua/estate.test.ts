// What stands on a server is taken up again only while it means the same: node ids follow their namespace when its index
// moved. And it may be more than one subscription holds.

import type { EventEmitter } from 'node:events';
import type { AddressSpace, Namespace, UAVariable } from 'node-opcua-address-space';
import { AttributeIds, BrowseRequest, DataType, DataValue, ServiceFault, StatusCodes } from 'node-opcua-client';
import { afterEach, expect, test, vi } from 'vitest';
import type { Sink } from '../../../agent/src/adapters/adapter.ts';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import { TICKS_PER_MS } from '../../../agent/src/model/time.ts';
import { watch } from '../../hostile/watched.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Recorder, recorder } from '../recorder.ts';
import { type Wire, wire } from '../wire.ts';
import { structureOf } from './raw-structure.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

let plc: SmallServer | undefined;
let link: Wire | undefined;
let end: (() => Promise<unknown>) | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await end?.();
  await link?.stop();
  await plc?.stop();
  end = link = plc = undefined;
});

interface Answers {
  send_response(type: string, response: object, message: object, done: () => void): void;
}

/** What the server's session shows of its subscriptions. */
interface Answering {
  readonly publishEngine: {
    readonly _subscriptions: Record<string, EventEmitter & { getAvailableSequenceNumbers(): number[] }>;
  };
  deleteSubscription(id: number): void;
}

const variable = (namespace: Namespace, space: AddressSpace, name: string, value: number): UAVariable => {
  const made = namespace.addVariable({
    organizedBy: space.rootFolder.objects,
    browseName: name,
    nodeId: `s=${name}`,
    dataType: DataType.Double,
  });
  made.setValueFromSource({ dataType: DataType.Double, value });
  return made;
};

const sessions = () =>
  Object.values((plc!.server.engine as unknown as { _sessions: Record<string, Answering> })._sessions);
/** The subscription that stands on the server, and the messages that it keeps to be asked for again. */
const subscription = () => Object.values(sessions()[0]?.publishEngine._subscriptions ?? {})[0];
const kept = () => subscription()?.getAvailableSequenceNumbers() ?? [];

/**
 * Two links of one source, the second after the first was cut; `between` happens to the server meanwhile.
 * @param ready told when a link says that nothing is missed any more
 */
async function twice(
  nodes: readonly string[],
  between: () => unknown,
  ready: (sink: Recorder) => void = () => {},
): Promise<Recorder> {
  link = await wire(plc!.port);
  const options = openly(`opc.tcp://127.0.0.1:${link.port}`, scratch(), tagsOf(nodes));
  const kept = keep(options);
  const sink = recorder();
  const heard: Sink = {
    ...sink,
    ready(whole) {
      ready(sink);
      return sink.ready(whole);
    },
  };
  for (const round of [1, 2]) {
    const adapter = opcuaAdapter(options, QUICK, kept);
    const stop = new AbortController();
    await adapter.connect(stop.signal);
    const run = adapter.run(heard, stop.signal).catch((error: unknown) => error);
    end = async () => {
      stop.abort();
      await run;
      await adapter.close();
    };
    await until(`ready ${round}`, () => sink.readies === round);
    await until('readings', () => nodes.every((_, tag) => sink.last(tag)?.value !== undefined));
    if (round === 2) break;
    await between();
    link.cut();
    await run;
  }
  return sink;
}

test('a namespace whose index moved: what stands is given up, and the tags are found again', async () => {
  const spaces: Namespace[] = [];
  plc = await smallServer((space) => {
    for (const [i, uri] of ['urn:one', 'urn:two'].entries()) {
      const namespace = space.registerNamespace(uri);
      spaces.push(namespace);
      variable(namespace, space, 'PV', 10 + i);
    }
  });
  const sink = await twice(['nsu=urn:one;s=PV', 'nsu=urn:two;s=PV'], () => {
    const [one, two] = spaces as unknown as { namespaceUri: string }[];
    one!.namespaceUri = 'urn:two';
    two!.namespaceUri = 'urn:one';
  });
  await until('the other values', () => sink.last(0)?.value === 11 && sink.last(1)?.value === 10);
  expect(sink.wholes).toEqual([false, false]);
  await until('one subscription', () => plc!.server.engine.currentSubscriptionCount === 1);
});

test('a namespace that came at the end moves none: what stands is taken up', async () => {
  plc = await smallServer((space) => void variable(space.registerNamespace('urn:one'), space, 'PV', 1));
  const sink = await twice(['nsu=urn:one;s=PV'], () => {
    plc!.server.engine.addressSpace!.registerNamespace('urn:late');
  });
  expect(sink.wholes).toEqual([false, true]);
});

test('what was sent into the dead link is had again, and the server need not keep it any more', async () => {
  let set = (_: number): void => {};
  plc = await smallServer((space) => {
    const pv = variable(space.registerNamespace('urn:one'), space, 'PV', 0);
    set = (value) => pv.setValueFromSource({ dataType: DataType.Double, value });
  });
  const sink = await twice(['nsu=urn:one;s=PV'], async () => {
    // A keep-alive carries the number of the message that comes next, which is not to be taken for one that came.
    await new Promise((resolve) => subscription()!.once('keepalive', resolve));
    await new Promise((resolve) => subscription()!.once('keepalive', resolve));
    link!.freeze();
    for (const value of [1, 2]) {
      const before = kept().length;
      set(value);
      await until('it was sent', () => kept().length > before);
    }
    link!.thaw();
  });
  await until('the values', () => sink.last(0)?.value === 2);
  expect(sink.of(0).map(({ value }) => value)).toEqual(expect.arrayContaining([0, 1, 2]));
  await until('nothing is kept', () => kept().length === 0);
});

test.each([
  ['Bad', { statusCode: StatusCodes.BadResourceUnavailable }],
  ['no value', { statusCode: StatusCodes.Good }],
])('a server that answers %s when asked for its namespaces has not changed them', async (_, answer) => {
  let array: UAVariable | undefined;
  plc = await smallServer((space) => {
    variable(space.registerNamespace('urn:one'), space, 'PV', 1);
    array = space.findNode('i=2255') as UAVariable;
  });
  const options = openly(plc.endpoint, scratch(), tagsOf(['nsu=urn:one;s=PV']));
  const adapter = opcuaAdapter(options, { ...QUICK, recheck: 50 });
  const stop = new AbortController();
  const sink = recorder();
  await adapter.connect(stop.signal);
  let over: unknown;
  const run = adapter.run(sink, stop.signal).catch((error: unknown) => {
    over = error;
  });
  end = async () => {
    stop.abort();
    await run;
    await adapter.close();
  };
  await until('ready', () => sink.readies);
  const honest = array!.readAttribute.bind(array!);
  let reads = 0;
  array!.readAttribute = (context, attribute, ...more) => {
    if (attribute !== AttributeIds.Value) return honest(context, attribute, ...more);
    reads += 1;
    return new DataValue(answer);
  };
  await until('it is asked', () => over ?? reads > 3);
  expect(over).toBeUndefined();
});

test('what was sent into the dead link comes in its order before the outage ends, and waits for no other message', async () => {
  let set = (_: number): void => {};
  plc = await smallServer((space) => {
    const pv = variable(space.registerNamespace('urn:one'), space, 'PV', 0);
    set = (value) => pv.setValueFromSource({ dataType: DataType.Double, value });
  });
  const server = plc.server as unknown as Record<string, (message: object, channel: object) => void>;
  const known: unknown[] = [];
  const sink = await twice(
    ['nsu=urn:one;s=PV'],
    async () => {
      link!.freeze();
      for (const value of [1, 2]) {
        const before = kept().length;
        set(value);
        await until('it was sent', () => kept().length > before);
      }
      // From now on not even a keep-alive shows that something is missing.
      server._on_PublishRequest = () => {};
      link!.thaw();
    },
    (sink) => known.push(sink.of(0).map(({ value }) => value)),
  );
  expect(known.at(-1)).toEqual([0, 1, 2]);
  expect(sink.wholes).toEqual([false, true]);
});

test('a subscription that is taken up, sends nothing and is gone: all since its last message is missing, and the source was down', {
  timeout: 60_000,
}, async () => {
  plc = await smallServer((space) => void variable(space.registerNamespace('urn:one'), space, 'PV', 0));
  link = await wire(plc.port);
  const options = openly(`opc.tcp://127.0.0.1:${link.port}`, scratch(), tagsOf(['nsu=urn:one;s=PV']));
  const source = watch(options);
  end = () => source.supervisor.stop();
  await until('a reading', () => source.received() > 0);
  const server = plc.server as unknown as Record<string, (message: object, channel: object) => void>;
  const publish = server._on_PublishRequest!.bind(server);
  server._on_PublishRequest = () => {};
  link.cut();
  const closed = () => source.gaps.filter(({ to }) => to !== null);
  await until('the end of the outage', () => closed().length === 1);
  expect(closed()[0]).toMatchObject({ reason: 'source-down', complete: true });
  for (const session of sessions()) {
    for (const id of Object.keys(session.publishEngine._subscriptions)) session.deleteSubscription(Number(id));
  }
  server._on_PublishRequest = publish;
  await until('both ends', () => closed().length >= 3, 30_000);
  const [first, forsaken] = closed();
  expect(forsaken).toMatchObject({ reason: 'source-down', from: expect.any(Number) });
  expect(forsaken).not.toHaveProperty('complete');
  expect(forsaken!.to!).toBeGreaterThan(first!.to!);
  await until('readings', () => source.supervisor.stats().state.state === 'running');
});

test('a message is had again whose types were being learned when the link broke', { timeout: 60_000 }, async () => {
  let set = (_: number): void => {};
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:one');
    const type = namespace.createDataType({
      browseName: 'T',
      nodeId: 's=T',
      isAbstract: false,
      subtypeOf: 'Structure',
      partialDefinition: [{ name: 'X', dataType: DataType.Byte }],
    });
    const encoding = namespace.addObject({ browseName: { name: 'Default Binary' }, nodeId: 's=E', encodingOf: type });
    const pv = namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'PV',
      nodeId: 's=PV',
      dataType: 'Structure',
    });
    set = (byte) => pv.setValueFromSource(structureOf(encoding.nodeId, Buffer.from([byte])).value);
  });
  const sink = await twice(['nsu=urn:one;s=PV'], async () => {
    const asked = new Promise<void>((resolve) => {
      const cut = (request: unknown) => {
        if (!(request instanceof BrowseRequest)) return;
        plc!.server.removeListener('request', cut);
        link!.freeze();
        resolve();
      };
      plc!.server.on('request', cut);
    });
    set(1);
    await asked;
    set(2);
    link!.thaw();
  });
  const came = () => sink.of(0).map(({ value }) => (value as { X: number } | null)?.X);
  await until('the last value', () => came().at(-1) === 2);
  expect(came()).toContain(1);
  expect(sink.wholes).toEqual([false, true]);
});

test('what a server did not keep is a gap that ends after it begins, though the clock was set back', async () => {
  let set = (_: number): void => {};
  plc = await smallServer((space) => {
    const pv = variable(space.registerNamespace('urn:one'), space, 'PV', 0);
    set = (value) => pv.setValueFromSource({ dataType: DataType.Double, value });
  });
  const server = plc.server as unknown as { _on_RepublishRequest(message: object, channel: Answers): void };
  server._on_RepublishRequest = (message, channel) => {
    const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadMessageNotAvailable } });
    channel.send_response('MSG', fault, message, () => {});
  };
  const sink = await twice(['nsu=urn:one;s=PV'], async () => {
    link!.freeze();
    for (const value of [1, 2]) {
      const [session] = Object.values(
        (plc!.server.engine as unknown as { _sessions: Record<string, Answering> })._sessions,
      );
      const [subscription] = Object.values(session!.publishEngine._subscriptions);
      const before = subscription!.getAvailableSequenceNumbers().length;
      set(value);
      await until('it was sent', () => subscription!.getAvailableSequenceNumbers().length > before);
    }
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() - 3_600_000);
    link!.thaw();
  });
  set(3);
  const gap = await until('the gap', () => sink.gaps[0]);
  expect(gap).toMatchObject({ reason: 'source-overflow' });
  expect(gap.to).toBeGreaterThan(gap.from);
  expect(gap.to! - gap.from).toBeLessThan(60_000 * TICKS_PER_MS);
});

test('a subscription that falls silent while the server answers: what it may have kept to itself is a gap', async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:one');
    for (const name of ['PV', 'POLLED']) variable(namespace, space, name, 0);
  });
  const [sent, polled] = tagsOf(['nsu=urn:one;s=PV', 'nsu=urn:one;s=POLLED']);
  const options = openly(plc.endpoint, scratch(), [sent!, { ...polled!, mode: 'poll' }]);
  const adapter = opcuaAdapter(options, QUICK);
  const sink = recorder();
  await adapter.connect(new AbortController().signal);
  const run = adapter.run(sink, new AbortController().signal).catch((error: unknown) => error);
  end = () => adapter.close();
  await until('readings', () => sink.last(0) && sink.last(1));
  const server = plc.server as unknown as { _on_PublishRequest(...given: unknown[]): void };
  server._on_PublishRequest = () => {};
  expect(await run).toMatchObject({ code: 'source.silent' });
  const gap = sink.gaps.find(({ tags }) => tags?.includes(sent!.name));
  expect(gap).toMatchObject({ tags: [sent!.name] });
  expect(gap!.to! - gap!.from).toBeGreaterThan(3 * QUICK.keepAlive * TICKS_PER_MS);
});

test('a subscription that is full is followed by another one, also for tags that come later', async () => {
  const names = Array.from({ length: 17 }, (_, i) => `PV${i}`);
  plc = await smallServer(
    (space) => {
      const namespace = space.registerNamespace('urn:one');
      for (const [i, name] of names.entries()) variable(namespace, space, name, i);
    },
    { capabilities: { maxMonitoredItemsPerSubscription: 5 } },
  );
  const tags = tagsOf(names.map((name) => `nsu=urn:one;s=${name}`));
  const options = openly(plc.endpoint, scratch(), tags.slice(0, 12));
  const kept = keep(options);
  const adapter = opcuaAdapter(options, QUICK, kept);
  const stop = new AbortController();
  await adapter.connect(stop.signal);
  const sink = recorder();
  const run = adapter.run(sink, stop.signal);
  end = async () => {
    stop.abort();
    await run;
    await adapter.close();
  };
  const all = (count: number) =>
    until(`${count} readings`, () => tags.slice(0, count).every((_, tag) => sink.last(tag)?.value === tag));
  await all(12);
  expect(plc.server.engine.currentSubscriptionCount).toBe(3);
  kept.roster.become(tags, 100);
  await all(17);
  expect(plc.server.engine.currentSubscriptionCount).toBe(4);
  await until('the figures', () => sink.grants.monitoredItems === 17);
  expect(sink.parts.size).toBe(0);
});
