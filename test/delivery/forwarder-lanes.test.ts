// F4 and the order of delivery while a backlog drains; and how the forwarder ends.

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import { type Forwarder, type ForwarderOptions, forwarder } from '../../agent/src/delivery/forwarder.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { bulkyPart, part } from '../buffer/parts.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { acknowledge, type ScriptedHub, scriptedHub } from './scripted-hub.ts';

const running: { readonly buffer: Buffer; readonly delivery: Forwarder }[] = [];
afterEach(async () => {
  for (const { buffer, delivery } of running.splice(0)) {
    await delivery.stop(0);
    buffer.close();
  }
});

function start(path: string, hub: ScriptedHub, options: Partial<ForwarderOptions> = {}) {
  const buffer = openBuffer(path, 200 * 1024 * 1024);
  const delivery = forwarder({
    site: 'lavera',
    gateway: 'gw',
    buffer,
    hub: hub.factory,
    format: rows('gw', buffer.dictionary.get),
    compression: 'none',
    maxDelay: 10,
    order: 'live-first',
    log: () => {},
    ...options,
  });
  running.push({ buffer, delivery });
  return { buffer, delivery };
}

/** A file with a backlog of `messages` full messages and as many entries. */
function withBacklog(messages: number): string {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, 200 * 1024 * 1024);
  for (let i = 0; i < messages; i++) buffer.append([bulkyPart(i + 1, 1, 200_000)]);
  buffer.close();
  return path;
}

const stream = ({ message }: ScriptedHub['sent'][number]) => message.properties.stream;
const first = ({ message }: ScriptedHub['sent'][number]) => Number(message.properties.seqFirst);

test('F4: live readings go out at once while a backlog of hundreds of messages drains through a slow hub', async () => {
  const hub = scriptedHub((one) => void setTimeout(() => one.acknowledge(), 20));
  const { buffer, delivery } = start(withBacklog(200), hub);
  void delivery.start();
  await until('the backlog flows', () => hub.sent.some((one) => stream(one) === 'backfill'));
  const latencies: number[] = [];
  for (let i = 0; i < 10; i++) {
    const begun = performance.now();
    const seq = 201 + i;
    buffer.append([part(seq, 1)]);
    delivery.wake();
    await until('the live reading', () => hub.sent.find((one) => first(one) === seq));
    latencies.push(performance.now() - begun);
  }
  expect(buffer.waiting('backfill'), 'the backlog still drains').toBeGreaterThan(50);
  expect(Math.max(...latencies)).toBeLessThan(1_000);
  expect(hub.sent.filter((one) => first(one) > 200).map(stream)).toEqual(Array.from({ length: 10 }, () => 'live'));
  await until('everything', () => buffer.stats().pending === 0, 30_000);
});

test('F4: the backlog drains while live readings never stop', async () => {
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(withBacklog(50), hub);
  void delivery.start();
  let next = 51;
  const plant = setInterval(() => {
    buffer.append([part(next, 100)]);
    next += 100;
    delivery.wake();
  }, 5);
  try {
    await until('the backlog', () => buffer.waiting('backfill') === 0);
  } finally {
    clearInterval(plant);
  }
  expect(hub.sent.filter((one) => stream(one) === 'live').length).toBeGreaterThan(0);
});

test('live-first: what waited while the hub was away becomes backlog, and new readings overtake it', {
  timeout: 40_000,
}, async () => {
  const hub = scriptedHub();
  const { buffer, delivery } = start(join(scratch(), 'buffer.db'), hub);
  void delivery.start();
  // The hub takes nothing: eight messages are out, the rest waits in the live lane beyond its lag.
  for (let i = 0; i < 30; i++) buffer.append([bulkyPart(i + 1, 1, 200_000)]);
  delivery.wake();
  await until('the lane is full', () => hub.sent.length === 8);
  await until('backlog', () => buffer.waiting('backfill') > 0, 20_000);
  hub.answer = acknowledge;
  buffer.append([part(31, 1)]);
  delivery.wake();
  for (const one of [...hub.sent]) one.acknowledge();
  await until('everything', () => buffer.stats().pending === 0);
  expect(hub.sent.some((one) => stream(one) === 'backfill')).toBe(true);
});

test('oldest-first: everything goes out in the order in which it was committed', async () => {
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(withBacklog(30), hub, { order: 'oldest-first' });
  buffer.append([part(31, 5)]);
  void delivery.start();
  delivery.wake();
  await until('everything', () => buffer.stats().pending === 0);
  const order = hub.sent.map(first);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order.at(-1)).toBe(31);
});

test('one message in flight at a time is enough for both lanes', async () => {
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(withBacklog(5), hub, { maxInFlight: 1 });
  buffer.append([part(6, 5)]);
  void delivery.start();
  delivery.wake();
  await until('everything', () => buffer.stats().pending === 0);
});

test('stop sends what is committed, without waiting for messages to fill', async () => {
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(join(scratch(), 'buffer.db'), hub, { maxDelay: 60_000 });
  void delivery.start();
  await until('the connection', () => hub.connections === 1);
  buffer.append([part(1, 5)]);
  delivery.wake();
  const begun = performance.now();
  await delivery.stop(10_000);
  expect(performance.now() - begun).toBeLessThan(2_000);
  expect([buffer.stats().pending, hub.open, delivery.stats().hub.state]).toEqual([0, 0, 'stopped']);
});

test('stop ends at its deadline when the hub does not answer, and what it had stays in the buffer', async () => {
  const path = join(scratch(), 'buffer.db');
  const hub = scriptedHub();
  const { buffer, delivery } = start(path, hub);
  void delivery.start();
  buffer.append([part(1, 5)]);
  delivery.wake();
  await until('the message', () => hub.sent.length === 1);
  const begun = performance.now();
  await delivery.stop(300);
  const took = performance.now() - begun;
  expect(took).toBeGreaterThan(250);
  expect(took).toBeLessThan(2_000);
  expect([buffer.stats().pending, hub.open]).toEqual([5, 0]);
  buffer.close();
  const again = openBuffer(path, 200 * 1024 * 1024);
  expect(again.waiting('backfill')).toBe(5);
  again.close();
});

test('stop is prompt while there is no connection', async () => {
  const hub = scriptedHub();
  hub.refuses = new Fault('hub.unreachable', 'no route');
  const { buffer, delivery } = start(join(scratch(), 'buffer.db'), hub);
  buffer.append([part(1, 5)]);
  void delivery.start();
  await until('waiting', () => delivery.stats().hub.state === 'waiting');
  const begun = performance.now();
  await delivery.stop(10_000);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test('stop before start, and stop twice, are legal', async () => {
  const { delivery } = start(join(scratch(), 'buffer.db'), scriptedHub());
  await delivery.stop(100);
  await delivery.stop(100);
  expect(delivery.stats().hub.state).toBe('stopped');
});

test('F5: an older epoch drains after the backlog, under its own epoch and to its own queue', async () => {
  const older = openBuffer(withBacklog(5), 200 * 1024 * 1024);
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(withBacklog(5), hub, {
    older: [{ queue: older, format: rows('gw', older.dictionary.get) }],
  });
  void delivery.start();
  await until('both', () => hub.sent.length === 10 && older.stats().pending + buffer.stats().pending === 0);
  expect(hub.sent.map(({ message }) => message.properties.epoch)).toEqual([
    ...Array.from({ length: 5 }, () => buffer.epoch),
    ...Array.from({ length: 5 }, () => older.epoch),
  ]);
  expect(hub.sent.every((one) => stream(one) === 'backfill')).toBe(true);
  expect(hub.sent.at(-1)!.message.id).toBe(`gw/${older.epoch}/5-5`);
  older.close();
});

test.each(['live-first', 'oldest-first'] as const)('a drain limit holds the backlog back, %s', async (order) => {
  const hub = scriptedHub(acknowledge);
  const { buffer, delivery } = start(withBacklog(10), hub, { order, drainLimit: 20 });
  const begun = performance.now();
  void delivery.start();
  await until('everything', () => buffer.stats().pending === 0);
  const elapsed = performance.now() - begun;
  expect(elapsed, 'ten messages at twenty a second').toBeGreaterThan(400);
  expect(hub.sent).toHaveLength(10);
});
