// Frames byte by byte: the specification's vectors, and every prefix and every flipped byte of a reply.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode, judge, type Query, READ, replyBytes } from '../../../agent/src/adapters/modbus/frame.ts';

const query = (changes: Partial<Query> = {}): Query => ({
  transaction: 0x1234,
  unit: 0x11,
  table: 'holding',
  start: 0x6b,
  quantity: 3,
  ...changes,
});

// Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
const VECTORS: [Partial<Query>, request: string, reply: string][] = [
  [{ table: 'coil', start: 0x13, quantity: 0x13 }, '0100130013', '0103CD6B05'],
  [{ table: 'discrete', start: 0xc4, quantity: 0x16 }, '0200C40016', '0203ACDB35'],
  [{ table: 'holding', start: 0x6b, quantity: 3 }, '03006B0003', '0306022B00000064'],
  [{ table: 'input', start: 8, quantity: 1 }, '0400080001', '0402000A'],
];

const frame = (pdu: string) => {
  const length = (pdu.length / 2 + 1).toString(16).padStart(4, '0');
  return Buffer.from(`12340000${length}11${pdu}`, 'hex');
};

describe('the specification', () => {
  test.each(VECTORS)('%o', (changes, request, reply) => {
    const asked = query(changes);
    expect(encode(asked).toString('hex')).toBe(frame(request).toString('hex'));
    const bytes = frame(reply);
    expect(replyBytes(asked)).toBe(bytes.length);
    const verdict = judge(asked, bytes, bytes.length);
    const data = verdict.kind === 'data' ? verdict.data : undefined;
    expect(data && Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')).toBe(
      reply.slice(4).toLowerCase(),
    );
  });

  test('an exception', () => {
    const asked = query({ table: 'coil', start: 0x4a1, quantity: 1 });
    expect(encode(asked).subarray(7).toString('hex')).toBe('0104a10001');
    const bytes = frame('8102');
    expect(judge(asked, bytes, bytes.length)).toEqual({ kind: 'exception', code: 2 });
  });

  test('there are four functions, and all of them read', () => {
    expect(Object.values(READ).sort()).toEqual([1, 2, 3, 4]);
  });
});

test('every part of a right reply could be right', () => {
  const bytes = frame('0306022B00000064');
  for (let count = 0; count < bytes.length; count++) {
    expect(judge(query(), bytes, count).kind).toBe('incomplete');
  }
});

test('a reply with one wrong byte in front of its data is no data', () => {
  const good = frame('0306022B00000064');
  fc.assert(
    fc.property(fc.nat(8), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(good);
      bytes[at]! ^= flip;
      expect(judge(query(), bytes, bytes.length).kind).toBe('wrong');
    }),
  );
});

test('whatever comes, a verdict is reached', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(['incomplete', 'wrong', 'exception']).toContain(judge(query(), Buffer.from(bytes), bytes.length).kind);
    }),
  );
});
