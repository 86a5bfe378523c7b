// What a gap lacks is had from the server's history: in the backfill lane, none twice, and the gap is told again with
// what was recovered. A link that breaks in the middle delays it and loses nothing.

import type { UAVariable } from 'node-opcua-address-space';
import { DataType, HistoryReadResponse, ServiceFault, type StatusCode, StatusCodes } from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { type Kept, keep } from '../../../../agent/src/adapters/opcua/kept.ts';
import { type Supervisor, supervisor } from '../../../../agent/src/adapters/supervisor.ts';
import { type Batch, valueAt } from '../../../../agent/src/model/batch.ts';
import type { Gap } from '../../../../agent/src/model/gap.ts';
import { isGood } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Wire, wire } from '../../wire.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

interface Message {
  readonly request: {
    readonly historyReadDetails: { endTime: Date | null; startTime: Date | null; numValuesPerNode: number };
    readonly releaseContinuationPoints: boolean;
    nodesToRead: { readonly continuationPoint: Buffer | null }[] | null;
  };
}
interface Channel {
  send_response(type: string, response: object, message: Message, done: () => void): void;
}
type Handler = (message: Message, channel: Channel) => void;

/**
 * Histories: A and B are whole, SHORT has the last three values only, PLAIN none; GONE is deleted by a test. SLOW and FAST
 * are of devices whose clocks are behind and ahead.
 */
const NODES = ['A', 'B', 'PLAIN'].map((name) => `nsu=urn:plc;s=${name}`);
const SHORT = 'nsu=urn:plc;s=SHORT';
/** By so much their clocks are off, ms. */
const OFF: Readonly<Record<string, number>> = { SLOW: -7_200_000, FAST: 7_200_000 };
const variables: UAVariable[] = [];
/** What the server does with a request for history. */
let asked: Message['request'][] = [];
let answer: (message: Message, channel: Channel, take: Handler) => void;
const honest: typeof answer = (message, channel, take) => take(message, channel);
const refuse = (status: StatusCode, { message, channel }: { message: Message; channel: Channel }) => {
  const fault = new ServiceFault({ responseHeader: { serviceResult: status } });
  channel.send_response('MSG', fault, message, () => {});
};
let plc: SmallServer;
let link: Wire;
let value = 0;
let ticking: NodeJS.Timeout;

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    for (const name of ['A', 'B', 'PLAIN', 'SHORT', ...Object.keys(OFF), 'GONE']) {
      const variable = namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: DataType.Double,
      });
      variables.push(variable);
      const maxOnlineValues = name === 'SHORT' ? 3 : 100_000;
      if (name !== 'PLAIN') space.installHistoricalDataNode(variable, { maxOnlineValues });
    }
  });
  const server = plc.server as unknown as { _on_HistoryReadRequest: Handler };
  const take = server._on_HistoryReadRequest.bind(server);
  server._on_HistoryReadRequest = (message, channel) => {
    asked.push(message.request);
    answer(message, channel, take);
  };
  const tick = () => {
    value += 1;
    for (const variable of variables) {
      const time = new Date(Date.now() + (OFF[variable.browseName.name!] ?? 0));
      variable.setValueFromSource({ dataType: DataType.Double, value }, StatusCodes.Good, time);
    }
  };
  tick();
  ticking = setInterval(tick, 100);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.stop();
});
beforeEach(async () => {
  asked = [];
  answer = honest;
  link = await wire(plc.port);
});
const made: Supervisor[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.stop()));
  await link.stop();
});

/** A source for these nodes, and what came of each of its tags by each lane. */
function gather(nodes: readonly string[], history = true, timings = QUICK, former?: Kept) {
  const tags = tagsOf(nodes, { history });
  const options = openly(`opc.tcp://127.0.0.1:${link.port}`, scratch(), tags);
  const kept = former ?? keep(options, 200);
  const gaps: Gap[] = [];
  const live = nodes.map((): number[] => []);
  const past = nodes.map((): number[] => []);
  const source = supervisor({
    source: {
      name: 'plc',
      protocol: 'opcua',
      address: options.endpoint,
      tags: tags.map(({ index }) => index),
      latency: 200,
      create: () => opcuaAdapter(options, timings, kept),
    },
    accept(batch: Batch) {
      gaps.push(...batch.gaps);
      const lane = batch.stream === 'backfill' ? past : live;
      for (let i = 0; i < batch.count; i++)
        if (isGood(batch.status[i]!)) lane[batch.tag[i]!]!.push(valueAt(batch, i) as number);
    },
    describe() {},
    lost() {},
    log() {},
  });
  made.push(source);
  source.start();
  return { gaps, live, past, kept };
}

function endSubscriptions(): void {
  for (const session of Object.values((plc.server.engine as unknown as { _sessions: object })._sessions)) {
    for (const id of Object.keys(session.publishEngine?._subscriptions ?? {})) session.deleteSubscription(Number(id));
  }
}

/** The subscriptions end behind our back while the link is down, and `more` values are made meanwhile. */
async function outage(more: number): Promise<void> {
  link.freeze();
  endSubscriptions();
  const goal = value + more;
  await until(`value ${goal}`, () => value >= goal, 60_000);
  link.thaw();
  link.cut();
}

const arrives = async (live: readonly number[]) => {
  const next = value + 1;
  await until(`value ${next}`, () => live.some((each) => each >= next), 30_000);
};

const whole = (values: readonly number[]) => {
  const [first] = values;
  return values.every((each, i) => each === first! + i);
};

test('values of the gap come from the history, each once, and the gap is complete', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  await outage(20);
  await until('what was recovered', () => gaps.some(({ recovered }) => recovered !== undefined), 30_000);
  await arrives(live[0]!);
  for (const tag of [0, 1]) {
    const all = [...live[tag]!, ...past[tag]!].sort((a, b) => a - b);
    expect(past[tag]!.length).toBeGreaterThanOrEqual(18);
    expect(whole(all), `of tag ${tag} none is missing and none comes twice: ${all.join()}`).toBe(true);
  }
  const [begun, ended, told] = gaps;
  expect(ended).toEqual({ ...begun, to: expect.any(Number) });
  expect(told).toEqual({ ...ended, recovered: past[0]!.length + past[1]!.length, complete: true });
});

/** Every value of these tags came, and none twice, but for one that is told again as it still is after a break. */
function exact(
  { live, past }: { live: readonly number[][]; past: readonly number[][] },
  tags: readonly number[],
): void {
  for (const tag of tags) {
    const news = live[tag]!.filter((value, i, all) => value !== all[i - 1]);
    const all = [...news, ...past[tag]!].sort((a, b) => a - b);
    expect(whole(all), `of tag ${tag} none is missing and none comes twice: ${all.join()}`).toBe(true);
  }
}

const recovered = (gaps: readonly Gap[]) =>
  until('what was recovered', () => gaps.find(({ recovered }) => recovered !== undefined), 30_000);

test('devices whose clocks are hours off: each is asked for its own time', { timeout: 60_000 }, async () => {
  const source = gather(['SLOW', 'A', 'FAST'].map((name) => `nsu=urn:plc;s=${name}`));
  await arrives(source.live[1]!);
  await outage(20);
  expect(await recovered(source.gaps)).toMatchObject({ complete: true });
  await arrives(source.live[1]!);
  exact(source, [0, 1, 2]);
  for (const { historyReadDetails } of asked) {
    const { startTime, endTime } = historyReadDetails;
    expect(endTime!.getTime() - startTime!.getTime()).toBeLessThan(3_600_000);
  }
});

test('a link that breaks in the middle of it delays it only, and nothing comes twice', {
  timeout: 60_000,
}, async () => {
  const source = gather(NODES.slice(0, 2));
  const { gaps, live } = source;
  await arrives(live[0]!);
  answer = (message, channel, take) => {
    // The first five values come, then the link breaks.
    message.request.historyReadDetails.numValuesPerNode = 5;
    if (asked.length === 1) take(message, channel);
    else {
      answer = honest;
      link.cut();
    }
  };
  await outage(20);
  const told = await recovered(gaps);
  expect(asked.length).toBeGreaterThan(2);
  await arrives(live[0]!);
  exact(source, [0, 1]);
  expect(told).toMatchObject({ complete: true });
});

test('what comes when nobody takes it any more is asked for again', { timeout: 60_000 }, async () => {
  const { live, past, kept } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  let stopped: Promise<unknown> | undefined;
  answer = (message, channel, take) => {
    answer = honest;
    stopped = Promise.all(made.splice(0).map((one) => one.stop()));
    take(message, channel);
  };
  await outage(20);
  await until('the end', () => stopped, 30_000);
  await stopped;
  const after = gather(NODES.slice(0, 2), true, QUICK, kept);
  expect(await recovered(after.gaps)).toMatchObject({ complete: true });
  exact({ live, past: past.map((some, tag) => [...some, ...after.past[tag]!]) }, [0, 1]);
});

test('a tag that is gone before its history was read leaves the gap incomplete', { timeout: 60_000 }, async () => {
  const { gaps, live } = gather([NODES[0]!, 'nsu=urn:plc;s=GONE']);
  await arrives(live[0]!);
  answer = (message, channel, take) => {
    message.request.historyReadDetails.numValuesPerNode = 5;
    if (asked.length === 1) return take(message, channel);
    answer = honest;
    // The server comes back without it, and with none of its subscriptions.
    endSubscriptions();
    plc.server.engine.addressSpace!.deleteNode(variables.pop()!);
    link.cut();
  };
  await outage(20);
  expect(await recovered(gaps)).toMatchObject({ complete: false });
});

test('a history that cannot be decoded ends no link', { timeout: 60_000 }, async () => {
  const source = gather(NODES.slice(0, 2));
  await arrives(source.live[0]!);
  const spoil = (response: unknown) => {
    if (!(response instanceof HistoryReadResponse)) return;
    const [first] = response.results ?? [];
    const data = first?.historyData as { encode(stream: { writeUInt32(n: number): void }): void } | null | undefined;
    // A list of a thousand values, and then none.
    if (data) data.encode = (stream) => stream.writeUInt32(1_000);
  };
  plc.server.on('response', spoil);
  try {
    await outage(10);
    expect(await recovered(source.gaps)).toMatchObject({ complete: false });
    await arrives(source.live[0]!);
    exact(source, [1]);
    expect(source.gaps).toHaveLength(3);
  } finally {
    plc.server.removeListener('response', spoil);
  }
});

test.each([
  ['refuses more than one node at once', { refuse: StatusCodes.BadTooManyOperations, above: 1 }],
  ['is too slow for more than one node at once', { refuse: undefined, above: 1 }],
  [
    'ends with an error of its own when one of the nodes is asked for',
    { refuse: StatusCodes.BadInternalError, above: 1 },
  ],
])('a server that %s gives all of it', { timeout: 60_000 }, async (_, { refuse: status, above }) => {
  const source = gather(NODES.slice(0, 2), true, { ...QUICK, request: 500 });
  await arrives(source.live[0]!);
  answer = (message, channel, take) => {
    if ((message.request.nodesToRead?.length ?? 0) <= above) take(message, channel);
    else if (status !== undefined) refuse(status, { message, channel });
  };
  await outage(10);
  expect(await recovered(source.gaps)).toMatchObject({ complete: true });
  await arrives(source.live[0]!);
  exact(source, [0, 1]);
});

test('a server that keeps one continuation point only gives all of it', { timeout: 60_000 }, async () => {
  const source = gather(NODES.slice(0, 2));
  await arrives(source.live[0]!);
  answer = (message, channel, take) => {
    message.request.historyReadDetails.numValuesPerNode = 5;
    const send = channel.send_response.bind(channel);
    const tampered: Channel = {
      ...channel,
      send_response(type, response, message, done) {
        const [, second] = (response as HistoryReadResponse).results ?? [];
        if (second !== undefined) {
          second.statusCode = StatusCodes.BadNoContinuationPoints;
          second.continuationPoint = null as unknown as Buffer;
        }
        send(type, response, message, done);
      },
    };
    take(message, Object.setPrototypeOf(tampered, channel) as Channel);
  };
  await outage(20);
  expect(await recovered(source.gaps)).toMatchObject({ complete: true });
  await arrives(source.live[0]!);
  exact(source, [0, 1]);
});

test('a historian that lags behind is asked again', { timeout: 60_000 }, async () => {
  const source = gather(NODES.slice(0, 2));
  await arrives(source.live[0]!);
  answer = (message, channel, take) => {
    const { historyReadDetails } = message.request;
    if (asked.length === 1) historyReadDetails.endTime = new Date(historyReadDetails.startTime!.getTime() + 500);
    take(message, channel);
  };
  await outage(20);
  expect(await recovered(source.gaps)).toMatchObject({ complete: true });
  expect(asked.length).toBeGreaterThan(1);
  await arrives(source.live[0]!);
  exact(source, [0, 1]);
});

test('a history that begins after the gap did is not taken for the whole of it', { timeout: 60_000 }, async () => {
  const { gaps, live } = gather([SHORT]);
  await arrives(live[0]!);
  await outage(10);
  expect(await recovered(gaps)).toMatchObject({ complete: false });
});

test.each([
  StatusCodes.BadHistoryOperationUnsupported,
  StatusCodes.BadServiceUnsupported,
  StatusCodes.BadUserAccessDenied,
])(
  'a server that answers $name is asked little more, and the gap is told as it is',
  { timeout: 60_000 },
  async (status) => {
    const { gaps, live, past } = gather(NODES.slice(0, 2));
    await arrives(live[0]!);
    answer = (message, channel) => refuse(status, { message, channel });
    await outage(5);
    expect(await recovered(gaps)).toMatchObject({ recovered: 0, complete: false });
    expect(past.flat()).toEqual([]);
    expect(asked.length).toBeLessThan(4);
    await arrives(live[0]!);
  },
);

test('nodes without data in the gap leave the others as they are', { timeout: 60_000 }, async () => {
  const source = gather(NODES.slice(0, 2));
  await arrives(source.live[0]!);
  answer = (message, channel, take) => {
    const send = channel.send_response.bind(channel);
    const tampered = Object.create(channel) as Channel;
    tampered.send_response = (type, response, message, done) => {
      const [, second] = (response as HistoryReadResponse).results ?? [];
      if (second !== undefined) {
        second.statusCode = StatusCodes.BadNoData;
        second.historyData = null as never;
      }
      send(type, response, message, done);
    };
    take(message, tampered);
  };
  await outage(5);
  expect(await recovered(source.gaps)).toMatchObject({ complete: false });
  await arrives(source.live[0]!);
  exact(source, [0]);
  expect(source.past[1]).toEqual([]);
});

test('a backfill that is stopped gives its continuation points back', { timeout: 60_000 }, async () => {
  const { live } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  let stopped: Promise<unknown> | undefined;
  answer = (message, channel, take) => {
    message.request.historyReadDetails.numValuesPerNode = 2;
    take(message, channel);
    stopped ??= Promise.all(made.splice(0).map((one) => one.stop()));
  };
  await outage(20);
  await until('the end', () => stopped, 30_000);
  await stopped;
  expect(asked.at(-1)!.releaseContinuationPoints).toBe(true);
  expect(asked.at(-1)!.nodesToRead!.every(({ continuationPoint }) => continuationPoint !== null)).toBe(true);
});

test('of too many gaps those of short queues are given up first, and that is counted', {
  timeout: 60_000,
}, async () => {
  const { gaps, live, kept } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  let gone = false;
  answer = (message, channel, take) => {
    if (!gone) {
      gone = true;
      for (let i = 0; i < 80; i++) {
        const at = i;
        kept.history.want(
          { reason: 'source-overflow', from: at, to: at + 1 },
          [0],
          () => at,
          () => Infinity,
        );
      }
    }
    take(message, channel);
  };
  await outage(5);
  await until('all of them', () => gaps.filter(({ recovered }) => recovered !== undefined).length === 64, 60_000);
  expect(gaps.filter(({ reason, recovered }) => reason === 'source-down' && recovered !== undefined)).toHaveLength(1);
  expect(kept.history.counts.forgotten).toBe(17);
});

test('where only some tags have a history the gap stays incomplete, and says so', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES);
  await arrives(live[0]!);
  await outage(10);
  const told = await until('what was recovered', () => gaps.find(({ recovered }) => recovered !== undefined), 30_000);
  expect(told).toMatchObject({ complete: false });
  expect(past[2]).toEqual([]);
});

test('history: none reads none', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES.slice(0, 2), false);
  await arrives(live[0]!);
  await outage(5);
  await until('the end of the outage', () => gaps.some(({ to }) => to !== null), 30_000);
  await arrives(live[0]!);
  await arrives(live[0]!);
  await arrives(live[0]!);
  expect(past.flat()).toEqual([]);
  expect(gaps).toHaveLength(2);
});

test('a history that never ends is given up, and the gap stays incomplete', { timeout: 60_000 }, async () => {
  const source = gather(NODES.slice(0, 1));
  await arrives(source.live[0]!);
  let first: HistoryReadResponse['results'] | undefined;
  let pages = 0;
  const repeat = (response: unknown) => {
    if (!(response instanceof HistoryReadResponse)) return;
    pages += 1;
    first ??= response.results;
    for (const result of first ?? []) result.continuationPoint = Buffer.from('on and on');
    response.results = first;
  };
  plc.server.on('response', repeat);
  try {
    await outage(10);
    expect(await recovered(source.gaps)).toMatchObject({ complete: false });
    expect(pages).toBeLessThan(60);
    await arrives(source.live[0]!);
  } finally {
    plc.server.removeListener('response', repeat);
  }
});

test('a server that forgets every continuation at once, and gave nothing, is not asked for ever', {
  timeout: 60_000,
}, async () => {
  const source = gather(NODES.slice(0, 1));
  await arrives(source.live[0]!);
  const forget = (response: unknown) => {
    if (!(response instanceof HistoryReadResponse)) return;
    for (const result of response.results ?? []) {
      result.historyData = null as never;
      result.statusCode = asked.at(-1)!.nodesToRead![0]!.continuationPoint
        ? StatusCodes.BadContinuationPointInvalid
        : StatusCodes.Good;
      result.continuationPoint = Buffer.from('more');
    }
  };
  plc.server.on('response', forget);
  try {
    await outage(10);
    expect(await recovered(source.gaps)).toMatchObject({ recovered: 0, complete: false });
  } finally {
    plc.server.removeListener('response', forget);
  }
});
