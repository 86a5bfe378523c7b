// Modbus TCP as a server speaks it: MBAP frames (Messaging Implementation Guide V1.0b, section 3.1.3) with the four
// read functions. Everything else is refused: no one writes to the refinery.

import type { Table } from '../../agent/src/config/address.ts';
import { EXCEPTION } from './registers.ts';

export interface ModbusRequest {
  readonly unit: number;
  readonly function: number;
  readonly address: number;
  readonly quantity: number;
}

/** One frame; `pdu` is what follows the unit id. */
export interface Frame {
  readonly transaction: number;
  readonly unit: number;
  readonly pdu: Buffer;
}

const TABLE: Record<number, Table> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };

/** Collects bytes into frames; false says that the peer does not speak Modbus TCP. */
export function framer(onFrame: (frame: Frame) => void): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (rest.length >= 7) {
      const length = rest.readUInt16BE(4);
      if (rest.readUInt16BE(2) !== 0 || length < 2 || length > 254) return false;
      if (rest.length < 6 + length) break;
      onFrame({ transaction: rest.readUInt16BE(0), unit: rest[6]!, pdu: rest.subarray(7, 6 + length) });
      rest = rest.subarray(6 + length);
    }
    return true;
  };
}

/** What a frame asks for; or the exception it deserves before any register is looked at. */
export function requestOf({ unit, pdu }: Frame): (ModbusRequest & { table: Table }) | number {
  const code = pdu[0]!;
  const table = TABLE[code];
  if (table === undefined) return EXCEPTION.function;
  if (pdu.length !== 5) return EXCEPTION.value;
  const quantity = pdu.readUInt16BE(3);
  if (quantity === 0 || quantity > (code <= 2 ? 2_000 : 125)) return EXCEPTION.value;
  return { unit, function: code, address: pdu.readUInt16BE(1), quantity, table };
}

/** The frame that answers with these contents, or with an exception. */
export function reply(frame: Frame, contents: Uint16Array | number): Buffer {
  const code = frame.pdu[0]!;
  if (typeof contents === 'number') return envelope(frame, Buffer.from([code | 0x80, contents]));
  const bits = code <= 2;
  const data = Buffer.alloc(bits ? Math.ceil(contents.length / 8) : contents.length * 2);
  for (let i = 0; i < contents.length; i++) {
    if (!bits) data.writeUInt16BE(contents[i]!, i * 2);
    else if (contents[i]) data[i >> 3]! |= 1 << (i & 7);
  }
  return envelope(frame, Buffer.concat([Buffer.from([code, data.length]), data]));
}

function envelope({ transaction, unit }: Frame, pdu: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header[6] = unit;
  return Buffer.concat([header, pdu]);
}
