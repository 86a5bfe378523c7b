// Modbus TCP frames byte by byte: the specification's vectors, and every prefix and every flipped byte of a reply.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Query } from '../../../agent/src/adapters/modbus/frame.ts';
import { mbap } from '../../../agent/src/adapters/modbus/mbap.ts';
import { bytesOf, EXCEPTION_VECTOR, query, VECTORS } from './vectors.ts';

const exchange = (changes: Partial<Query> = {}) => mbap(0x1234)(query(changes));

const frame = (pdu: string) => {
  const length = (pdu.length / 2 + 1).toString(16).padStart(4, '0');
  return Buffer.from(`12340000${length}11${pdu}`, 'hex');
};

describe('the specification', () => {
  test.each(VECTORS)('%o', (changes, request, reply) => {
    const { request: sent, reply: length, judge } = exchange(changes);
    expect(sent.toString('hex')).toBe(frame(request).toString('hex'));
    const bytes = frame(reply);
    expect(length).toBe(bytes.length);
    expect(bytesOf(judge(bytes, bytes.length))).toBe(reply.slice(4).toLowerCase());
  });

  test('an exception', () => {
    const { request, judge } = exchange(EXCEPTION_VECTOR.query);
    expect(request.subarray(7).toString('hex')).toBe(EXCEPTION_VECTOR.request);
    const bytes = frame(EXCEPTION_VECTOR.reply);
    expect(judge(bytes, bytes.length)).toEqual({ kind: 'exception', code: 2 });
  });
});

test('every part of a right reply could be right', () => {
  const bytes = frame('0306022B00000064');
  for (let count = 0; count < bytes.length; count++) expect(exchange().judge(bytes, count).kind).toBe('incomplete');
});

test('a reply with one wrong byte in front of its data is no data', () => {
  const good = frame('0306022B00000064');
  fc.assert(
    fc.property(fc.nat(8), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(good);
      bytes[at]! ^= flip;
      expect(exchange().judge(bytes, bytes.length).kind).toBe(at < 2 ? 'stale' : 'wrong');
    }),
  );
});

test('whatever comes, a verdict is reached', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const { kind } = exchange().judge(Buffer.from(bytes), bytes.length);
      expect(['incomplete', 'wrong', 'stale', 'exception']).toContain(kind);
    }),
  );
});

test('a transaction number comes back after 65536 requests, and not before', () => {
  const framing = mbap(0xfffe);
  const seen = new Set<number>();
  for (let i = 0; i < 0x10000; i++) seen.add(framing(query()).request.readUInt16BE(0));
  expect(seen.size).toBe(0x10000);
  expect(framing(query()).request.readUInt16BE(0)).toBe(0xfffe);
});
