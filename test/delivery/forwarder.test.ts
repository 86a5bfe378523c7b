// The promises F1 to F4 of the forwarder, on a real buffer and a hub under exact control.

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import { type Forwarder, type ForwarderOptions, forwarder } from '../../agent/src/delivery/forwarder.ts';
import { gapBatch } from '../../agent/src/model/batch.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { bulkyPart, part } from '../buffer/parts.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { acknowledge, type ScriptedHub, type Sent, scriptedHub } from './scripted-hub.ts';

interface Bench {
  readonly buffer: Buffer;
  readonly hub: ScriptedHub;
  readonly delivery: Forwarder;
  readonly lines: string[];
  commit(from: number, count: number): void;
}

const benches: Bench[] = [];
afterEach(async () => {
  for (const { buffer, delivery } of benches.splice(0)) {
    await delivery.stop(0);
    buffer.close();
  }
});

function bench(hub: ScriptedHub, options: Partial<ForwarderOptions> = {}, path = join(scratch(), 'buffer.db')): Bench {
  const buffer = openBuffer(path, 200 * 1024 * 1024);
  const lines: string[] = [];
  const delivery = forwarder({
    site: 'lavera',
    gateway: 'gw',
    buffer,
    hub: hub.factory,
    format: rows('gw', buffer.dictionary.get),
    compression: 'none',
    maxDelay: 20,
    order: 'live-first',
    log: (level, text) => lines.push(`${level}: ${text}`),
    ...options,
  });
  const one: Bench = {
    buffer,
    hub,
    delivery,
    lines,
    commit(from, count) {
      buffer.append([part(from, count)]);
      delivery.wake();
    },
  };
  benches.push(one);
  return one;
}

function seqs(sent: readonly Sent[]): number[] {
  return sent.flatMap(({ message }) =>
    message.body
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).seq as number),
  );
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
const ids = (sent: readonly Sent[]) => sent.map(({ message }) => message.id);

test('F1: an entry leaves the buffer when the hub has acknowledged it, and not before', async () => {
  const { hub, buffer, delivery, commit } = bench(scriptedHub());
  void delivery.start();
  commit(1, 10);
  await until('the message', () => hub.sent.length === 1);
  buffer.tidy(false);
  expect(buffer.stats().pending).toBe(10);
  expect(delivery.stats()).toMatchObject({ deliveredReadings: 0, inFlight: 1 });
  hub.sent[0]!.acknowledge();
  await until('the acknowledgement', () => buffer.stats().pending === 0);
  expect(delivery.stats()).toMatchObject({
    deliveredReadings: 10,
    deliveredMessages: 1,
    inFlight: 0,
    resentMessages: 0,
  });
  expect(delivery.stats().deliveredBytes).toBe(hub.sent[0]!.message.body.length);
});

test('F1: acknowledgements out of order acknowledge their own entries only', async () => {
  const { hub, buffer, delivery, commit } = bench(scriptedHub(), { maxDelay: 1 });
  void delivery.start();
  for (const from of [1, 11, 21]) {
    commit(from, 10);
    await until('the message', () => hub.sent.length === (from + 9) / 10);
  }
  hub.sent[2]!.acknowledge();
  await until('the third', () => buffer.stats().pending === 20);
  hub.sent[0]!.acknowledge();
  await until('the first', () => buffer.stats().pending === 10);
  hub.sent[1]!.acknowledge();
  await until('all', () => buffer.stats().pending === 0);
});

test('F2: what was in flight when the connection was lost goes out again first, as it was, under the same ids', async () => {
  const { hub, delivery, commit, buffer } = bench(scriptedHub(), { maxDelay: 1 });
  void delivery.start();
  for (const from of [1, 11, 21]) {
    commit(from, 10);
    await until('the message', () => hub.sent.length === (from + 9) / 10);
  }
  hub.sent[1]!.acknowledge();
  await until('the second', () => buffer.stats().pending === 20);
  const lost = [hub.sent[0]!, hub.sent[2]!];
  hub.cut();
  await until('both again', () => hub.sent.length === 5);
  const again = hub.sent.slice(3);
  expect(ids(again)).toEqual(ids(lost));
  expect(again.map((one) => one.message.body)).toEqual(lost.map((one) => one.message.body));
  expect(again.map((one) => one.connection)).toEqual([2, 2]);
  for (const one of again) one.acknowledge();
  await until('all', () => buffer.stats().pending === 0);
  expect(delivery.stats()).toMatchObject({ deliveredReadings: 30, resentMessages: 2 });
});

test('F2: no more than maxInFlight messages are out, however much waits', async () => {
  const { hub, delivery, commit, buffer } = bench(scriptedHub(), { maxInFlight: 4, maxDelay: 1 });
  for (let i = 0; i < 40; i++) commit(i * 1_000 + 1, 1_000);
  void delivery.start();
  await until('four messages', () => hub.sent.length === 4);
  commit(50_000, 1);
  hub.sent[0]!.acknowledge();
  await until('a fifth', () => hub.sent.length === 5);
  expect(delivery.stats().inFlight).toBe(4);
  hub.answer = acknowledge;
  for (const one of hub.sent) one.acknowledge();
  await until('all', () => buffer.stats().pending === 0);
  expect(new Set(seqs(hub.sent)).size).toBe(40_001);
});

test('F2: the limit holds when entries are so large that one taking makes many messages', async () => {
  const { hub, delivery, buffer } = bench(scriptedHub(), { maxInFlight: 4 });
  for (let i = 0; i < 10; i++) buffer.append([bulkyPart(i * 3 + 1, 3, 100_000)]);
  void delivery.start();
  await until('four messages', () => hub.sent.length === 4);
  expect(delivery.stats().inFlight, 'and little more is prepared').toBeLessThan(15);
  for (let answered = 0; answered < 10; answered++) {
    hub.sent[answered]!.acknowledge();
    await until('the next', () => hub.sent.length === answered + 5);
  }
  hub.answer = acknowledge;
  for (const one of hub.sent) one.acknowledge();
  await until('all', () => buffer.stats().pending === 0);
  expect(seqs(hub.sent)).toEqual(upTo(30));
});

test('F2: an acknowledgement of the former connection that comes late does no harm', async () => {
  const { hub, delivery, commit, buffer } = bench(scriptedHub());
  void delivery.start();
  commit(1, 5);
  await until('the message', () => hub.sent.length === 1);
  hub.cut();
  await until('the message again', () => hub.sent.length === 2);
  hub.sent[1]!.acknowledge();
  hub.sent[0]!.acknowledge();
  await until('all', () => buffer.stats().pending === 0);
  expect(delivery.stats().deliveredMessages).toBe(1);
});

test('F3: a hub that cannot be reached is tried again, with a new hub and a growing wait, until it can', async () => {
  const { hub, delivery, commit, buffer, lines } = bench(scriptedHub(acknowledge));
  hub.refuses = new Fault('hub.unreachable', 'no route');
  void delivery.start();
  commit(1, 3);
  await until('two attempts', () => {
    const { hub: state } = delivery.stats();
    return state.state === 'waiting' && state.attempt === 2;
  });
  expect(delivery.stats().hub).toMatchObject({ code: 'hub.unreachable', reason: 'no route' });
  hub.refuses = undefined;
  await until('delivery', () => buffer.stats().pending === 0);
  expect(delivery.stats().hub.state).toBe('connected');
  expect(lines.filter((line) => line === 'warn: hub not reachable')).toHaveLength(2);
  expect(hub.open).toBe(1);
});

test('F3: a hub that breaks every rule of its contract does not end delivery', async () => {
  const good = scriptedHub(acknowledge);
  const oddities = [
    () => {
      throw 'no hub at all';
    },
    () => ({ ...good.factory(), connect: () => Promise.reject(Object.create(null)) }),
    () => ({
      ...good.factory(),
      connect: () => Promise.resolve(),
      send: () => {
        throw undefined;
      },
    }),
    () => ({
      ...good.factory(),
      connect: () => Promise.resolve(),
      close: () => {
        throw new Error('close');
      },
      lost: Promise.resolve(new Error('at once')),
    }),
  ] as (() => never)[];
  const { delivery, commit, buffer } = bench(good, { hub: () => (oddities.shift() ?? good.factory)() });
  void delivery.start();
  commit(1, 3);
  await until('delivery after all', () => buffer.stats().pending === 0);
  expect(oddities).toEqual([]);
});

test('F3: a send that is not answered in time ends the connection, and the message goes out by the next', async () => {
  const { hub, delivery, commit, buffer } = bench(scriptedHub());
  void delivery.start();
  commit(1, 3);
  await until('the message', () => hub.sent.length === 1);
  hub.answer = acknowledge;
  hub.sent[0]!.refuse(new Fault('hub.timeout', 'no acknowledgement within 30000 ms'));
  await until('delivery', () => buffer.stats().pending === 0);
  expect(hub.sent.map((one) => one.connection)).toEqual([1, 2]);
  expect(hub.open).toBe(1);
});

test('a message that the hub finds too large comes again in halves, and the rest of the lane goes on', async () => {
  const hub = scriptedHub((one) => {
    if (one.message.body.length > 2_000) one.refuse(new Fault('hub.too-large', 'too large'));
    else one.acknowledge();
  });
  const { delivery, commit, buffer } = bench(hub);
  void delivery.start();
  commit(1, 100);
  await until('delivery', () => buffer.stats().pending === 0);
  const taken = hub.sent.filter((one) => one.message.body.length <= 2_000);
  expect(seqs(taken).sort((a, b) => a - b)).toEqual(upTo(100));
  expect(hub.connections).toBe(1);
  expect(delivery.stats()).toMatchObject({ deliveredReadings: 100, inFlight: 0 });
});

test('a single entry that the hub never takes is dropped, counted and reported as a gap; nothing else is', async () => {
  const hub = scriptedHub((one) => {
    if (seqs([one]).includes(7)) one.refuse(new Fault('hub.too-large', 'too large'));
    else one.acknowledge();
  });
  const { delivery, commit, buffer, lines } = bench(hub);
  void delivery.start();
  commit(1, 10);
  await until('the drop', () => buffer.stats().dropped['too-large'] === 1);
  buffer.tidy(false);
  await until('delivery of the rest, and of the gap record', () => buffer.stats().pending === 0);
  const gap = hub.sent.map((one) => one.message.body.toString()).find((body) => body.includes('"gap"'))!;
  expect(JSON.parse(gap.split('\n').find((line) => line.includes('"gap"'))!)).toMatchObject({
    gap: 'too-large',
    count: 1,
    range: { first: 7, last: 7 },
    seq: 11,
  });
  expect(lines.some((line) => line.startsWith('error:'))).toBe(true);
});

test('an entry that exceeds a message by itself is dropped before it is sent, counted and reported', async () => {
  const { delivery, buffer, hub } = bench(scriptedHub(acknowledge));
  void delivery.start();
  buffer.append([bulkyPart(1, 1, 400_000), part(2, 3)]);
  delivery.wake();
  await until('the drop', () => buffer.stats().dropped['too-large'] === 1);
  buffer.tidy(false);
  await until('the rest', () => buffer.stats().pending === 0);
  expect(new Set(seqs(hub.sent))).toEqual(new Set([2, 3, 4, 5]));
});

test('two connections that both refuse the same message as too large count its entries once', async () => {
  const { hub, delivery, commit, buffer } = bench(scriptedHub());
  void delivery.start();
  commit(1, 2);
  await until('the message', () => hub.sent.length === 1);
  hub.answer = acknowledge;
  const tooLarge = new Fault('hub.too-large', 'too large');
  hub.sent[0]!.refuse(tooLarge);
  await until('delivery', () => buffer.stats().pending === 0);
  hub.sent[0]!.refuse(tooLarge);
  hub.cut();
  commit(3, 1);
  await until('the next', () => buffer.stats().pendingReadings === 0 && hub.sent.length === 4);
  expect(buffer.stats().pending).toBe(0);
});

test('an entry waits at most about maxDelay for its message to fill, and a full message does not wait', async () => {
  const { hub, delivery, commit } = bench(scriptedHub(acknowledge), { maxDelay: 600 });
  void delivery.start();
  await until('the connection', () => hub.connections === 1);
  const begun = performance.now();
  commit(1, 1);
  await until('the message', () => hub.sent.length === 1);
  const waited = performance.now() - begun;
  expect(waited).toBeGreaterThan(500);
  expect(waited).toBeLessThan(2_000);
  const full = performance.now();
  commit(2, 4_000);
  await until('a full message', () => hub.sent.length >= 2);
  expect(performance.now() - full).toBeLessThan(550);
});

test('gap records that the buffer commits by itself are delivered without waiting for a reading', async () => {
  const { hub, delivery, buffer } = bench(scriptedHub(acknowledge));
  void delivery.start();
  buffer.append([{ priority: 'high', batch: gapBatch([{ reason: 'buffer-damaged', from: 1, to: 2 }]) }]);
  await until('the gap record', () => hub.sent.length === 1);
});

test('a disk that fails to read is tried again; a damaged file ends delivery with the fault', async () => {
  const { buffer, hub } = bench(scriptedHub(acknowledge));
  buffer.append([part(1, 3)]);
  const faults = [new Fault('buffer.disk', 'EIO'), undefined, new Fault('buffer.damaged', 'malformed')];
  const delivery = forwarder({
    site: 'lavera',
    gateway: 'gw',
    buffer: {
      ...buffer,
      next(stream, limit) {
        const fault = faults.shift();
        if (fault) throw fault;
        return buffer.next(stream, limit);
      },
    },
    hub: hub.factory,
    format: rows('gw', buffer.dictionary.get),
    compression: 'none',
    maxDelay: 5,
    order: 'live-first',
    log: () => {},
  });
  const ended = delivery.start().catch((error: Fault) => error.code);
  await until('delivery after the first fault', () => buffer.stats().pending === 0);
  buffer.append([part(4, 1)]);
  delivery.wake();
  expect(await ended).toBe('buffer.damaged');
  expect(hub.open).toBe(0);
  await delivery.stop(100);
});
