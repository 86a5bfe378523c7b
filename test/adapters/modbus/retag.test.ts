// Tags that come and go while a source is polled: over one connection, and nobody else's polls are touched.

import { expect, onTestFinished, test } from 'vitest';
import type { ModbusTag } from '../../../agent/src/adapters/modbus/adapter.ts';
import { plan } from '../../../agent/src/adapters/modbus/plan.ts';
import { regrouped } from '../../../agent/src/adapters/modbus/regroup.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { TICKS_PER_MS } from '../../../agent/src/model/time.ts';
import { until } from '../../support/until.ts';
import type { Recorder } from '../recorder.ts';
import { polled } from './polled.ts';
import { type Ask, checksum, refusal, reply, type Slave, slave } from './slave.ts';
import { tag } from './tags.ts';

const statuses = (sink: Recorder, index: number) => sink.of(index).map(({ status }) => statusName(status));
const goods = (sink: Recorder, index: number) => sink.of(index).filter(({ status }) => isGood(status)).length;
const asked = (peer: Slave) => new Set(peer.asks.map(({ unit, start, quantity }) => `${unit}: ${start}+${quantity}`));

async function honest(answer?: (ask: Ask) => Buffer | undefined): Promise<Slave> {
  const peer = await slave((ask, socket) => {
    const bytes = answer ? answer(ask) : reply(ask);
    if (bytes) socket.write(bytes);
  });
  onTestFinished(() => peer.stop());
  return peer;
}

/** Polls that are missing among the readings of a tag, give or take one: a machine under load reads late, now and then. */
function lostBy(sink: Recorder, index: number, poll: number): number {
  const times = sink.of(index).map(({ time }) => time / TICKS_PER_MS);
  return (times.at(-1)! - times[0]!) / poll - (times.length - 1);
}

/** `count` tags of a unit from a holding register on; index unit * 1000 + register. */
const block = (unit: number, from: number, count: number, changes: Partial<ModbusTag> = {}) =>
  Array.from({ length: count }, (_, i) =>
    tag(unit * 1_000 + from + i, `holding:${from + i}`, { unitId: unit, poll: 50, ...changes }),
  );

test('the requests that are not concerned stay as they are, and in their slots', async () => {
  const peer = await honest();
  const before = [...block(1, 0, 10), ...block(2, 0, 10), ...block(2, 500, 10)];
  const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const run = await polled(peer.port, before, { counts });
  await until('readings', () => before.every(({ index }) => goods(run.sink, index) > 2));
  peer.forget();
  const stays = block(2, 500, 10);
  run.retag([...block(1, 0, 10), ...block(2, 5, 5), ...stays, ...block(3, 0, 3)]);
  const told = block(2, 0, 5).map(({ index }) => run.sink.of(index).length);
  await until('readings of the new unit', () => goods(run.sink, 3_000) > 10);
  expect(block(2, 0, 5).map(({ index }) => run.sink.of(index).length)).toEqual(told);
  expect(asked(peer).difference(new Set(['2: 0+10']))).toEqual(new Set(['1: 0+10', '2: 5+5', '2: 500+10', '3: 0+3']));
  expect(peer.made).toBe(1);
  await run.close();
  for (const { index } of stays) expect(lostBy(run.sink, index, 50)).toBeLessThanOrEqual(counts.overruns + 1);
  for (const { index, unitId, address } of [...stays, ...block(3, 0, 3)])
    expect(run.sink.last(index)?.value).toBe(checksum(unitId, address.offset));
});

test("a request under way brings nothing for a tag that is gone, and the place may be another tag's", async () => {
  let held: (() => void) | undefined;
  const peer = await slave((ask, socket) => {
    if (ask.number < 3) return void socket.write(reply(ask));
    held = () => socket.write(reply(ask));
    if (ask.number > 3) held();
  });
  onTestFinished(() => peer.stop());
  const run = await polled(peer.port, block(1, 0, 4), { timeout: 10_000 });
  await until('a request under way', () => held !== undefined && peer.asks.length === 4);
  const moved = tag(77, 'holding:1', { unitId: 1, poll: 50 });
  run.retag([...block(1, 0, 1), ...block(1, 2, 2), moved]);
  const told = run.sink.of(1_001).length;
  held!();
  await until('the new tag', () => goods(run.sink, 77) > 2);
  expect(run.sink.of(1_001)).toHaveLength(told);
  expect(new Set(run.sink.of(77).map(({ value }) => value))).toEqual(new Set([checksum(1, 1)]));
  expect(goods(run.sink, 1_000)).toBeGreaterThan(4);
});

test('what a device refused stays known; a new tag in its place is told why at once', async () => {
  const peer = await honest((ask) => (ask.start <= 5 && ask.start + ask.quantity > 5 ? refusal(ask, 2) : reply(ask)));
  const patience = { firstProbe: 100, lastProbe: 1_000, refusal: 600_000 };
  const run = await polled(peer.port, block(1, 0, 10), { patience });
  await until('the refusal', () => run.sink.parts.has('T1005'));
  await until('the others', () => goods(run.sink, 1_009) > 2);
  peer.forget();
  const twin = tag(70, 'holding:5', { name: 'TWIN', type: 'int16', unitId: 1, poll: 50 });
  run.retag([...block(1, 0, 12), twin]);
  expect(statuses(run.sink, 70)).toEqual(['BadConfigurationError']);
  await until('the new ones', () => goods(run.sink, 1_011) > 3);
  expect(peer.asks.some(({ start, quantity }) => start <= 5 && start + quantity > 5)).toBe(false);
  expect([...run.sink.parts.keys()].sort()).toEqual(['T1005', 'TWIN']);
  expect(statuses(run.sink, 1_005)).toEqual(['BadConfigurationError']);
  // With its tags the trouble is gone, and so is what would have been asked again.
  run.retag(block(1, 0, 4));
  await until('no trouble', () => run.sink.parts.size === 0);
});

test('a new tag of a slow poll does not wait for its slot; the old ones are not read for it', async () => {
  const peer = await honest();
  const hours = { poll: 3_600_000 };
  const run = await polled(peer.port, block(1, 0, 3, hours));
  await until('ready', () => run.sink.readies > 0);
  run.retag([...block(1, 0, 3, hours), ...block(1, 3, 2, hours), ...block(2, 0, 1, hours)]);
  await until('first readings', () => goods(run.sink, 1_004) === 1 && goods(run.sink, 2_000) === 1);
  expect(asked(peer)).toEqual(new Set(['1: 0+3', '1: 3+2', '2: 0+1']));
  expect(goods(run.sink, 1_000)).toBe(1);
});

test('a thousand new tags do not keep the others from their polls', async () => {
  const peer = await slave((ask, socket) => setTimeout(() => socket.write(reply(ask)), 10));
  onTestFinished(() => peer.stop());
  const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const slow = Array.from({ length: 50 }, (_, i) => tag(5_000 + i, `holding:${1_000 + i * 200}`, { poll: 600_000 }));
  const run = await polled(peer.port, block(1, 0, 3, { poll: 200 }), { timeout: 5_000, counts });
  await until('readings', () => goods(run.sink, 1_000) > 1);
  run.retag([...block(1, 0, 3, { poll: 200 }), ...slow]);
  await until('all of them', () => slow.every(({ index }) => goods(run.sink, index) === 1));
  expect(goods(run.sink, 1_000)).toBeGreaterThan(3);
  expect(counts.overruns).toBe(0);
});

test('a new tag of a unit that is left out is told why; a unit that goes takes its trouble along', async () => {
  let dead = true;
  const peer = await honest((ask) => (ask.unit === 2 && dead ? undefined : reply(ask)));
  const patience = { firstProbe: 200, lastProbe: 200, refusal: 600_000 };
  const run = await polled(peer.port, [...block(1, 0, 2), ...block(2, 0, 2)], { patience });
  await until('unit 2 is left out', () => run.sink.parts.has('unit 2'));
  run.retag([...block(1, 0, 2), ...block(2, 0, 4)]);
  await until('the word on it', () => run.sink.last(2_003) !== undefined);
  expect(statuses(run.sink, 2_003)).toEqual(['BadTimeout']);
  dead = false;
  await until('the values', () => goods(run.sink, 2_003) > 1 && goods(run.sink, 2_000) > 1);
  dead = true;
  await until('unit 2 is left out again', () => run.sink.parts.has('unit 2'));
  const gaps = run.sink.gaps.length;
  run.retag(block(1, 0, 2));
  expect(run.sink.parts.size).toBe(0);
  // The outage of those that went ends with them.
  expect(run.sink.gaps).toHaveLength(gaps + 1);
  peer.forget();
  await until('a few polls', () => peer.asks.length > 8);
  expect(peer.asks.filter(({ unit }) => unit === 2)).toEqual([]);
  expect(run.ended).toBeUndefined();
});

test('a tag that no request can fetch is told at once', async () => {
  const peer = await honest();
  const run = await polled(peer.port, block(1, 0, 2));
  await until('readings', () => goods(run.sink, 1_000) > 1);
  run.retag([...block(1, 0, 2), tag(80, 'holding:65535', { type: 'float64', name: 'END' })]);
  expect(statuses(run.sink, 80)).toEqual(['BadConfigurationError']);
  expect(run.sink.parts.get('END')).toContain('65535');
  run.retag(block(1, 0, 2));
  expect(run.sink.parts.size).toBe(0);
});

test('all tags may go, and others come', async () => {
  const peer = await honest();
  const run = await polled(peer.port, block(1, 0, 2));
  await until('readings', () => goods(run.sink, 1_000) > 1);
  run.retag([]);
  run.retag(block(7, 0, 2));
  await until('others', () => goods(run.sink, 7_001) > 2);
  expect(run.ended).toBeUndefined();
  expect(peer.made).toBe(1);
});

test('tags of a SunSpec device are not for it, and then nothing has changed', async () => {
  const peer = await honest();
  const run = await polled(peer.port, block(1, 0, 2));
  await until('readings', () => goods(run.sink, 1_000) > 1);
  const sunspec = { model: 103, device: 'PV1', wanted: true };
  const next = [...block(1, 0, 1), tag(90, 'holding:14', { sunspec })];
  expect(() => run.retag(next)).toThrow(Fault);
  const seen = goods(run.sink, 1_001);
  await until('readings of all', () => goods(run.sink, 1_001) > seen + 1);
});

test('five hundred edits while a fast poll runs: no reading is wrong, none of those that stay is lost', async () => {
  const peer = await honest((ask) => (ask.start <= 40 && ask.start + ask.quantity > 40 ? refusal(ask, 2) : reply(ask)));
  const stays = [...block(1, 100, 20, { poll: 20 }), ...block(2, 0, 20, { poll: 20 })];
  const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const run = await polled(peer.port, stays, { counts, timeout: 10_000 });
  await until('readings', () => goods(run.sink, 1_100) > 1);
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed % below;
  };
  let index = 10_000;
  const kept: ModbusTag[] = [];
  const gone = new Map<number, number>();
  for (let edit = 0; edit < 500; edit++) {
    if (kept.length > 60 || (kept.length > 0 && random(2) === 0)) {
      const [old] = kept.splice(random(kept.length), 1);
      run.retag([...stays, ...kept]);
      gone.set(old!.index, run.sink.of(old!.index).length);
    } else {
      const unit = 1 + random(3);
      const type = random(2) === 0 ? 'uint16' : 'bool';
      const address = `holding:${random(130)}${type === 'bool' ? `.${random(16)}` : ''}`;
      kept.push(tag(index++, address, { unitId: unit, type, poll: random(2) === 0 ? 20 : 2_000 }));
      run.retag([...stays, ...kept]);
    }
    if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(8)));
  }
  await until('everything that stayed', () => kept.every((each) => run.sink.last(each.index) !== undefined));
  for (const [each, told] of gone) expect(run.sink.of(each), `tag ${each}`).toHaveLength(told);
  for (const { index: each, unitId, address, type } of [...stays, ...kept]) {
    const word = checksum(unitId, address.offset);
    const value = type === 'bool' ? ((word >> address.bit!) & 1) === 1 : word;
    const expected = address.offset === 40 ? null : value;
    const wrong = run.sink.of(each).filter((reading) => reading.value !== expected);
    expect(wrong, `tag ${each} at ${unitId}:${address.offset}`).toEqual([]);
  }
  expect(run.sink.faults()).toEqual([]);
  expect(peer.made).toBe(1);
  expect(counts.failed).toBe(0);
  await run.close();
  for (const { index: each } of stays) expect(lostBy(run.sink, each, 20)).toBeLessThanOrEqual(counts.overruns + 1);
});

test('cells that are not concerned stay the same ones', () => {
  const before = [
    tag(0, 'holding:1'),
    tag(1, 'holding:2'),
    tag(2, 'holding:2', { type: 'int16' }),
    tag(3, 'holding:9'),
  ];
  const limits = { maxRegisters: 125, maxGap: 16 };
  const [group] = plan(before, limits).groups;
  const more = [...before, tag(4, 'holding:9', { type: 'int16' }), tag(5, 'holding:4')];
  const [added] = plan(more, limits, (_, slot) => slot > 3).groups;
  const { cells, instead } = regrouped(group!.cells, added!.cells, new Set([1]));
  const told = cells.map(({ start, parts }) => `${start}: ${parts.map(({ slot }) => slot).join(' ')}`);
  expect(told).toEqual(['1: 0', '2: 2', '4: 5', '9: 3 4']);
  expect(cells[0]).toBe(group!.cells[0]);
  expect([...instead.keys()]).toEqual([group!.cells[1], group!.cells[2]]);
  expect(regrouped(cells, [], new Set([0])).instead.get(cells[0]!)).toBeUndefined();
});
