// The order of a subscription's messages: what is missing is asked for again, and told when it is not to be had.

import { expect, test } from 'vitest';
import { sequence } from '../../../../agent/src/adapters/opcua/subscriptions/sequence.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';
import { change, keepAlive } from './messages.ts';

/** Among those taken: some could not be had here. */
const MISSING = -1;

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
    missing: () => taken.push(MISSING),
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
  expect(taken).toEqual([1, 2, MISSING, 4, MISSING, 6]);
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
    missing() {},
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
  expect(taken).toEqual([7, 8, MISSING, 1, 2]);
  expect(lost).toEqual([1]);
});

test('another message than the one asked for is not taken', async () => {
  const taken: number[] = [];
  const lost: number[] = [];
  const order = sequence({
    take: ({ sequenceNumber }) => void taken.push(sequenceNumber),
    again: async (number) => change(number + 7, 0, 1).notificationMessage,
    missing() {},
    lost: (count) => lost.push(count),
  });
  expect(await order.resume()).toBe(0);
  order.accept(change(1, 0, 1));
  await order.accept(change(4, 0, 1));
  expect(taken).toEqual([1, 4]);
  expect(lost).toEqual([2]);
});

test('a message that cannot be decoded ends the link once; had again after it, it is a loss and no more', async () => {
  const taken: number[] = [];
  const lost: number[] = [];
  const order = sequence({
    take({ sequenceNumber }) {
      if (sequenceNumber === 2) throw new Fault('source.protocol', 'cannot be decoded');
      taken.push(sequenceNumber);
    },
    again: async (number) => (number < 4 ? change(number, 0, 1).notificationMessage : undefined),
    missing() {},
    lost: (count) => lost.push(count),
  });
  order.accept(change(1, 0, 1));
  expect(() => order.accept(change(2, 0, 1))).toThrow('cannot be decoded');
  await order.resume();
  await order.accept(change(4, 0, 1));
  expect(taken).toEqual([1, 3, 4]);
  expect(lost).toEqual([1]);
});

test('a message that comes twice is taken once, and nothing is missing', async () => {
  const { order, taken, lost, asked } = start();
  const second = change(2, 0, 1);
  for (const response of [change(1, 0, 1), second, change(3, 0, 1)]) order.accept(response);
  await order.accept(second);
  await order.accept(second);
  expect(order.accept(change(4, 0, 1))).toBeUndefined();
  expect(taken).toEqual([1, 2, 3, 4]);
  expect([lost, asked]).toEqual([[], []]);
});

test('a message that was had again and then comes by itself is taken once', async () => {
  const { order, taken, lost } = start([2, 3]);
  order.accept(change(1, 0, 1));
  await order.accept(change(4, 0, 1));
  await order.accept(change(2, 0, 2));
  await order.accept(change(3, 0, 3));
  expect(taken).toEqual([1, 2, 3, 4]);
  expect(lost).toEqual([]);
});

test('a message that was told as missing and comes late is taken, and the order goes on', async () => {
  const { order, taken, lost } = start();
  order.accept(change(1, 0, 1));
  await order.accept(change(3, 0, 1));
  await order.accept(change(2, 0, 1));
  expect(order.accept(change(4, 0, 1))).toBeUndefined();
  expect(taken).toEqual([1, MISSING, 3, 2, 4]);
  expect(lost).toEqual([1]);
});

test('of a hole longer than any server keeps the newest messages are asked for', async () => {
  const { order, taken, lost, asked } = start([999, 1_000]);
  order.accept(change(1, 0, 1));
  await order.accept(change(1_001, 0, 1));
  expect(taken.filter((number) => number !== MISSING)).toEqual([1, 999, 1_000, 1_001]);
  expect(asked.length).toBeLessThan(300);
  expect(lost).toEqual([997]);
});

test('after a reconnect all that was sent into the dead link is had again, from the first message on', async () => {
  const { order, taken, asked } = start([1, 2, 3]);
  expect(await order.resume()).toBe(3);
  expect(taken).toEqual([1, 2, 3]);
  expect(asked).toEqual([1, 2, 3, 4]);
});
