// A fault stays where it is: dead, busy and half-missing units, and what their neighbours notice of it.

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Fault } from '../../../agent/src/model/fault.ts';
import { isBad, isGood, statusName } from '../../../agent/src/model/status.ts';
import { type ModbusSim, startModbusServer } from '../../../sim/refinery/modbus.ts';
import { until } from '../../support/until.ts';
import type { Recorder } from '../recorder.ts';
import { polled } from './polled.ts';
import { type Ask, checksum, refusal, reply, slave } from './slave.ts';
import { tag } from './tags.ts';

let sim: ModbusSim;
beforeEach(async () => {
  sim = await startModbusServer({ site: 'tanks', ticking: false });
  for (const unit of sim.units) {
    sim.setRegister(
      unit,
      'holding',
      1_000,
      Array.from({ length: 500 }, (_, i) => checksum(unit, 1_000 + i)),
    );
  }
});
afterEach(() => sim.close());

/** Tags of a unit from holding register 1000 on; index unit * 1000 + position. */
const block = (unit: number, count: number, poll = 50) =>
  Array.from({ length: count }, (_, i) => tag(unit * 1_000 + i, `holding:${1_000 + i}`, { unitId: unit, poll }));

const statuses = (sink: Recorder, index: number) =>
  sink.of(index).map(({ status }) => statusName(status)).filter((name, i, all) => name !== all[i - 1]); // biome-ignore format: one line

const goods = (sink: Recorder, index: number) => sink.of(index).filter(({ status }) => isGood(status)).length;

describe('a dead unit', () => {
  test('costs its neighbours no more than its probes', async () => {
    const tags = [1, 2, 3].flatMap((unit) => block(unit, 5, 100));
    const run = await polled(sim.port, tags, {
      timeout: 100,
      patience: { firstProbe: 1_000, lastProbe: 60_000, refusal: 60_000 },
    });
    await until('everybody', () => [1_000, 2_000, 3_000].every((index) => goods(run.sink, index) > 1));
    sim.kill(2);
    await until('unit 2 is left out', () => run.sink.parts.has('unit 2'));
    expect(run.sink.parts.get('unit 2')).toContain('no reply within 100 ms');

    const before = [1_000, 3_000].map((index) => goods(run.sink, index));
    const begin = performance.now();
    await until('ten more readings', () => goods(run.sink, 1_000) >= before[0]! + 10);
    const slots = (performance.now() - begin) / 100;
    // Two probes at most in a second; each may cost one slot.
    expect(goods(run.sink, 1_000) - before[0]!).toBeGreaterThanOrEqual(Math.floor(slots) - 3);
    expect(goods(run.sink, 3_000) - before[1]!).toBeGreaterThanOrEqual(Math.floor(slots) - 4);
    expect([1_000, 3_000].map((index) => statuses(run.sink, index))).toEqual([['Good'], ['Good']]);

    for (const { index } of block(2, 5)) {
      expect(run.sink.of(index).filter(({ status }) => isBad(status))).toHaveLength(1);
    }
    sim.revive(2);
    const seen = goods(run.sink, 2_000);
    await until('unit 2 is back', () => goods(run.sink, 2_000) > seen + 2);
    expect(statuses(run.sink, 2_000)).toEqual(['Good', 'BadTimeout', 'Good']);
    await until('no trouble', () => run.sink.parts.size === 0);

    const names = block(2, 5).map(({ name }) => name);
    const between = run.sink.of(2_000).filter(({ status }) => isGood(status));
    const back = between.findIndex(({ time }) => time > run.sink.of(2_000).find(({ status }) => isBad(status))!.time);
    expect(run.sink.gaps).toEqual([
      { reason: 'source-down', tags: names, from: between[back - 1]!.time, to: between[back]!.time },
    ]);
  });

  test('is probed less and less often', async () => {
    sim.kill(2);
    const run = await polled(sim.port, [...block(1, 1), ...block(2, 300)], {
      timeout: 20,
      patience: { firstProbe: 50, lastProbe: 60_000, refusal: 60_000 },
    });
    await until('five probes', () => sim.requests().filter(({ unit }) => unit === 2).length >= 7);
    expect(run.ended).toBeUndefined();
    const probes = sim.requests().filter(({ unit }) => unit === 2);
    // One request each, and not always the same.
    expect(new Set(probes.map(({ address }) => address)).size).toBe(3);
    expect(run.sink.of(2_000)).toHaveLength(1);
    expect(run.sink.of(2_299)).toHaveLength(1);
  });

  test('with a poll of minutes is found out in seconds, and one lost reply is made good', async () => {
    sim.kill(2);
    const run = await polled(sim.port, [...block(1, 1), ...block(2, 3, 600_000)]);
    await until('unit 2 is left out', () => run.sink.parts.has('unit 2'));
    sim.revive(2);
    await until('unit 2 is back', () => goods(run.sink, 2_001) > 0);

    const peer = await slave((ask, socket) => ask.number === 0 || socket.write(reply(ask)));
    onTestFinished(() => peer.stop());
    const other = await polled(peer.port, block(1, 3, 600_000));
    await until('the value', () => goods(other.sink, 1_002) > 0);
    expect(statuses(other.sink, 1_002)).toEqual(['BadTimeout', 'Good']);
  });

  test('at the start, everything is asked for once all the same', async () => {
    sim.kill(3);
    const run = await polled(sim.port, [...block(1, 3), ...block(3, 3)]);
    await until('ready', () => run.sink.readies > 0);
    expect(statuses(run.sink, 1_000)).toEqual(['Good']);
    expect(statuses(run.sink, 3_002)).toEqual(['BadTimeout']);
  });

  test('is all there is: the source is given up', async () => {
    sim.kill(1);
    sim.kill(2);
    const run = await polled(sim.port, [...block(1, 3), ...block(2, 3)]);
    const ended = await until('the end', () => run.ended);
    expect(ended instanceof Fault && ended.code).toBe('source.timeout');
    expect(run.sink.readies).toBe(0);
  });
});

describe('addresses that do not exist', () => {
  test('cost their own tags only, and are planned around', async () => {
    sim.refuse(1, 'holding', 1_040, 1_041);
    const tags = block(1, 100);
    const run = await polled(sim.port, tags, { patience: { firstProbe: 100, lastProbe: 1_000, refusal: 60_000 } });
    await until('ready', () => run.sink.readies > 0);
    for (const { index, address } of tags) {
      const refused = address.offset === 1_040 || address.offset === 1_041;
      const expected = refused ? null : checksum(1, address.offset);
      expect(run.sink.last(index)?.value, String(address.offset)).toBe(expected);
    }
    expect([...run.sink.parts.keys()]).toEqual(['T1040', 'T1041']);
    expect(run.sink.parts.get('T1040')).toBe('the device says: address does not exist (exception 2)');
    expect(statuses(run.sink, 1_040)).toEqual(['BadConfigurationError']);

    sim.forget();
    const seen = goods(run.sink, 1_000);
    await until('two more slots', () => goods(run.sink, 1_000) >= seen + 2);
    const asked = new Set(sim.requests().map(({ address, quantity }) => `${address}+${quantity}`));
    expect(asked).toEqual(new Set(['1000+40', '1042+58']));
    expect(run.sink.of(1_040)).toHaveLength(1);
  });

  test('are asked for again, and come back', async () => {
    sim.refuse(1, 'holding', 1_003, 1_003);
    const run = await polled(sim.port, block(1, 10), { patience: { firstProbe: 50, lastProbe: 100, refusal: 200 } });
    await until('the refusal', () => run.sink.parts.has('T1003'));
    sim.allow(1);
    await until('the value', () => goods(run.sink, 1_003) > 3);
    expect(statuses(run.sink, 1_003)).toEqual(['BadConfigurationError', 'Good']);
    expect(run.sink.parts.size).toBe(0);
    sim.forget();
    await until('a poll', () => sim.requests().length > 0);
    expect(sim.requests()[0]).toMatchObject({ address: 1_000, quantity: 10 });
  });

  test('a hole that must not be read is walked around, and no tag is Bad', async () => {
    sim.refuse(1, 'holding', 1_005, 1_009);
    const tags = [...block(1, 5), ...block(1, 20).slice(10)];
    const run = await polled(sim.port, tags);
    await until('ready', () => run.sink.readies > 0);
    expect(run.sink.readings.filter(({ status }) => !isGood(status))).toEqual([]);
    sim.forget();
    await until('two polls', () => sim.requests().length >= 4);
    expect(new Set(sim.requests().map(({ address, quantity }) => `${address}+${quantity}`))).toEqual(
      new Set(['1000+5', '1010+10']),
    );
  });

  test('a device with smaller blocks than the standard says is read in smaller blocks', async () => {
    const peer = await slave((ask, socket) => socket.write(ask.quantity > 32 ? refusal(ask, 3) : reply(ask)));
    onTestFinished(() => peer.stop());
    const tags = block(1, 120);
    const run = await polled(peer.port, tags);
    await until('ready', () => run.sink.readies > 0);
    for (const { index, address } of tags) expect(run.sink.last(index)?.value).toBe(checksum(1, address.offset));
    expect(run.sink.readings.filter(({ status }) => !isGood(status))).toEqual([]);
  });

  test('a table that the device does not know leaves the other table alone', async () => {
    sim.refuse(1, 'input', 0, 65_535, 1);
    const inputs = Array.from({ length: 200 }, (_, i) => tag(i, `input:${i * 3}`, { poll: 50 }));
    const run = await polled(sim.port, [...inputs, ...block(1, 5)]);
    await until('values', () => goods(run.sink, 1_000) > 3);
    expect(statuses(run.sink, 0)).toEqual(['BadConfigurationError']);
    expect(statuses(run.sink, 199)).toEqual(['BadConfigurationError']);
    expect(run.sink.parts.get('T199')).toBe('the device says: function not supported (exception 1): 4');
    // One request was enough to know.
    const first = sim.requests().filter((each) => each.function === 4);
    expect(first.length).toBeLessThanOrEqual(2);
    sim.allow(1);
    await until('the table is back', () => goods(run.sink, 199) > 0);
    expect(run.sink.parts.size).toBe(0);
  });
});

describe('a unit that answers with exceptions', () => {
  test.each([
    [4, 'BadDeviceFailure'],
    [6, 'BadResourceUnavailable'],
    [10, 'BadNoCommunication'],
    [11, 'BadNoCommunication'],
  ])('%i is %s, is backed off, and the source goes on', async (code, status) => {
    sim.refuse(2, 'holding', 0, 65_535, code);
    const run = await polled(sim.port, [...block(1, 3), ...block(2, 3)], {
      patience: { firstProbe: 10_000, lastProbe: 10_000, refusal: 10_000 },
    });
    await until('unit 2 is left out', () => run.sink.parts.has('unit 2'));
    sim.forget();
    await until('unit 1 goes on', () => sim.requests().length > 5);
    expect(sim.requests().filter(({ unit }) => unit === 2)).toEqual([]);
    expect(statuses(run.sink, 2_001)).toEqual([status]);
    expect(statuses(run.sink, 1_001)).toEqual(['Good']);
    expect(run.sink.parts.get('unit 2')).toContain(`exception ${code}`);
  });

  test('one failing block does not stop the others of its unit', async () => {
    sim.refuse(1, 'holding', 1_000, 1_000, 4);
    const run = await polled(sim.port, [...block(1, 1), ...block(1, 220).slice(100)]);
    await until('the other block', () => goods(run.sink, 1_150) > 5);
    expect(statuses(run.sink, 1_000)).toEqual(['BadDeviceFailure']);
    expect(run.sink.of(1_000)).toHaveLength(1);
    expect(run.sink.parts.size).toBe(0);
  });

  test('even when it is the only one, the source is not given up', async () => {
    sim.refuse(1, 'holding', 0, 65_535, 6);
    const run = await polled(sim.port, block(1, 3), { patience: { firstProbe: 20, lastProbe: 40, refusal: 100 } });
    await until('ten requests', () => sim.requests().length >= 10);
    expect(run.ended).toBeUndefined();
    sim.allow(1);
    await until('values', () => goods(run.sink, 1_000) > 2);
  });
});

test('what a device sends where it measures nothing, or its sensor is broken, is Bad, without a value and without a trouble', async () => {
  const tags = block(1, 3).map((each) => ({ ...each, notImplemented: ['8000'], sensorFailure: ['7FFF', 'FFFF'] }));
  sim.setRegister(1, 'holding', 1_001, [0x8000, 0xffff]);
  const run = await polled(sim.port, tags);
  await until('readings', () => goods(run.sink, 1_000) > 2);
  expect(statuses(run.sink, 1_001)).toEqual(['BadNotSupported']);
  expect(run.sink.of(1_001)).toMatchObject([{ value: null }]);
  expect(statuses(run.sink, 1_002)).toEqual(['BadSensorFailure']);
  sim.setRegister(1, 'holding', 1_001, [7]);
  await until('the value', () => goods(run.sink, 1_001) > 0);
  expect(run.sink.last(1_001)?.value).toBe(7);
  expect(run.sink.parts.size).toBe(0);
});

describe('the schedule', () => {
  test('every unit and interval has its rate, with the requests of the plan', async () => {
    const tags = [...block(1, 200, 50), ...block(2, 10, 100), ...block(1, 10, 200).map((each) => ({ ...each, index: each.index + 500 }))]; // biome-ignore format: one line
    const run = await polled(sim.port, tags, { timeout: 1_000 });
    await until('eight slow slots', () => goods(run.sink, 1_500) >= 8);
    await run.close();
    const fast = goods(run.sink, 1_000);
    const slow = goods(run.sink, 1_500);
    // The first interval is half a period longer or shorter: it leads to the source's own slots.
    expect(Math.abs(fast - slow * 4)).toBeLessThanOrEqual(6);
    expect(Math.abs(goods(run.sink, 2_000) - slow * 2)).toBeLessThanOrEqual(3);
    const asked = sim.requests();
    expect(asked.filter(({ unit }) => unit === 2).length).toBeLessThanOrEqual(goods(run.sink, 2_000) + 1);
    expect(asked.length).toBeLessThanOrEqual(fast * 2 + slow + goods(run.sink, 2_000) + 3);
  });

  test('a fast poll that is too fast for its unit does not keep a slow one waiting', async () => {
    sim.delay(1, 15);
    const slow = block(1, 300, 600_000).slice(200);
    const run = await polled(sim.port, [...block(1, 200, 20), ...slow]);
    await until('ready', () => run.sink.readies > 0, 2_000);
    expect(slow.every(({ index }) => goods(run.sink, index) === 1)).toBe(true);
  });

  test('a slow unit is read as often as it can be, is said to be slow, and nothing piles up', async () => {
    sim.delay(1, 60);
    const run = await polled(sim.port, block(1, 3, 20), { timeout: 1_000 });
    const words = await until('the word on it', () => run.sink.parts.get('unit 1, holding every 20 ms'));
    expect(words).toMatch(/^reading it takes longer than its poll, [1-9]\d* were left out so far/);
    sim.forget();
    const seen = goods(run.sink, 1_000);
    await until('ten more readings', () => goods(run.sink, 1_000) >= seen + 10);
    // One request after the other, each asked for once.
    expect(sim.requests().length).toBeLessThanOrEqual(12);
    expect(run.ended).toBeUndefined();
  });

  test('a pause between requests is kept', async () => {
    const times: number[] = [];
    const peer = await slave((ask: Ask, socket) => {
      times.push(performance.now());
      socket.write(reply(ask));
    });
    onTestFinished(() => peer.stop());
    await polled(peer.port, [...block(1, 200, 20), ...block(2, 200, 20)], { delayBetweenRequests: 30 });
    await until('ten requests', () => times.length >= 10);
    const pauses = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.min(...pauses)).toBeGreaterThan(28);
  });

  test('a server that closes idle connections costs no reading', async () => {
    const peer = await slave((ask, socket) => {
      socket.write(reply(ask));
      setTimeout(() => socket.end(), 10);
    });
    onTestFinished(() => peer.stop());
    const run = await polled(peer.port, block(1, 3, 60));
    await until('five readings', () => goods(run.sink, 1_000) >= 5);
    expect(statuses(run.sink, 1_000)).toEqual(['Good']);
    expect(run.ended).toBeUndefined();
  });
});

test('fifty units share one connection', async () => {
  const peer = await slave((ask, socket) => socket.write(reply(ask)));
  onTestFinished(() => peer.stop());
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const tags = Array.from({ length: 50 }, (_, i) => tag(i, `holding:${i}`, { unitId: i + 1, poll: 50 }));
  const run = await polled(peer.port, tags);
  await until('five readings of everybody', () => tags.every(({ index }) => goods(run.sink, index) >= 5));
  process.off('warning', note);
  expect(peer.made).toBe(1);
  expect(warnings).toEqual([]);
  for (const { index } of tags) expect(run.sink.last(index)?.value).toBe(checksum(index + 1, index));
});
