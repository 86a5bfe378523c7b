// Gap records of what could not be read, and when the outage before has ended.

import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { now, TICKS_PER_MS } from '../../../agent/src/model/time.ts';
import { until } from '../../support/until.ts';
import type { Recorder } from '../recorder.ts';
import { polled } from './polled.ts';
import { type Ask, refusal, reply, type Slave, slave } from './slave.ts';
import { tag } from './tags.ts';

async function server(answer: (ask: Ask, socket: Socket) => void): Promise<Slave> {
  const made = await slave(answer);
  onTestFinished(() => made.stop());
  return made;
}

const goods = (sink: Recorder, index: number) => sink.of(index).filter(({ status }) => isGood(status));

test('an address that was read, and then refused for a while, has a gap; one that never was has none', async () => {
  let refused = false;
  const peer = await server((ask, socket) => socket.write(refused || ask.start > 1 ? refusal(ask, 2) : reply(ask)));
  const run = await polled(peer.port, [tag(1, 'holding:1', { poll: 50 }), tag(2, 'holding:500', { poll: 50 })], {
    timeout: 10_000,
  });
  await until('values', () => goods(run.sink, 1).length > 2);
  refused = true;
  await until('it is refused', () => statusName(run.sink.last(1)!.status) === 'BadConfigurationError');
  const from = goods(run.sink, 1).at(-1)!.time;
  refused = false;
  const to = await until('it is back', () => goods(run.sink, 1).find(({ time }) => time > from)?.time);
  await run.close();
  expect(run.sink.gaps).toEqual([{ reason: 'source-down', tags: ['T1'], from, to }]);
});

test('no gap ends before it begins when the clock is set back meanwhile: it is told by both clocks', async () => {
  const HOUR = 3_600_000 * TICKS_PER_MS;
  let silent = false;
  let back = 0;
  const peer = await server((ask, socket) => (ask.unit === 1 && silent) || socket.write(reply(ask)));
  const tags = [1, 2].map((unit) => tag(unit, 'holding:1', { unitId: unit, poll: 50 }));
  const run = await polled(peer.port, tags, { clock: () => now() - back, timeout: 500 });
  await until('values', () => goods(run.sink, 1).length > 2);
  silent = true;
  await until('unit 1 is left out', () => run.sink.parts.has('unit 1'));
  const from = goods(run.sink, 1).at(-1)!.time;
  const seen = goods(run.sink, 1).length;
  back = HOUR;
  silent = false;
  await until('it is back', () => goods(run.sink, 1).length > seen);
  expect(run.sink.gaps).toHaveLength(2);
  const [first, second] = run.sink.gaps.map(({ from, to }) => ({ from, to: to ?? Number.NaN }));
  expect(first!.from).toBe(from);
  expect(second!.to).toBe(goods(run.sink, 1)[seen]!.time);
  expect(first!.to).toBeGreaterThan(first!.from);
  expect(Math.abs(second!.from - (first!.from - HOUR))).toBeLessThan(60_000 * TICKS_PER_MS);
  expect(second!.to - second!.from).toBe(first!.to - first!.from);
});

test('the outage before ends when all has been asked for, though the first reply was lost and the poll is an hour', async () => {
  const peer = await server((ask, socket) => ask.number > 0 && socket.write(reply(ask)));
  const run = await polled(peer.port, [tag(1, 'holding:1', { poll: 3_600_000 })]);
  await until('ready', () => run.sink.readies > 0);
  expect(goods(run.sink, 1)).toHaveLength(1);
});

test('addresses that were there a moment ago are asked for soon, and those that never were are not', async () => {
  let download = false;
  const peer = await server((ask, socket) => socket.write(download || ask.start > 100 ? refusal(ask, 2) : reply(ask)));
  const there = Array.from({ length: 20 }, (_, i) => tag(i, `holding:${i}`, { poll: 50 }));
  const run = await polled(peer.port, [...there, tag(99, 'holding:500', { poll: 50 })], {
    timeout: 10_000,
    patience: { firstProbe: 100, lastProbe: 1_000, refusal: 3_600_000 },
  });
  await until('values', () => there.every(({ index }) => goods(run.sink, index).length > 2));
  download = true;
  const refused = ({ index }: { index: number }) =>
    statusName(run.sink.last(index)!.status) === 'BadConfigurationError';
  await until('all are refused', () => there.every(refused));
  const asks = peer.asks.length;
  await until('some are asked for again, in vain', () => peer.asks.length > asks + 25);
  download = false;
  await until('all are back', () => there.every(({ index }) => isGood(run.sink.last(index)!.status)));
  await until('no trouble but the one', () => run.sink.parts.size === 1);
  expect([...run.sink.parts.keys()]).toEqual(['T99']);
  expect(peer.asks.filter(({ start }) => start === 500)).toHaveLength(1);
  // Once it is all there again, it is one request as before.
  peer.forget();
  await until('polls', () => peer.asks.length > 4);
  expect(new Set(peer.asks.map(({ start, quantity }) => `${start}+${quantity}`))).toEqual(new Set(['0+20']));
});

test('where the line is slower than the poll, the gap of a lost link begins at the last reading of each tag', async () => {
  const peer = await server((ask, socket) => {
    if (ask.number < 8) setTimeout(() => socket.destroyed || socket.write(reply(ask)), 150);
    else void peer.stop();
  });
  const tags = [1, 1_000, 2_000].map((start) => tag(start, `holding:${start}`, { poll: 10 }));
  const run = await polled(peer.port, tags, { timeout: 10_000 });
  await until('the end', () => run.ended);
  for (const { index, name } of tags) {
    const gap = run.sink.gaps.find((each) => each.tags?.includes(name));
    const last = goods(run.sink, index).at(-1)!.time;
    const newest = run.sink.readings.at(-1)!.time;
    // The supervisor tells a gap that reaches back from the last reading of all by one poll.
    if (newest - last > 20 * TICKS_PER_MS) expect(gap?.from).toBe(last);
  }
  expect(run.sink.gaps.length).toBeGreaterThan(0);
});
