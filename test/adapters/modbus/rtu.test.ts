// Frames of serial lines byte by byte: published vectors, and everything that a line puts around a reply.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Query, Verdict } from '../../../agent/src/adapters/modbus/frame.ts';
import { crc16, rtu } from '../../../agent/src/adapters/modbus/rtu.ts';
import { bytesOf, EXCEPTION_VECTOR, query, VECTORS } from './vectors.ts';

/** A frame: unit 0x11 unless told otherwise, the PDU, its CRC. */
const frame = (pdu: string, unit = '11'): Buffer => {
  const bytes = Buffer.from(`${unit}${pdu}0000`, 'hex');
  bytes.writeUInt16LE(crc16(bytes, 0, bytes.length - 2), bytes.length - 2);
  return bytes;
};
const judged = (bytes: Buffer, changes: Partial<Query> = {}): Verdict => rtu(query(changes)).judge(bytes, bytes.length);

const REPLY = '0306022B00000064';
const DATA = '022b00000064';

describe('published frames', () => {
  // The quantity of the first is that of the specification; public documents print other CRCs for it.
  test.each([
    [{ table: 'coil', start: 0x13, quantity: 0x13 }, '1101001300138e92', '110105cd6bb20e1b45e6', 0x25],
    [{ table: 'holding', start: 0x6b, quantity: 3 }, '1103006b00037687', '110306022b00000064c8ba', 3],
  ] as const)('%o', (changes, request, reply, quantity) => {
    expect(rtu(query(changes)).request.toString('hex')).toBe(request);
    expect(judged(Buffer.from(reply, 'hex'), { ...changes, quantity }).kind).toBe('data');
  });

  test('the check value of CRC-16/MODBUS', () => {
    expect(crc16(Buffer.from('123456789'), 0, 9)).toBe(0x4b37);
  });

  test.each(VECTORS)('%o', (changes, request, reply) => {
    expect(rtu(query(changes)).request.equals(frame(request))).toBe(true);
    expect(rtu(query(changes)).reply).toBe(frame(reply).length);
    expect(bytesOf(judged(frame(reply), changes))).toBe(reply.slice(4).toLowerCase());
  });

  test('an exception', () => {
    expect(judged(frame(EXCEPTION_VECTOR.reply), EXCEPTION_VECTOR.query)).toEqual({ kind: 'exception', code: 2 });
  });

  test('the faulty exception of pymodbus issue 1917 is no answer', () => {
    expect(judged(Buffer.from('0186020001', 'hex'), { unit: 1 }).kind).toBe('incomplete');
  });
});

test('every part of a right reply could be right', () => {
  const bytes = frame(REPLY);
  for (let count = 0; count < bytes.length; count++) expect(rtu(query()).judge(bytes, count).kind).toBe('incomplete');
});

test('a reply with any bit flipped is no data', () => {
  const good = frame(REPLY);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(['incomplete', 'wrong'], `bit ${bit}`).toContain(judged(bytes).kind);
  }
});

describe('what a line puts in front of a reply', () => {
  const own = rtu(query()).request;
  test.each([
    ['noise', Buffer.from([0x00, 0xff, 0x11, 0x03])],
    ['an echo of the request', own],
    ['noise and an echo', Buffer.concat([Buffer.from([0xff]), own])],
    ['the late reply of another unit', frame(REPLY, '12')],
    ['the late exception of another unit', frame('8302', '12')],
    ['a late reply of another length', frame('0304000A0102')],
    ['a late reply of another table', frame('0406022B00000064')],
    ['a late reply that holds another reply', frame(`030B${frame('0306DEADDEADDEAD').toString('hex')}`)],
  ])('%s', (_, before) => {
    expect(bytesOf(judged(Buffer.concat([before, frame(REPLY)])))).toBe(DATA);
    expect(judged(before).kind).toBe('incomplete');
  });

  test('two echoes are not one and a reply', () => {
    // A request whose bytes are those of a good reply to it.
    const twin = { table: 'coil', start: 0x0355, quantity: 20 } as const;
    const { request, judge } = rtu(query(twin));
    expect(judge(request, request.length).kind).toBe('incomplete');
    const both = Buffer.concat([request, frame('0103AABB05')]);
    expect(bytesOf(judge(both, both.length))).toBe('aabb05');
  });

  test('noise without end is given up', () => {
    const noise = Buffer.alloc(2_000, 0x55);
    expect(judged(noise).kind).toBe('wrong');
    expect(rtu(query()).capacity).toBeLessThan(1_000);
  });
});

describe('what follows a reply', () => {
  test('up to four bytes are noise', () => {
    expect(bytesOf(judged(Buffer.concat([frame(REPLY), Buffer.alloc(4, 0xff)])))).toBe(DATA);
  });

  test('more could be another reply: neither is believed', () => {
    expect(judged(Buffer.concat([frame(REPLY), frame('8302')])).kind).toBe('wrong');
    expect(judged(Buffer.concat([frame(REPLY), frame('030600000000FFFF')])).kind).toBe('wrong');
  });
});

test('a wrong checksum is told at once', () => {
  const bytes = frame(REPLY);
  bytes[4]! ^= 1;
  expect(judged(bytes)).toEqual({ kind: 'wrong', reason: 'a reply whose checksum is wrong' });
});

test('random bytes never become data', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      expect(['incomplete', 'wrong', 'exception']).toContain(judged(Buffer.from(bytes)).kind);
    }),
  );
});

test('the longest request has the longest reply a line allows, less one', () => {
  expect(rtu(query({ quantity: 125 })).reply).toBe(255);
  expect(rtu(query({ table: 'coil', quantity: 2_000 })).reply).toBe(255);
});
