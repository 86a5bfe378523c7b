// From registers to values. Every type and byte order of the mapping language becomes one small number, a code,
// so that decoding ten thousand tags a second is a switch and no object. Pure; a byte that does not fit its type
// gives a Bad status, never a made-up value. Source: Modbus Application Protocol V1.1b3, sections 4.2, 6.1 to 6.4.
//
// Orders. Modbus sends each register with its high byte first and says nothing of values that fill several. The
// letters name the bytes of the value from the most significant on, in the order in which they arrive. Two
// questions give all of them: are the bytes of each register swapped, and does the last register come first?
//
//     neither          ABCD   ABCDEFGH      last register first    CDAB   GHEFCDAB
//     bytes swapped    BADC   BADCFEHG      both                   DCBA   HGFEDCBA
//
// A name stands for its rule whatever the type's width: CDAB on a float64 means GHEFCDAB. One register (16-bit
// types, bits) knows the byte swap only, and so does text: its registers always come in reading order.

import type { ModbusAddress } from '../../config/address.ts';
import type { ByteOrder, Encoding } from '../../config/schema/modbus.ts';
import { type BatchBuilder, Kind } from '../../model/batch.ts';
import { StatusCode } from '../../model/status.ts';
import type { Timestamp } from '../../model/time.ts';

/** How one tag is cut out of a reply. */
export interface Field {
  /** Type and order; for `decode` only. */
  readonly code: number;
  /** The bit of a register, or the bytes of a text; otherwise 0. */
  readonly argument: number;
  /** What the value occupies: registers, or 1 for a coil or discrete input. */
  readonly width: number;
}

const BYTES_SWAPPED = 1;
const LAST_REGISTER_FIRST = 2;

const ORDER: Record<ByteOrder, number> = {
  ABCD: 0,
  ABCDEFGH: 0,
  BADC: BYTES_SWAPPED,
  BADCFEHG: BYTES_SWAPPED,
  CDAB: LAST_REGISTER_FIRST,
  GHEFCDAB: LAST_REGISTER_FIRST,
  DCBA: BYTES_SWAPPED | LAST_REGISTER_FIRST,
  HGFEDCBA: BYTES_SWAPPED | LAST_REGISTER_FIRST,
};

const Op = {
  Packed: 0,
  Bit: 1,
  Truth: 2,
  Int16: 3,
  Uint16: 4,
  Int32: 5,
  Uint32: 6,
  Int64: 7,
  Uint64: 8,
  Float32: 9,
  Float64: 10,
  Bcd16: 11,
  Bcd32: 12,
  Text: 13,
  Ascii: 14,
  Utf8: 15,
  Utf16: 16,
  Magnitude16: 17,
  Magnitude32: 18,
  Magnitude64: 19,
} as const;

const TEXT = { 'latin-1': Op.Text, ascii: Op.Ascii, 'utf-8': Op.Utf8, 'utf-16': Op.Utf16 } as const;

/** Signed types whose first bit is the sign and whose others are the magnitude. */
const MAGNITUDE: Readonly<Record<string, number>> = {
  int16: Op.Magnitude16,
  int32: Op.Magnitude32,
  int64: Op.Magnitude64,
};

/** How a value is written, beyond its type and order. */
export interface Form {
  /** undefined: two's complement. */
  readonly sign?: 'magnitude';
  /** undefined: Latin-1. */
  readonly encoding?: Encoding;
}

const TYPES: Record<string, { readonly op: number; readonly width: number }> = {
  int16: { op: Op.Int16, width: 1 },
  uint16: { op: Op.Uint16, width: 1 },
  bcd16: { op: Op.Bcd16, width: 1 },
  int32: { op: Op.Int32, width: 2 },
  uint32: { op: Op.Uint32, width: 2 },
  float32: { op: Op.Float32, width: 2 },
  bcd32: { op: Op.Bcd32, width: 2 },
  int64: { op: Op.Int64, width: 4 },
  uint64: { op: Op.Uint64, width: 4 },
  float64: { op: Op.Float64, width: 4 },
};

/**
 * The field of a tag, or a sentence that says why there is none.
 * A bool at a register without a bit is true when the register is not 0.
 */
export function field(type: string, order: ByteOrder, address: ModbusAddress, form: Form = {}): Field | string {
  const bits = ORDER[order];
  if (address.table === 'coil' || address.table === 'discrete') {
    return type === 'bool'
      ? { code: Op.Packed << 2, argument: 0, width: 1 }
      : `a ${address.table} is one bit and cannot be read as ${type}; its type is bool`;
  }
  if (address.bit !== undefined) {
    return type === 'bool'
      ? { code: (Op.Bit << 2) | bits, argument: address.bit, width: 1 }
      : `bit .${address.bit} of a register cannot be read as ${type}; its type is bool`;
  }
  if (type === 'bool') return { code: (Op.Truth << 2) | bits, argument: 0, width: 1 };
  const text = /^string\((\d+)\)$/.exec(type);
  if (text) {
    const bytes = Number(text[1]);
    return { code: (TEXT[form.encoding ?? 'latin-1'] << 2) | bits, argument: bytes, width: Math.ceil(bytes / 2) };
  }
  const known = TYPES[type];
  const op = (form.sign && MAGNITUDE[type]) ?? known?.op;
  return known ? { code: (op! << 2) | bits, argument: 0, width: known.width } : `"${type}" is no type`;
}

/** Four or eight bytes on their way from registers to a floating-point number. */
const scratch = new DataView(new ArrayBuffer(8));

/**
 * Decodes one value and adds it to `out` as a Good reading.
 * @param data what follows the byte count of a reply
 * @param place the byte where the field begins; for coils and discrete inputs the bit
 * @returns Good; or a Bad status, and then nothing was added
 */
export function decode(
  data: DataView,
  place: number,
  code: number,
  argument: number,
  tag: number,
  time: Timestamp,
  out: BatchBuilder,
): number {
  const order = code & 3;
  let kind: number = Kind.Number;
  let value: number;
  switch (code >> 2) {
    case Op.Float32:
      scratch.setUint32(0, bits32(data, place, order));
      value = scratch.getFloat32(0);
      kind = Kind.Float32;
      break;
    case Op.Uint16:
      value = bits16(data, place, order);
      break;
    case Op.Int16:
      value = (bits16(data, place, order) << 16) >> 16;
      break;
    case Op.Packed:
      value = (data.getUint8(place >> 3) >> (place & 7)) & 1;
      kind = Kind.Boolean;
      break;
    case Op.Bit:
      value = (bits16(data, place, order) >> argument) & 1;
      kind = Kind.Boolean;
      break;
    case Op.Truth:
      value = bits16(data, place, order) === 0 ? 0 : 1;
      kind = Kind.Boolean;
      break;
    case Op.Int32:
      value = bits32(data, place, order) | 0;
      break;
    case Op.Uint32:
      value = bits32(data, place, order);
      break;
    case Op.Float64:
      scratch.setUint32(0, high32(data, place, order));
      scratch.setUint32(4, low32(data, place, order));
      value = scratch.getFloat64(0);
      break;
    case Op.Int64:
    case Op.Uint64: {
      const high = high32(data, place, order);
      const low = low32(data, place, order);
      const signed = code >> 2 === Op.Int64 ? high | 0 : high;
      value = signed * 2 ** 32 + low;
      // Rounding never carries a sum from beyond 2^53 back below it, so a safe sum is the exact one.
      if (!Number.isSafeInteger(value)) {
        out.add(tag, time, StatusCode.Good, (BigInt(signed) << 32n) | BigInt(low));
        return StatusCode.Good;
      }
      break;
    }
    case Op.Bcd16:
      value = decimal(bits16(data, place, order), 4);
      if (value < 0) return StatusCode.BadDecodingError;
      break;
    case Op.Bcd32:
      value = decimal(bits32(data, place, order), 8);
      if (value < 0) return StatusCode.BadDecodingError;
      break;
    case Op.Magnitude16: {
      const raw = bits16(data, place, order);
      value = raw & 0x8000 ? -(raw & 0x7fff) : raw;
      break;
    }
    case Op.Magnitude32: {
      const raw = bits32(data, place, order);
      value = raw > 0x7fff_ffff ? -(raw & 0x7fff_ffff) : raw;
      break;
    }
    case Op.Magnitude64: {
      const raw = (BigInt(high32(data, place, order)) << 32n) | BigInt(low32(data, place, order));
      const signed = raw >> 63n ? -(raw & (2n ** 63n - 1n)) : raw;
      if (!Number.isSafeInteger(Number(signed))) {
        out.add(tag, time, StatusCode.Good, signed);
        return StatusCode.Good;
      }
      value = Number(signed);
      break;
    }
    default: {
      const read = text(data, place, argument, code);
      if (read === undefined) return StatusCode.BadDecodingError;
      out.add(tag, time, StatusCode.Good, read);
      return StatusCode.Good;
    }
  }
  out.push(tag, time, StatusCode.Good, kind, value);
  return StatusCode.Good;
}

function bits16(data: DataView, place: number, order: number): number {
  return data.getUint16(place, (order & BYTES_SWAPPED) !== 0);
}

/** Two registers as an unsigned number. Reading them little-endian swaps bytes and registers both. */
function bits32(data: DataView, place: number, order: number): number {
  const swapped = (order & BYTES_SWAPPED) !== 0;
  const raw = data.getUint32(place, swapped);
  return swapped === ((order & LAST_REGISTER_FIRST) !== 0) ? raw : ((raw << 16) | (raw >>> 16)) >>> 0;
}

function high32(data: DataView, place: number, order: number): number {
  return bits32(data, order & LAST_REGISTER_FIRST ? place + 4 : place, order);
}

function low32(data: DataView, place: number, order: number): number {
  return bits32(data, order & LAST_REGISTER_FIRST ? place : place + 4, order);
}

/** Binary-coded decimal: one digit per four bits. -1 when one of them is no digit. */
function decimal(bits: number, digits: number): number {
  let value = 0;
  for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    const digit = (bits >>> shift) & 0xf;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Bit patterns that mean that there is no value. */
export interface Sentinels {
  /** What the reading is then. */
  readonly status: number;
  /** Upper and lower 32 bits of each; the upper are 0 for shorter types. */
  readonly patterns: readonly (readonly [high: number, low: number])[];
  /** Every float that is no number. */
  readonly nan: boolean;
}

/** @param bits hexadecimal digits, or `NaN` */
export function sentinelsOf(bits: readonly string[], status: number): Sentinels {
  const patterns = bits.filter((each) => each !== 'NaN').map((each) => BigInt(`0x${each}`));
  return {
    status,
    patterns: patterns.map((each) => [Number(each >> 32n), Number(each & 0xffff_ffffn)] as const),
    nan: bits.includes('NaN'),
  };
}

/** Whether the registers hold one of the patterns, after the order. */
export function isSentinel(data: DataView, place: number, code: number, { patterns, nan }: Sentinels): boolean {
  const order = code & 3;
  let high = 0;
  let low: number;
  switch (code >> 2) {
    case Op.Int64:
    case Op.Uint64:
    case Op.Float64:
    case Op.Magnitude64:
      high = high32(data, place, order);
      low = low32(data, place, order);
      if (nan && (high & 0x7ff0_0000) === 0x7ff0_0000 && ((high & 0xf_ffff) | low) !== 0) return true;
      break;
    case Op.Int32:
    case Op.Uint32:
    case Op.Float32:
    case Op.Bcd32:
    case Op.Magnitude32:
      low = bits32(data, place, order);
      if (nan && (low & 0x7f80_0000) === 0x7f80_0000 && (low & 0x7f_ffff) !== 0) return true;
      break;
    default:
      low = bits16(data, place, order);
  }
  return patterns.some((each) => each[0] === high && each[1] === low);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const UTF16 = new TextDecoder('utf-16le', { fatal: true });

/** Text without the NULs and spaces that pad it on either side; undefined when its bytes are none in its encoding. */
function text(data: DataView, place: number, length: number, code: number): string | undefined {
  // Registers in reading order; UTF-16 is decoded with its low byte first.
  const swap = ((code & BYTES_SWAPPED) !== 0) !== (code >> 2 === Op.Utf16) ? 1 : 0;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = data.getUint8(place + (i ^ swap));
  return trimmed(charactersOf(bytes, code >> 2));
}

function charactersOf(bytes: Uint8Array, op: number): string | undefined {
  if (op === Op.Utf8 || op === Op.Utf16) {
    try {
      return (op === Op.Utf8 ? UTF8 : UTF16).decode(bytes);
    } catch {
      return undefined;
    }
  }
  if (op === Op.Ascii && bytes.some((byte) => byte > 0x7f)) return undefined;
  return String.fromCharCode(...bytes);
}

function trimmed(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  let from = 0;
  let to = value.length;
  while (from < to && isPadding(value.charCodeAt(from))) from++;
  while (to > from && isPadding(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}

function isPadding(character: number): boolean {
  return character === 0 || character === 0x20;
}
