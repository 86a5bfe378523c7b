// What is asked of a Modbus device and what may answer it, without the envelope that carries it over a network or a
// line (mbap.ts, rtu.ts). A reply is believed only when every byte that can be checked is right. Pure. Only the four
// read functions can be written down here; no other function code exists in this gateway.
// Source: Modbus Application Protocol V1.1b3 sections 4.1, 6.1-6.4, 7.

import type { Table } from '../../config/address.ts';

/** Function codes of the read functions, by table: all that the gateway ever sends. */
export const READ = { coil: 1, discrete: 2, holding: 3, input: 4 } as const satisfies Record<Table, number>;

/** Set in the function code of a reply that is an exception. */
export const EXCEPTION = 0x80;

/** What was asked, and what its reply must therefore look like. */
export interface Query {
  readonly unit: number;
  readonly table: Table;
  /** Zero-based. */
  readonly start: number;
  readonly quantity: number;
}

export type Verdict =
  /** So far it could be right. */
  | { readonly kind: 'incomplete' }
  /** What follows the byte count. It shares the memory of the bytes that were judged. */
  | { readonly kind: 'data'; readonly data: DataView }
  /** The device says no; section 7 lists its codes, devices invent more. */
  | { readonly kind: 'exception'; readonly code: number }
  /** The reply to another request. Datagrams may be late or doubled; on a connection it is as wrong as `wrong`. */
  | { readonly kind: 'stale'; readonly reason: string }
  /** Not a reply to this query; nothing that comes on this connection can be believed any more. */
  | { readonly kind: 'wrong'; readonly reason: string };

/** One request and the judgement of what comes back. */
export interface Exchange {
  /** The bytes to send. */
  readonly request: Buffer;
  /** Bytes of a good reply. */
  readonly reply: number;
  /** Most bytes that are worth keeping while the reply is incomplete. */
  readonly capacity: number;
  /** Judges the first `count` bytes of `bytes`, everything as soon as it is there. */
  judge(bytes: Buffer, count: number): Verdict;
}

/** Makes the exchanges of one connection, one at a time. */
export type Framing = (query: Query) => Exchange;

export const INCOMPLETE: Verdict = { kind: 'incomplete' };

export function wrong(reason: string): Verdict {
  return { kind: 'wrong', reason };
}

/** Bytes of a request without its envelope: function, start, quantity. */
export const REQUEST_BYTES = 5;

/**
 * Writes a request without its envelope.
 * @throws RangeError for what no read function can ask; the plan never does
 */
export function writeRequest({ table, start, quantity }: Query, into: Buffer, at: number): void {
  const most = isBits(table) ? 2_000 : 125;
  if (!(quantity >= 1 && quantity <= most)) throw new RangeError(`${quantity} is not 1 to ${most}`);
  const code = READ[table];
  // No word of a mapping leads here, and if one did, nothing but a read leaves this function.
  if (!(code >= 1 && code <= 4)) throw new RangeError(`${table} is no table`);
  into.writeUInt8(code, at);
  into.writeUInt16BE(start, at + 1);
  into.writeUInt16BE(quantity, at + 3);
}

/** Bytes of data in a good reply: at most 250. */
export function dataBytes({ table, quantity }: Query): number {
  return isBits(table) ? Math.ceil(quantity / 8) : quantity * 2;
}

function isBits(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}
