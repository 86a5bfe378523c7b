// Requests and replies of the specification, without their envelope, for all envelopes.
// Source: Modbus Application Protocol V1.1b3, sections 6.1 to 6.4 and 7.

import type { Query, Verdict } from '../../../agent/src/adapters/modbus/frame.ts';

export const query = (changes: Partial<Query> = {}): Query => ({
  unit: 0x11,
  table: 'holding',
  start: 0x6b,
  quantity: 3,
  ...changes,
});

export const VECTORS: [Partial<Query>, request: string, reply: string][] = [
  [{ table: 'coil', start: 0x13, quantity: 0x13 }, '0100130013', '0103CD6B05'],
  [{ table: 'discrete', start: 0xc4, quantity: 0x16 }, '0200C40016', '0203ACDB35'],
  [{ table: 'holding', start: 0x6b, quantity: 3 }, '03006B0003', '0306022B00000064'],
  [{ table: 'input', start: 8, quantity: 1 }, '0400080001', '0402000A'],
];

export const EXCEPTION_VECTOR = {
  query: { table: 'coil', start: 0x4a1, quantity: 1 },
  request: '0104a10001',
  reply: '8102',
} as const;

/** The data of a verdict in hex. */
export function bytesOf(verdict: Verdict): string | undefined {
  if (verdict.kind !== 'data') return undefined;
  const { buffer, byteOffset, byteLength } = verdict.data;
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}
