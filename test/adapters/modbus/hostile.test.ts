// Servers that lie, stutter and hang up. Whatever comes over the wire, no wrong value is ever Good, nothing crashes,
// no socket is left behind, and what is well goes on.

import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Fault } from '../../../agent/src/model/fault.ts';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { until } from '../../support/until.ts';
import { polled } from './polled.ts';
import { type Ask, adu, checksum, refusal, reply, type Slave, slave } from './slave.ts';
import { tag } from './tags.ts';

const TAGS = Array.from({ length: 20 }, (_, i) => tag(i, `holding:${100 + i}`, { poll: 30 }));

interface Trick {
  readonly answer: (honest: Buffer, ask: Ask, socket: Socket) => void;
  /** Status of the readings; none when the trick is harmless. */
  readonly status?: string;
  /** Code of the fault when the server does nothing else; undefined: the connection stays. */
  readonly fault?: string;
}

const changed = (honest: Buffer, change: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(honest);
  change(bytes);
  return bytes;
};

/** Writes a reply that is wrong. */
const wrong = (make: (honest: Buffer, ask: Ask) => Buffer): Trick => ({
  answer: (honest, ask, socket) => socket.write(make(honest, ask)),
  status: 'BadCommunicationError',
  fault: 'source.protocol',
});

const pdu = (ask: Ask, bytes: readonly number[]) =>
  adu(ask.transaction, ask.unit, Buffer.from([ask.function, ...bytes]));

const TRICKS: Record<string, Trick> = {
  'length 0': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(0, 4))),
  'length 1': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(1, 4))),
  'length 65535': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(65_535, 4))),
  'length one short': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(bytes.length - 7, 4))),
  'length one long': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(bytes.length - 5, 4))),
  'protocol id 1': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt16BE(1, 2))),
  'the transaction before': wrong((honest, ask) =>
    changed(honest, (b) => b.writeUInt16BE((ask.transaction - 1) & 0xffff, 0)),
  ),
  'another transaction, 256 later': wrong((honest, ask) =>
    changed(honest, (bytes) => bytes.writeUInt16BE((ask.transaction + 256) & 0xffff, 0)),
  ),
  'another unit': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(2, 6))),
  'unit 0': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(0, 6))),
  'another table': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(4, 7))),
  'a write function': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(16, 7))),
  'an exception of another function': wrong((_, ask) => adu(ask.transaction, ask.unit, Buffer.from([0x84, 2]))),
  'a byte count that is short': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(38, 8))),
  'a byte count that is long': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(42, 8))),
  'a byte count of 0': wrong((honest) => changed(honest, (bytes) => bytes.writeUInt8(0, 8))),
  'fewer registers, consistently': wrong((_, ask) => reply({ ...ask, quantity: 19 })),
  'more registers, consistently': wrong((_, ask) => reply({ ...ask, quantity: 21 })),
  'a PDU of one byte': wrong((_, ask) => pdu(ask, [])),
  'a PDU without data': wrong((_, ask) => pdu(ask, [40])),
  'a long exception': wrong((_, ask) => adu(ask.transaction, ask.unit, Buffer.from([0x83, 2, 0]))),
  'an exception without code': wrong((_, ask) => adu(ask.transaction, ask.unit, Buffer.from([0x83]))),
  // pymodbus test_client_faulty_response.py
  'the faulty reply of another client': wrong(() => Buffer.from('00040000000500030A0004', 'hex')),
  'a garbage prefix': wrong((honest) => Buffer.concat([Buffer.from([0xff, 0x00, 0x55]), honest])),
  'an RTU frame': wrong(() => Buffer.from('010306022B000000648A75', 'hex')),
  text: wrong(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  'a reply and another': wrong((honest) => Buffer.concat([honest, honest])),
  'a megabyte': wrong(() => Buffer.alloc(1_000_000, 0x01)),
  'exception 0': {
    answer: (_, ask, socket) => socket.write(refusal(ask, 0)),
    status: 'BadDeviceFailure',
  },
  'exception 255': {
    answer: (_, ask, socket) => socket.write(refusal(ask, 255)),
    status: 'BadDeviceFailure',
  },
  'no answer': { answer: () => {}, status: 'BadTimeout', fault: 'source.timeout' },
  'half an answer': {
    answer: (honest, _, socket) => socket.write(honest.subarray(0, 20)),
    status: 'BadTimeout',
    fault: 'source.timeout',
  },
  'an answer that is late': {
    answer: (honest, _, socket) => setTimeout(() => socket.destroyed || socket.write(honest), 200),
    status: 'BadTimeout',
    fault: 'source.timeout',
  },
  'byte after byte, too slowly': {
    answer: (honest, _, socket) => drip(honest, socket, 10),
    status: 'BadTimeout',
    fault: 'source.timeout',
  },
  'byte after byte': { answer: (honest, _, socket) => drip(honest, socket, 0) },
  'FIN before the answer': { answer: (_, __, socket) => socket.end(), fault: 'source.closed' },
  'FIN in the middle': {
    answer: (honest, _, socket) => socket.end(honest.subarray(0, 30)),
    fault: 'source.closed',
  },
  'RST in the middle': {
    answer: (honest, _, socket) => socket.write(honest.subarray(0, 30), () => socket.resetAndDestroy()),
    fault: 'source.closed',
  },
  'an answer and RST': {
    answer: (honest, _, socket) => socket.write(honest, () => socket.resetAndDestroy()),
  },
  'an answer, and one that nobody asked for': {
    answer(honest, _, socket) {
      socket.write(honest);
      setTimeout(() => socket.destroyed || socket.write(honest), 5);
    },
  },
};

function drip(bytes: Buffer, socket: Socket, pause: number): void {
  let sent = 0;
  const next = () => {
    if (socket.destroyed || sent === bytes.length) return;
    socket.write(bytes.subarray(sent, ++sent));
    if (pause > 0) setTimeout(next, pause);
    else setImmediate(next);
  };
  next();
}

async function server(answer: (ask: Ask, socket: Socket) => void): Promise<Slave> {
  const made = await slave(answer);
  onTestFinished(() => made.stop());
  return made;
}

/** Good readings whose value is not what the register holds. */
function lies(sink: { readings: readonly { tag: number; status: number; value: unknown }[] }): unknown[] {
  return sink.readings.filter(({ tag, status, value }) => isGood(status) && value !== checksum(1, 100 + tag));
}

const cases = Object.entries(TRICKS);

describe('now and then', () => {
  test.each(cases)('%s', async (_, { answer, status }) => {
    const peer = await server((ask, socket) => {
      if (ask.number % 3 === 1) answer(reply(ask), ask, socket);
      else socket.write(reply(ask));
    });
    const run = await polled(peer.port, TAGS, { timeout: 100 });
    await until('three tricks and a good answer', () => {
      if (run.ended) throw new Error('run ended', { cause: run.ended });
      return peer.asks.length > 8 && run.sink.of(0).filter((reading) => isGood(reading.status)).length >= 5;
    });
    await run.close();
    expect(lies(run.sink)).toEqual([]);
    expect(run.sink.faults()).toEqual([]);
    const bad = new Set(
      run.sink.readings.filter((each) => !isGood(each.status)).map((each) => statusName(each.status)),
    );
    expect([...bad]).toEqual(status === undefined ? [] : [status]);
    await until('no connection left', () => peer.open === 0);
  });
});

describe('always', () => {
  test.each(cases.filter(([, { fault }]) => fault !== undefined))('%s', async (_, { answer, fault }) => {
    const peer = await server((ask, socket) => answer(reply(ask), ask, socket));
    const run = await polled(peer.port, TAGS, { timeout: 100 });
    const ended = await until('the end', () => run.ended);
    expect(ended instanceof Fault ? ended.code : ended).toBe(fault);
    expect(run.sink.readings.filter(({ status }) => isGood(status))).toEqual([]);
    expect(run.sink.faults()).toEqual([]);
    // Each tag was told bad, once.
    expect(TAGS.map(({ index }) => run.sink.of(index).length)).toEqual(TAGS.map(() => 1));
    await until('no connection left', () => peer.open === 0);
  });
});

test('connections are never open next to each other', async () => {
  let most = 0;
  const peer = await server((ask, socket) => {
    most = Math.max(most, peer.open);
    if (ask.number % 2 === 0) socket.write(reply(ask));
  });
  const run = await polled(peer.port, TAGS, { timeout: 30 });
  await until('ten connections', () => peer.made >= 10 || run.ended);
  expect(run.ended).toBeUndefined();
  // The FIN of the connection before may still be on its way.
  expect(most).toBeLessThanOrEqual(2);
});

test('nothing but the four read functions is ever sent', async () => {
  const peer = await server((ask, socket) => socket.write(refusal(ask, 1 + (ask.number % 11))));
  const tables = ['coil', 'discrete', 'holding', 'input'];
  const tags = tables.map((table, i) =>
    tag(i, `${table}:${i}`, { poll: 10, type: i < 2 ? 'bool' : 'uint16', unitId: i }),
  );
  const run = await polled(peer.port, tags, { patience: { firstProbe: 5, lastProbe: 10, refusal: 20 } });
  await until('a hundred requests', () => peer.asks.length > 100 || run.ended);
  expect(run.ended).toBeUndefined();
  await run.close();
  expect(new Set(peer.asks.map((ask) => ask.function))).toEqual(new Set([1, 2, 3, 4]));
  // And no byte besides requests of twelve.
  expect(Buffer.concat(peer.received).length).toBe(peer.asks.length * 12);
});
