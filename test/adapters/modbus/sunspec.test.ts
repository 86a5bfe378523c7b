// SunSpec devices: found wherever their marker stands, scaled by their own exponents, and looked for again when they
// do not answer. The device is a real server whose registers are laid out as the specification says.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ModbusTag } from '../../../agent/src/adapters/modbus/adapter.ts';
import { modbusSurvey } from '../../../agent/src/adapters/modbus/survey.ts';
import { loadMapping } from '../../../agent/src/config/load.ts';
import type { ResolvedModbusTag } from '../../../agent/src/config/plant.ts';
import { statusName } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { polled } from './polled.ts';
import { refusal, reply, type Slave, slave } from './slave.ts';
import { tag } from './tags.ts';

const folder = scratch();

/** The tags that the mapping makes for `INV1`. */
async function tagsOf(profile: string): Promise<readonly ModbusTag[]> {
  const file = join(folder, 'sunspec.yaml');
  writeFileSync(
    file,
    `version: 1\nsite: lavera\nhub: { type: jsonl, path: "-" }\nsources:\n  pv:\n    protocol: modbus-tcp\n    host: h\n    defaults: { poll: 100ms, order: CDAB }\n    profiles:\n      INV1: ${profile}\n`,
  );
  const loaded = await loadMapping(file, { env: {} });
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  expect(loaded.warnings).toEqual([]);
  return (loaded.plant.sources[0]!.tags as readonly ResolvedModbusTag[]).map((tag, index) => ({ ...tag, index }));
}

/** A device with models 1 and 103 at `base`; what is not there is refused. */
function device(base: number): Map<number, number> {
  const registers = new Map<number, number>();
  const put = (at: number, ...words: number[]) => words.forEach((word, i) => void registers.set(at + i, word));
  const text = (at: number, words: number, given: string) => {
    const bytes = Buffer.alloc(words * 2);
    bytes.write(given);
    for (let i = 0; i < words; i++) put(at + i, bytes.readUInt16BE(i * 2));
  };
  put(base, 0x5375, 0x6e53);
  put(base + 2, 1, 66, ...new Array<number>(66).fill(0));
  text(base + 4, 16, 'Fronius');
  text(base + 20, 16, 'Symo');
  const at = base + 2 + 68;
  put(at, 103, 50, ...new Array<number>(50).fill(0x8000));
  put(at + 2, 1_234);
  put(at + 6, 0xfffe);
  put(at + 14, 5_000);
  put(at + 15, 1);
  put(at + 24, 0, 1_500);
  put(at + 26, 0xffff);
  put(at + 38, 4);
  put(at + 52, 0xffff, 0);
  return registers;
}

async function server(registers: () => Map<number, number> | undefined): Promise<Slave> {
  const peer = await slave((ask, socket) => {
    const known = registers();
    if (known === undefined) return;
    const there = (at: number) => known.has(at);
    const all = Array.from({ length: ask.quantity }, (_, i) => ask.start + i).every(there);
    socket.write(all ? reply(ask, (_, at) => known.get(at)!) : refusal(ask, 2));
  });
  onTestFinished(() => peer.stop());
  return peer;
}

test.each([40_000, 50_000, 0])(
  'models are found behind the marker at %i, and read with their exponents',
  async (base) => {
    const registers = device(base);
    const peer = await server(() => registers);
    const tags = await tagsOf('{ profile: sunspec, unit: 3, models: [1, 103] }');
    const run = await polled(peer.port, tags);
    await until('ready', () => run.sink.readies > 0);
    const last = (name: string) => run.sink.last(tags.find((tag) => tag.name === name)!.index);
    expect(last('INV1.1.Mn')?.value).toBe('Fronius');
    expect(last('INV1.1.Md')?.value).toBe('Symo');
    expect(last('INV1.103.A')?.value).toBe(12.34);
    expect(last('INV1.103.W')?.value).toBe(50_000);
    expect(last('INV1.103.WH')?.value).toBe(150);
    expect(last('INV1.103.St')?.value).toBe(4);
    // Not implemented: the value, or its exponent.
    expect(statusName(last('INV1.103.AphC')!.status)).toBe('Good');
    expect(statusName(last('INV1.103.VAr')!.status)).toBe('BadNotSupported');
    expect(run.sink.parts.size).toBe(0);
    expect(run.sink.faults()).toEqual([]);
    // Once found, a poll is one request for both models.
    const seen = peer.asks.length;
    await until('a poll', () => peer.asks.length > seen + 2);
    expect(
      new Set(peer.asks.slice(seen).map(({ start, quantity }) => `${start}+${quantity}`)).size,
    ).toBeLessThanOrEqual(2);
  },
);

test('a model that was named and is not there is told; one that was not named is not', async () => {
  const registers = device(40_000);
  const peer = await server(() => registers);
  const named = await polled(peer.port, await tagsOf('{ profile: sunspec, models: [103, 120] }'));
  await until('ready', () => named.sink.readies > 0);
  expect(named.sink.parts.get('INV1.120.WRtg')).toBe('INV1 has no SunSpec model 120; it has 1, 103');
  const all = await polled(peer.port, await tagsOf('{ profile: sunspec }'));
  await until('ready', () => all.sink.readies > 0);
  expect(all.sink.parts.size).toBe(0);
});

test('a device without any of the models is told, and what was never there is no gap', async () => {
  const peer = await server(() => device(40_000));
  const run = await polled(peer.port, await tagsOf('{ profile: sunspec, models: [120] }'));
  await until('ready', () => run.sink.readies > 0);
  expect(run.sink.parts.get('INV1.120.WRtg')).toBe('INV1 has no SunSpec model 120; it has 1, 103');
  const all = await polled(peer.port, await tagsOf('{ profile: sunspec }'));
  await until('ready', () => all.sink.readies > 0);
  await Promise.all([run.close(), all.close()]);
  expect([...run.sink.gaps, ...all.sink.gaps]).toEqual([]);
});

test.each([40_000, 40_070])('a device that is busy when %i is asked for is looked for again', async (at) => {
  const registers = device(40_000);
  let busy = 2;
  const peer = await slave((ask, socket) => {
    if (ask.start === at && busy-- > 0) socket.write(refusal(ask, 6));
    else socket.write(registers.has(ask.start) ? reply(ask, (_, each) => registers.get(each) ?? 0) : refusal(ask, 2));
  });
  onTestFinished(() => peer.stop());
  const tags = await tagsOf('{ profile: sunspec, models: [1, 103] }');
  const run = await polled(peer.port, tags);
  await until('the word on it', () => run.sink.parts.size > 0);
  expect([...run.sink.parts]).toEqual([['unit 1, SunSpec', 'the device says: device busy (exception 6)']]);
  const { index } = tags.find(({ name }) => name === 'INV1.103.W')!;
  expect(statusName(run.sink.last(index)!.status)).toBe('BadResourceUnavailable');
  await until('its models', () => run.sink.last(index)?.value === 50_000);
  expect(run.sink.parts.size).toBe(0);
});

test('a device that does not answer is looked for again, and the other units do not wait', async () => {
  let registers: Map<number, number> | undefined;
  const honest = device(0);
  const peer = await slave((ask, socket) => {
    const known = ask.unit === 9 ? honest : registers;
    if (known === undefined) return;
    socket.write(reply(ask, (_, at) => known.get(at) ?? 0xffff));
  });
  onTestFinished(() => peer.stop());
  const tags = await tagsOf('{ profile: sunspec, models: [103] }');
  const other: ModbusTag = {
    ...tags[0]!,
    index: 999,
    name: 'OTHER',
    unitId: 9,
    address: { table: 'holding', offset: 1 },
    type: 'uint16',
  };
  const { sunspec: _, ...plain } = other;
  const run = await polled(peer.port, [...tags, plain], {
    patience: { firstProbe: 100, lastProbe: 400, refusal: 500 },
  });
  await until('the other unit', () => run.sink.of(999).length > 3);
  await until('the word on it', () => run.sink.parts.has('unit 1, SunSpec'));
  expect(run.sink.parts.get('unit 1, SunSpec')).toBe('no reply within 150 ms');
  const index = tags.find(({ name }) => name === 'INV1.103.A')!.index;
  expect(statusName(run.sink.last(index)!.status)).toBe('BadTimeout');
  registers = device(40_000);
  await until('it is found', () => run.sink.last(index)?.value === 12.34);
  expect(run.sink.parts.size).toBe(0);
});

test('read finds the device, and plan tells what is asked of each model', async () => {
  const registers = device(50_000);
  const peer = await server(() => registers);
  const tags = await tagsOf('{ profile: sunspec, unit: 3, models: [1, 103, 120] }');
  const survey = modbusSurvey({
    name: 'pv',
    transport: { kind: 'tcp', host: '127.0.0.1', port: peer.port },
    timeout: 500,
    delayBetweenRequests: 0,
    maxRegisters: 125,
    maxGap: 16,
    tags,
  });
  const texts = survey.plan().map(({ text }) => text);
  expect(texts).toHaveLength(3);
  expect(texts[1]).toMatch(/^unit 3 SunSpec model 103, from its begin 2-51 \(50 registers/);
  const answer = await survey.read(
    tags.map(({ index }) => index),
    new AbortController().signal,
  );
  expect(answer.batch.count).toBe(tags.length);
  const amps = tags.find(({ name }) => name === 'INV1.103.A')!.index;
  expect(answer.words?.get(amps)).toEqual([1_234]);
  const absent = tags.find(({ name }) => name === 'INV1.120.WRtg')!.index;
  expect(answer.details.get(absent)).toBe('INV1 has no SunSpec model 120; it has 1, 103');
  const findings: string[] = [];
  for await (const { step, verdict, what } of survey.examine(new AbortController().signal)) {
    findings.push(`${step}: ${verdict}, ${what}`);
  }
  expect(findings).toContain('unit 3, SunSpec: good, models 1, 103');
});

test('a device that was away is looked for anew: its models may have moved', async () => {
  let registers: Map<number, number> | undefined = device(40_000);
  const peer = await slave((ask, socket) => {
    if (ask.unit === 9) socket.write(reply(ask));
    else if (registers) socket.write(reply(ask, (_, at) => registers!.get(at) ?? 0xffff));
  });
  onTestFinished(() => peer.stop());
  const tags = await tagsOf('{ profile: sunspec, models: [103] }');
  const other = { ...tag(999, 'holding:1', { unitId: 9 }), name: 'OTHER' };
  const run = await polled(peer.port, [...tags, other]);
  const { index } = tags.find(({ name }) => name === 'INV1.103.W')!;
  await until('it is read', () => run.sink.last(index)?.value === 50_000);
  registers = undefined;
  await until('it is away', () => run.sink.parts.size > 0);
  // An update of the firmware has put another model in front.
  const moved = device(40_000);
  const model = [...Array(54).keys()].map((i) => moved.get(40_070 + i)!);
  [802, 20, ...new Array<number>(20).fill(7), ...model].forEach((word, i) => void moved.set(40_070 + i, word));
  const seen = run.sink.of(index).length;
  registers = moved;
  await until('it is read again', () =>
    run.sink
      .of(index)
      .slice(seen)
      .some(({ status }) => statusName(status) === 'Good'),
  );
  await until('some polls', () => run.sink.of(index).length > seen + 5);
  const values = run.sink.of(index).filter(({ status }) => statusName(status) === 'Good');
  expect(new Set(values.map(({ value }) => value))).toEqual(new Set([50_000]));
  expect(run.sink.parts.size).toBe(0);
  expect(run.sink.gaps.filter((gap) => gap.tags?.includes('INV1.103.W'))).toHaveLength(1);
});
