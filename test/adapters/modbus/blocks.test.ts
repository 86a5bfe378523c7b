// A block that a device never answers, though it answers for others: cheap ones do that instead of refusing.

import { expect, onTestFinished, test } from 'vitest';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { until } from '../../support/until.ts';
import type { Recorder } from '../recorder.ts';
import { polled } from './polled.ts';
import { reply, slave } from './slave.ts';
import { tag } from './tags.ts';

const goods = (sink: Recorder, index: number) => sink.of(index).filter(({ status }) => isGood(status)).length;
const statuses = (sink: Recorder, index: number) => [
  ...new Set(sink.of(index).map(({ status }) => statusName(status))),
];

test.each([
  ['one of three', [1_000]],
  ['two in a row', [1_000, 2_000]],
])('%s: it is left out by itself, and costs the other blocks and units next to nothing', async (_, blocks) => {
  let silent = true;
  const peer = await slave((ask, socket) => (silent && blocks.includes(ask.start)) || socket.write(reply(ask)));
  onTestFinished(() => peer.stop());
  const own = [1, ...blocks].map((start) => tag(start, `holding:${start}`, { poll: 30 }));
  const run = await polled(peer.port, [...own, tag(2, 'holding:1', { unitId: 2, poll: 30 })], {
    timeout: 300,
    patience: { firstProbe: 300, lastProbe: 60_000, refusal: 60_000 },
  });
  const name = (start: number) => `unit 1, holding ${start}`;
  await until('it is left out', () => blocks.every((start) => run.sink.parts.has(name(start))));
  expect(run.sink.parts.get(name(1_000))).toBe('no reply within 300 ms; it is left out, and probed from time to time');
  await until('its unit is not', () => !run.sink.parts.has('unit 1'));

  peer.forget();
  const before = [1, 2].map((index) => goods(run.sink, index));
  await until(
    'sixty readings of the others',
    () => [1, 2].every((index, i) => goods(run.sink, index) > before[i]! + 60),
    60_000,
  );
  expect(peer.asks.filter(({ start }) => blocks.includes(start)).length).toBeLessThanOrEqual(6 * blocks.length);
  expect(statuses(run.sink, 2)).toEqual(['Good']);
  for (const start of blocks) {
    expect(run.sink.of(start)).toHaveLength(1);
    expect(statuses(run.sink, start)).toEqual(['BadTimeout']);
  }

  silent = false;
  await until('it is back', () => blocks.every((start) => goods(run.sink, start) > 2));
  await until('no trouble', () => run.sink.parts.size === 0);
  for (const start of blocks) expect(run.sink.gaps.filter(({ tags }) => tags?.includes(`T${start}`))).toHaveLength(1);
});

test('a block whose tags go takes its word along', async () => {
  const peer = await slave((ask, socket) => (ask.unit === 1 && ask.start === 1_000) || socket.write(reply(ask)));
  onTestFinished(() => peer.stop());
  const tags = [tag(1, 'holding:1', { poll: 30 }), tag(2, 'holding:1000', { poll: 30 })];
  const other = tag(3, 'holding:1', { unitId: 2, poll: 30 });
  const run = await polled(peer.port, [...tags, other], {
    patience: { firstProbe: 60_000, lastProbe: 60_000, refusal: 60_000 },
  });
  await until('it is left out', () => run.sink.parts.has('unit 1, holding 1000'));
  run.retag([other]);
  await until('no word', () => run.sink.parts.size === 0);
});
