// Peers that misbehave: a lost message, a lost pump, answers nobody asked for, limits that are lies. None crashes the
// process (an uncaught error would fail this file), every one ends as a gap record or as a fault.

import { connect, createServer, type Socket } from 'node:net';
import { BinaryStream } from 'node-opcua-binary-stream';
import {
  type ClientSessionPublishService,
  DataChangeNotification,
  DataType,
  DataValue,
  MonitoredItemNotification,
  NotificationMessage,
  type PublishRequest,
  PublishResponse,
  ServiceFault,
  StatusChangeNotification,
  type StatusCode,
  StatusCodes,
  Variant,
} from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { calls } from '../../../agent/src/adapters/opcua/calls.ts';
import type { Session } from '../../../agent/src/adapters/opcua/link.ts';
import { receiver } from '../../../agent/src/adapters/opcua/notifications.ts';
import { startPublishing } from '../../../agent/src/adapters/opcua/publisher.ts';
import { rawValues } from '../../../agent/src/adapters/opcua/raw.ts';
import { roster } from '../../../agent/src/adapters/opcua/roster.ts';
import { sequence } from '../../../agent/src/adapters/opcua/sequence.ts';
import { transports } from '../../../agent/src/adapters/opcua/transport.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

const message = (sequenceNumber: number, data: (DataChangeNotification | StatusChangeNotification)[]) =>
  received(
    new PublishResponse({
      subscriptionId: 1,
      notificationMessage: new NotificationMessage({ sequenceNumber, notificationData: data }),
    }),
  );

const keepAlive = (next: number) => message(next, []);

const change = (sequenceNumber: number, clientHandle: number, number: number, statusCode = StatusCodes.Good) => {
  const value = new DataValue({
    statusCode,
    value: new Variant({ dataType: DataType.Double, value: number }),
    sourceTimestamp: new Date(),
  });
  return message(sequenceNumber, [
    new DataChangeNotification({ monitoredItems: [new MonitoredItemNotification({ clientHandle, value })] }),
  ]);
};

describe('notifications', () => {
  const start = () => {
    const sink = recorder();
    const lacks: unknown[] = [];
    const tags = roster(tagsOf(['i=1', 'i=2']), 100);
    const receive = receiver(tags, (...lack) => lacks.push(lack));
    const take = ({ notificationMessage }: PublishResponse) => receive.take(notificationMessage, sink);
    return { sink, tags, receive, take, handles: [receive.handle(0), receive.handle(1)], lacks };
  };

  test('handles nobody gave out are nobody’s', () => {
    const { sink, receive, take, handles } = start();
    receive.forget(handles[1]!);
    for (const handle of [handles[1]!, 77, 0xffff_ffff]) take(change(handle, handle, 1));
    expect(sink.readings).toEqual([]);
  });

  test('of a tag that is gone are nobody’s at once, though its item still stands', () => {
    const { sink, tags, take, handles } = start();
    const late = change(2, handles[0]!, 8);
    take(change(1, handles[0]!, 7));
    tags.become(tagsOf(['i=0', 'i=2']).slice(1), 100);
    take(late);
    take(change(3, handles[1]!, 9));
    expect(sink.readings.map(({ tag, value }) => [tag, value])).toEqual([
      [0, 7],
      [1, 9],
    ]);
  });

  test('a subscription that the server ended is a fault', () => {
    const { take } = start();
    const ended = message(1, [new StatusChangeNotification({ status: StatusCodes.BadTimeout })]);
    expect(() => take(ended)).toThrow(expect.objectContaining({ code: 'source.closed' }));
  });

  test('a StatusCode that nobody defined keeps its number', () => {
    const { sink, take, handles } = start();
    // The bytes of Uncertain 0x40ab0000 and Bad 0x8abc1234, which the library would make plain Bad.
    const odd = change(1, handles[0]!, 5, StatusCodes.UncertainLastUsableValue);
    patch(odd, StatusCodes.UncertainLastUsableValue.value, 0x4fab0000);
    take(odd);
    const bad = change(2, handles[1]!, 6, StatusCodes.BadSensorFailure);
    patch(bad, StatusCodes.BadSensorFailure.value, 0x8abc1234);
    take(bad);
    expect(sink.readings.map(({ status, value }) => [status, value])).toEqual([
      [0x4fab0000, 5],
      [0x8abc1234, null],
    ]);
  });

  test.each([
    ['more items than bytes', 0x7fff_ffff],
    ['a negative number of items', -5],
  ])('%s end in a fault or in nothing', (_, count) => {
    const { sink, take, handles } = start();
    const broken = change(1, handles[0]!, 5);
    const list = rawValues(broken.notificationMessage.notificationData?.[0] as DataChangeNotification)!;
    list.stream.buffer.writeInt32LE(count, list.at);
    try {
      take(broken);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    expect(sink.readings).toEqual([]);
  });
});

describe('sequence numbers', () => {
  const start = (kept: readonly number[] = []) => {
    const taken: number[] = [];
    const asked: number[] = [];
    const lost: number[] = [];
    const order = sequence({
      take: ({ sequenceNumber }) => {
        taken.push(sequenceNumber);
      },
      again: async (number) => {
        asked.push(number);
        return kept.includes(number) ? change(number, 0, number).notificationMessage : undefined;
      },
      lost: (count) => lost.push(count),
    });
    return { taken, asked, lost, order };
  };

  test('a skipped message is asked for again, and taken before the later ones', async () => {
    const { order, taken, asked, lost } = start([3, 4]);
    for (const number of [1, 2]) expect(order.accept(change(number, 0, 1))).toBeUndefined();
    await Promise.all([order.accept(change(5, 0, 1)), order.accept(change(6, 0, 1))]);
    expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
    expect(asked).toEqual([3, 4]);
    expect(lost).toEqual([]);
    expect(order.accept(change(7, 0, 1))).toBeUndefined();
  });

  test('a message that the server does not keep is told as lost', async () => {
    const { order, taken, lost } = start([4]);
    order.accept(change(1, 0, 1));
    order.accept(change(2, 0, 1));
    await order.accept(change(6, 0, 1));
    expect(taken).toEqual([1, 2, 4, 6]);
    expect(lost).toEqual([2]);
  });

  test('a keep-alive carries the number of the next message, and betrays one that was lost', async () => {
    const { order, lost, asked } = start();
    order.accept(keepAlive(1));
    order.accept(change(1, 0, 1));
    expect(order.accept(keepAlive(2))).toBeUndefined();
    order.accept(keepAlive(2));
    order.accept(change(2, 0, 1));
    expect(lost).toEqual([]);
    await order.accept(keepAlive(4));
    expect(asked).toEqual([3]);
    expect(lost).toEqual([1]);
    expect(order.accept(change(4, 0, 1))).toBeUndefined();
  });

  test('an empty message in place of the one that was asked for is none', async () => {
    const answers = [keepAlive(0), keepAlive(2), change(7, 0, 1)].map((one) => one.notificationMessage);
    const taken: number[] = [];
    const lost: number[] = [];
    const order = sequence({
      take: ({ sequenceNumber }) => {
        taken.push(sequenceNumber);
      },
      again: async () => answers.shift(),
      lost: (count) => lost.push(count),
    });
    order.accept(change(1, 0, 1));
    for (let i = 0; i < 3; i++) expect(await order.resume()).toBe(0);
    await order.accept(change(3, 0, 1));
    expect(taken).toEqual([1, 3]);
    expect(lost).toEqual([1]);
  });

  test('after the last number comes 1', async () => {
    const { order, lost } = start();
    order.accept(change(0xffff_ffff, 0, 1));
    expect(order.accept(change(1, 0, 2))).toBeUndefined();
    expect(lost).toEqual([]);
    await order.accept(change(3, 0, 3));
    expect(lost).toEqual([1]);
  });

  test('numbers that go back are a loss, and what comes is taken', async () => {
    const { order, lost, taken } = start();
    for (const number of [7, 8]) order.accept(change(number, 0, 1));
    await order.accept(change(1, 0, 1));
    expect(order.accept(change(2, 0, 1))).toBeUndefined();
    expect(taken).toEqual([7, 8, 1, 2]);
    expect(lost).toEqual([1]);
  });

  test('after a reconnect all that was sent into the dead link is had again, from the first message on', async () => {
    const { order, taken, asked } = start([1, 2, 3]);
    expect(await order.resume()).toBe(3);
    expect(taken).toEqual([1, 2, 3]);
    expect(asked).toEqual([1, 2, 3, 4]);
  });
});

describe('the pump', () => {
  type Answer = Parameters<ClientSessionPublishService['publish']>[1];

  /** A server that answers Publish requests as the test says. */
  const pump = (silence = 60_000) => {
    const waiting: { request: PublishRequest; answer: Answer }[] = [];
    const faults: Fault[] = [];
    const seen: number[] = [];
    const session = { publish: (request: PublishRequest, answer: Answer) => waiting.push({ request, answer }) };
    const publisher = startPublishing(
      session as unknown as Session,
      silence,
      ({ notificationMessage }) => {
        if (notificationMessage.sequenceNumber === 666) throw new Error('cannot take this');
        seen.push(notificationMessage.sequenceNumber);
        return undefined;
      },
      (fault) => faults.push(fault),
    );
    const next = () => waiting.shift()!;
    const refuse = (status: StatusCode) => {
      const response = new ServiceFault({ responseHeader: { serviceResult: status } });
      next().answer(Object.assign(new Error('refused'), { response }));
    };
    return {
      waiting,
      faults,
      seen,
      publisher,
      refuse,
      answer: (response: PublishResponse) => next().answer(null, response),
    };
  };

  test('keeps requests waiting and acknowledges data, not keep-alives', () => {
    const { waiting, answer, seen, publisher } = pump();
    const depth = waiting.length;
    expect(depth).toBeGreaterThan(1);
    answer(change(1, 0, 1));
    answer(keepAlive(2));
    answer(change(2, 0, 1));
    expect(seen).toEqual([1, 2, 2]);
    expect(waiting.length).toBe(depth);
    const acknowledged = waiting.flatMap(({ request }) => request.subscriptionAcknowledgements ?? []);
    expect(acknowledged.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1, 2]);
    publisher.stop();
  });

  test.each([StatusCodes.BadNoSubscription, StatusCodes.BadSessionIdInvalid, StatusCodes.BadSecureChannelIdInvalid])(
    '$name ends it at once',
    (status) => {
      const { refuse, faults, waiting } = pump();
      refuse(status);
      const left = waiting.length;
      expect(faults.map(({ code }) => code)).toEqual(['source.closed']);
      while (waiting.length > 0) refuse(status);
      expect(faults).toHaveLength(1);
      expect(left).toBeGreaterThan(0);
    },
  );

  test('a server that takes fewer requests gets fewer, and never none', () => {
    const { refuse, faults, waiting, answer, publisher } = pump();
    while (waiting.length > 1) refuse(StatusCodes.BadTooManyPublishRequests);
    expect(faults).toEqual([]);
    answer(keepAlive(1));
    expect(waiting.length).toBe(1);
    publisher.stop();
  });

  test('a server that refuses every request is given up, not flooded', () => {
    const { refuse, faults, waiting } = pump();
    for (let i = 0; i < 100 && waiting.length > 0; i++) refuse(StatusCodes.BadTimeout);
    expect(faults.map(({ code }) => code)).toEqual(['source.timeout']);
  });

  test('a message that cannot be taken ends the connection, unacknowledged', () => {
    const { answer, faults, waiting } = pump();
    const before = waiting.length;
    answer(change(666, 0, 1));
    expect(faults.map(({ code }) => code)).toEqual(['internal.unexpected']);
    expect(waiting.length).toBe(before - 1);
  });

  test('silence is noticed', async () => {
    const { faults } = pump(50);
    await until('the watchdog', () => faults.length > 0);
    expect(faults[0]?.code).toBe('source.silent');
  });
});

describe('portions', () => {
  const tooMany = () => {
    const response = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadTooManyOperations } });
    return Promise.reject(Object.assign(new Error('too many'), { response }));
  };

  test('a server that takes less than it promised gets half, and half again', async () => {
    const server = calls({} as Session, 'plc', 1_000);
    const done: number[] = [];
    const sizes: number[] = [];
    await server.portions(
      Array.from({ length: 1_000 }, (_, i) => i),
      1_000,
      async (portion) => {
        sizes.push(portion.length);
        await server.once('testing', () => (portion.length > 100 ? tooMany() : Promise.resolve()));
        done.push(...portion);
      },
    );
    expect(done).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
    expect(Math.max(...sizes.slice(4))).toBeLessThanOrEqual(100);
  });

  test('a server that does not answer in time gets less; one that does not take one item is a fault', async () => {
    const server = calls({} as Session, 'plc', 30);
    const sizes: number[] = [];
    const forever = new Promise<never>(() => {});
    await server.portions([1, 2, 3, 4], 4, async (portion) => {
      sizes.push(portion.length);
      await server.once('testing', () => (portion.length > 2 ? forever : Promise.resolve()));
    });
    expect(sizes).toEqual([4, 2, 2]);
    const none = server.portions([1], 1, () => server.once('testing', () => forever));
    await expect(none).rejects.toMatchObject({ code: 'source.timeout' });
  });
});

test('what a handler throws on reception breaks its connection only', () => {
  const broken: unknown[] = [];
  const sockets = transports(3_500, (error) => broken.push(error));
  const transport = sockets.factory.create({});
  transport.on('chunk', () => {
    throw new Error('cannot decode');
  });
  (transport as unknown as { emit(event: string, chunk: Buffer): void }).emit('chunk', Buffer.alloc(8));
  expect(broken).toEqual([new Error('cannot decode')]);
});

describe('on the wire', () => {
  let small: SmallServer;
  const pki = scratch();
  let count = 0;

  beforeAll(async () => {
    small = await smallServer((space) => {
      const namespace = space.registerNamespace('urn:plc');
      for (const name of ['A', 'B']) {
        namespace.addVariable({
          organizedBy: space.rootFolder.objects,
          browseName: name,
          nodeId: `s=${name}`,
          dataType: DataType.Double,
          minimumSamplingInterval: 50,
          value: { get: () => new Variant({ dataType: DataType.Double, value: name === 'A' ? count++ : 7 }) },
        });
      }
    });
  });
  afterAll(() => small?.stop());

  /** A relay that lets a test change what the server sends. */
  const relay = async (tamper: (chunk: Buffer, send: (chunk: Buffer) => void) => void) => {
    const sockets: Socket[] = [];
    const server = createServer((near) => {
      const far = connect(small.port, '127.0.0.1');
      sockets.push(near, far);
      near
        .on('error', () => far.destroy())
        .on('close', () => far.destroy())
        .pipe(far);
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      far.on('data', (chunk: Buffer) => tamper(chunk, (bytes) => near.write(bytes)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const stop = () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    };
    return { endpoint: `opc.tcp://127.0.0.1:${port}`, stop };
  };

  const running = async (endpoint: string) => {
    const adapter = opcuaAdapter(openly(endpoint, pki, tagsOf(['nsu=urn:plc;s=A', 'nsu=urn:plc;s=B'])), QUICK);
    await adapter.connect(new AbortController().signal);
    const sink = recorder();
    const run = adapter.run(sink, new AbortController().signal).catch((error: unknown) => error);
    await until('first readings', () => sink.last(0) && sink.last(1));
    return { adapter, sink, run };
  };

  test.each([
    ['answers twice', (chunk: Buffer) => Buffer.concat([chunk, chunk])],
    ['answers a request nobody made', (chunk: Buffer) => withRequestId(chunk, 4_000_000)],
    ['sends rubbish', (chunk: Buffer) => Buffer.alloc(chunk.length, 0x5a)],
    ['sends rubbish in a good envelope', (chunk: Buffer) => chunk.fill(0xff, 24)],
  ])('a server that %s ends run and nothing else', async (_, spoil) => {
    let spoiled = false;
    const wire = await relay((chunk, send) => send(spoiled ? spoil(chunk) : chunk));
    const { adapter, run } = await running(wire.endpoint);
    spoiled = true;
    const fault = await run;
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).class).toBe('session');
    await adapter.close();
    await wire.stop();
  });

  test('a subscription deleted behind our back ends run', async () => {
    const { adapter, run } = await running(small.endpoint);
    for (const session of Object.values((small.server.engine as unknown as { _sessions: object })._sessions)) {
      for (const id of Object.keys(session.publishEngine?._subscriptions ?? {})) session.deleteSubscription(Number(id));
    }
    expect(await run).toMatchObject({ code: 'source.closed' });
    await adapter.close();
  });

  test('a lost message is a gap, and what it held is read again', async () => {
    const { adapter, sink } = await running(small.endpoint);
    const engine = small.server.engine as unknown as { _sessions: Record<string, { publishEngine: object }> };
    for (const { publishEngine } of Object.values(engine._sessions)) {
      const subscriptions = (publishEngine as { _subscriptions: Record<string, object> })._subscriptions;
      for (const subscription of Object.values(subscriptions)) {
        const { _sequence_number_generator: numbers } = subscription as unknown as Record<string, { next(): number }>;
        numbers!.next();
      }
    }
    await until('the gap', () => sink.gaps.length > 0);
    expect(sink.gaps[0]).toMatchObject({ reason: 'source-overflow' });
    const before = sink.of(0).length;
    await until('more readings', () => sink.of(0).length > before);
    await adapter.close();
  });
});

/** The message as it would come over the wire. */
function received(response: PublishResponse): PublishResponse {
  const stream = new BinaryStream(response.binaryStoreSize());
  response.encode(stream);
  stream.length = 0;
  const copy = Reflect.construct(PublishResponse, [null]) as PublishResponse;
  copy.decode(stream);
  return copy;
}

/** Writes another StatusCode into the bytes of a message. */
function patch({ notificationMessage }: PublishResponse, from: number, to: number): void {
  const { stream } = rawValues(notificationMessage.notificationData?.[0] as DataChangeNotification)!;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(from);
  (stream.buffer as Buffer).writeUInt32LE(to, stream.buffer.indexOf(bytes));
}

/** A chunk of a symmetric message without security: type, size, channel, token, sequence number, request id. */
function withRequestId(chunk: Buffer, id: number): Buffer {
  const copy = Buffer.from(chunk);
  copy.writeUInt32LE(id, 20);
  return copy;
}
