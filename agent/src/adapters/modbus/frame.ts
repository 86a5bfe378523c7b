// Modbus TCP frames: twelve bytes out, a reply back that is believed only when every byte that can be checked is
// right. Pure. Only the four read functions can be written down here; no other function code exists in this gateway.
// Source: Modbus Messaging on TCP/IP V1.0b section 3.1.3 (MBAP), Modbus Application Protocol V1.1b3 sections 6.1-6.4, 7.

import type { Table } from '../../config/address.ts';

/** Function codes of the read functions, by table: all that the gateway ever sends. */
export const READ = { coil: 1, discrete: 2, holding: 3, input: 4 } as const satisfies Record<Table, number>;

/** Transaction id, protocol id, length, unit. */
const HEADER = 7;
const EXCEPTION = 0x80;

/** What was asked, and what its reply must therefore look like. */
export interface Query {
  readonly transaction: number;
  readonly unit: number;
  readonly table: Table;
  /** Zero-based. */
  readonly start: number;
  readonly quantity: number;
}

/** The bytes of a request. */
export function encode({ transaction, unit, table, start, quantity }: Query): Buffer {
  const frame = Buffer.allocUnsafe(12);
  frame.writeUInt16BE(transaction, 0);
  frame.writeUInt16BE(0, 2);
  frame.writeUInt16BE(6, 4);
  frame.writeUInt8(unit, 6);
  frame.writeUInt8(READ[table], 7);
  frame.writeUInt16BE(start, 8);
  frame.writeUInt16BE(quantity, 10);
  return frame;
}

/** Bytes of data in a good reply. */
function dataBytes({ table, quantity }: Query): number {
  return table === 'coil' || table === 'discrete' ? Math.ceil(quantity / 8) : quantity * 2;
}

/** Longest reply to a query, in bytes; an exception has nine. */
export function replyBytes(query: Query): number {
  return HEADER + 2 + dataBytes(query);
}

export type Verdict =
  /** So far it could be right. */
  | { readonly kind: 'incomplete' }
  /** What follows the byte count. */
  | { readonly kind: 'data'; readonly data: DataView }
  /** The device says no; section 7 lists its codes, devices invent more. */
  | { readonly kind: 'exception'; readonly code: number }
  /** Not a reply to this query; nothing that comes on this connection can be believed any more. */
  | { readonly kind: 'wrong'; readonly reason: string };

const INCOMPLETE: Verdict = { kind: 'incomplete' };

/**
 * Judges the first `count` bytes of `bytes` as the reply to `query`. Everything is judged as soon as it is there: a
 * length of 65535 is refused at once and not waited for. `data` shares the memory of `bytes`.
 */
export function judge(query: Query, bytes: Buffer, count: number): Verdict {
  if (count >= 2) {
    const transaction = bytes.readUInt16BE(0);
    if (transaction !== query.transaction) {
      return wrong(`a reply carries transaction ${transaction} instead of ${query.transaction}`);
    }
  }
  if (count >= 4 && bytes.readUInt16BE(2) !== 0) return wrong(`protocol id ${bytes.readUInt16BE(2)} is not Modbus`);
  const good = dataBytes(query);
  if (count >= 6) {
    const length = bytes.readUInt16BE(4);
    if (length !== 3 && length !== good + 3) return wrong(`a reply of length ${length} instead of ${good + 3}`);
  }
  if (count >= HEADER && bytes[6] !== query.unit) {
    return wrong(`unit ${bytes[6]} replies to a request for unit ${query.unit}`);
  }
  if (count < HEADER + 2) return INCOMPLETE;

  const length = bytes.readUInt16BE(4);
  const code = bytes[7]!;
  if (code === (READ[query.table] | EXCEPTION)) {
    if (length !== 3) return wrong(`an exception of length ${length} instead of 3`);
    return count > HEADER + 2 ? wrong('bytes follow the reply') : { kind: 'exception', code: bytes[8]! };
  }
  if (code !== READ[query.table]) return wrong(`function ${code} replies to function ${READ[query.table]}`);
  if (length !== good + 3) return wrong(`a reply of length ${length} instead of ${good + 3}`);
  if (bytes[8] !== good) return wrong(`a byte count of ${bytes[8]} instead of ${good}`);
  const end = HEADER + 2 + good;
  if (count < end) return INCOMPLETE;
  if (count > end) return wrong('bytes follow the reply');
  return { kind: 'data', data: new DataView(bytes.buffer, bytes.byteOffset + HEADER + 2, good) };
}

function wrong(reason: string): Verdict {
  return { kind: 'wrong', reason };
}
