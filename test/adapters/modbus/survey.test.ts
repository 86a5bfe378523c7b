// What the commands learn of a Modbus source: one reading for every tag, and the chain from the name to the tags.

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ModbusOptions, ModbusTag } from '../../../agent/src/adapters/modbus/adapter.ts';
import { modbusSurvey } from '../../../agent/src/adapters/modbus/survey.ts';
import type { Finding } from '../../../agent/src/adapters/survey.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { isGood } from '../../../agent/src/model/status.ts';
import { type ModbusSim, startModbusServer } from '../../../sim/refinery/modbus.ts';
import { checksum, reply, slave } from './slave.ts';
import { tag } from './tags.ts';

let sim: ModbusSim;
beforeEach(async () => {
  sim = await startModbusServer({ site: 'tanks', ticking: false });
});
afterEach(() => sim.close());

const at = (port: number, host = '127.0.0.1') => ({ kind: 'tcp', host, port }) as const;

const survey = (tags: readonly ModbusTag[], changes: Partial<ModbusOptions> = {}) =>
  modbusSurvey({
    name: 'plc',
    transport: at(sim.port),
    timeout: 200,
    delayBetweenRequests: 0,
    maxRegisters: 125,
    maxGap: 16,
    tags,
    ...changes,
  });
const signal = () => new AbortController().signal;

async function findings(of: AsyncIterable<Finding>): Promise<string[]> {
  const all: string[] = [];
  for await (const { step, verdict } of of) all.push(`${step} ${verdict}`);
  return all;
}

const block = (unit: number, count: number) =>
  Array.from({ length: count }, (_, i) => tag(unit * 1_000 + i, `holding:${1_000 + i}`, { unitId: unit }));

describe('read', () => {
  test('gives every tag one reading with its words, whatever is refused or silent', async () => {
    sim.setRegister(1, 'holding', 1_000, [1, 2, 3, 4, 5, 6, 7, 8]);
    sim.refuse(1, 'holding', 1_003, 1_003);
    sim.kill(2);
    const tags = [...block(1, 8), ...block(2, 200), tag(9_999, 'holding:65535', { type: 'float32' })];
    const answer = await survey(tags).read(
      tags.map(({ index }) => index),
      signal(),
    );
    expect([...answer.batch.tag.slice(0, answer.batch.count)].sort((a, b) => a - b)).toEqual(
      tags.map(({ index }) => index),
    );
    const good = [...answer.batch.tag.slice(0, answer.batch.count)].filter((_, i) => isGood(answer.batch.status[i]!));
    expect(good.sort((a, b) => a - b)).toEqual([1_000, 1_001, 1_002, 1_004, 1_005, 1_006, 1_007]);
    expect(answer.words?.get(1_004)).toEqual([5]);
    expect(answer.words?.has(1_003)).toBe(false);
    expect(answer.details.get(1_003)).toBe('the device says: address does not exist (exception 2)');
    expect(answer.details.get(2_150)).toBe('no reply within 200 ms');
    expect(answer.details.get(9_999)).toContain('runs past the last address');
    // The dead unit was asked once, not once for each of its requests.
    expect(sim.requests().filter(({ unit }) => unit === 2)).toHaveLength(1);
  });

  test('asks for nothing but what is wanted, and closes its connection', async () => {
    const peer = await slave((ask, socket) => socket.write(reply(ask)));
    onTestFinished(() => peer.stop());
    const answer = await survey(block(1, 100), { transport: at(peer.port) }).read([1_007], signal());
    expect(answer.words).toEqual(new Map([[1_007, [checksum(1, 1_007)]]]));
    expect(answer.roundTrips).toHaveLength(1);
    expect(peer.asks).toMatchObject([{ start: 1_007, quantity: 1 }]);
    await expect.poll(() => peer.open).toBe(0);
  });

  test('rejects with a Fault when nobody is there, and when it is called off', async () => {
    const nobody = survey(block(1, 1), { transport: at(1) }).read([1_000], signal());
    await expect(nobody).rejects.toSatisfy((fault) => fault instanceof Fault && fault.code === 'source.unreachable');
    sim.freeze();
    const ending = new AbortController();
    const frozen = survey(block(1, 300), { timeout: 60_000 }).read([1_000], ending.signal);
    setTimeout(() => ending.abort(), 50);
    await expect(frozen.catch((thrown: unknown) => thrown)).resolves.toBeDefined();
  });
});

describe('examine', () => {
  test('a source that is well', async () => {
    expect(await findings(survey(block(1, 5), { transport: at(sim.port, 'localhost') }).examine(signal()))).toEqual([
      'name good',
      'route good',
      'port good',
      'unit 1 good',
      'tags good',
      'poll good',
    ]);
  });

  test('a dead unit and a wrong address are odd, the rest is told all the same', async () => {
    sim.kill(2);
    sim.refuse(1, 'holding', 1_000, 1_000);
    expect(await findings(survey([...block(1, 5), ...block(2, 5)]).examine(signal()))).toEqual([
      'name good',
      'route good',
      'port good',
      'unit 1 good',
      'unit 2 odd',
      'tags odd',
      'poll good',
    ]);
  });

  test('a name that nobody knows, and a port where nobody listens, end the chain', async () => {
    expect(await findings(survey([], { transport: at(502, 'plc.invalid') }).examine(signal()))).toEqual([
      'name broken',
    ]);
    expect(await findings(survey([], { transport: at(1) }).examine(signal()))).toEqual([
      'name good',
      'route good',
      'port broken',
    ]);
  });
});

test('on a serial port the plan knows how long the bytes take', () => {
  const transport = {
    kind: 'rtu',
    device: '/dev/ttyUSB0',
    baudRate: 9_600,
    dataBits: 8,
    parity: 'even',
    stopBits: 1,
  } as const;
  const [one] = survey(block(1, 100), { transport }).plan();
  // 8 and 205 bytes of eleven bits, and twice 3.5 characters of silence, at 9600 bits a second.
  expect(one?.facts).toMatchObject({ requestBytes: 8, replyBytes: 205, lineTime: 252.08 });
});
