// Modbus as a server speaks it, with the four read functions: MBAP frames (Messaging Implementation Guide V1.0b,
// section 3.1.3) and RTU frames (Serial Line V1.02, section 2.5.1). Everything else is refused: no one writes to the
// refinery. Shares no code with the gateway's client.

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

/** Takes bytes apart into frames; false says that the peer does not speak this. */
type Feed = (chunk: Buffer) => boolean;

/** How frames are wrapped: with a header as on TCP and UDP, or with a checksum as on serial lines. */
export interface Envelope {
  /** Bytes to frames, for one connection. */
  readonly feed: (onFrame: (frame: Frame) => void) => Feed;
  readonly wrap: (frame: Frame, pdu: Buffer) => Buffer;
}

export const MBAP: Envelope = { feed: framer, wrap: withHeader };
export const RTU: Envelope = { feed: serialFramer, wrap: withChecksum };

/** Requests to read are eight bytes; anything else is dropped, as a device does that sees a wrong checksum. */
function serialFramer(onFrame: (frame: Frame) => void): Feed {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8) {
      const right = checksum(rest.subarray(0, 6)) === rest.readUInt16LE(6);
      if (right) onFrame({ transaction: 0, unit: rest[0]!, pdu: Buffer.from(rest.subarray(1, 6)) });
      rest = rest.subarray(right ? 8 : 1);
    }
    return true;
  };
}

function withChecksum({ unit }: Frame, pdu: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from([unit]), pdu, Buffer.alloc(2)]);
  bytes.writeUInt16LE(checksum(bytes.subarray(0, -2)), bytes.length - 2);
  return bytes;
}

/** CRC-16 of serial lines, bit by bit as the specification draws it (section 6.2.2). */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}

function framer(onFrame: (frame: Frame) => void): Feed {
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

/** The answer with these contents, or with an exception, without its envelope. */
export function reply(frame: Frame, contents: Uint16Array | number): Buffer {
  const code = frame.pdu[0]!;
  if (typeof contents === 'number') return Buffer.from([code | 0x80, contents]);
  const bits = code <= 2;
  const data = Buffer.alloc(bits ? Math.ceil(contents.length / 8) : contents.length * 2);
  for (let i = 0; i < contents.length; i++) {
    if (!bits) data.writeUInt16BE(contents[i]!, i * 2);
    else if (contents[i]) data[i >> 3]! |= 1 << (i & 7);
  }
  return Buffer.concat([Buffer.from([code, data.length]), data]);
}

function withHeader({ transaction, unit }: Frame, pdu: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header[6] = unit;
  return Buffer.concat([header, pdu]);
}
