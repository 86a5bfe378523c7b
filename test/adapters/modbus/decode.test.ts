// Every type and order of the mapping language, byte by byte.

import { describe, expect, test } from 'vitest';
import { decode, type Form, field, isSentinel, sentinelsOf } from '../../../agent/src/adapters/modbus/decode.ts';
import { parseAddress } from '../../../agent/src/config/address.ts';
import type { ByteOrder } from '../../../agent/src/config/schema/modbus.ts';
import { BatchBuilder, Kind, type Value, valueAt } from '../../../agent/src/model/batch.ts';
import { StatusCode, statusName } from '../../../agent/src/model/status.ts';

/** Decodes the bytes of a reply that begins at the address. */
function read(type: string, order: ByteOrder, hex: string, address = 'holding:0', form: Form = {}) {
  const place = parseAddress(address);
  if (typeof place === 'string') throw new Error(place);
  const cut = field(type, order, place, form);
  if (typeof cut === 'string') throw new Error(cut);
  // The value stands behind two other bytes, as in a reply with other tags before it.
  const bytes = Buffer.from(`FFFF${hex.replaceAll(' ', '')}`, 'hex');
  const bits = place.table === 'coil' || place.table === 'discrete';
  const start = bits ? 16 + place.offset : 2;
  const out = new BatchBuilder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const status = decode(view, start, cut.code, cut.argument, 7, 0, out);
  const batch = out.take();
  return { status: statusName(status), count: batch.count, kind: batch.kind[0], value: valueAt(batch, 0) };
}

const good = (value: Value, kind: number) => ({ status: 'Good', count: 1, kind, value });

describe('one register', () => {
  test.each<[string, ByteOrder, string, number]>([
    ['uint16', 'ABCD', '022B', 555],
    ['uint16', 'CDAB', '022B', 555],
    ['uint16', 'BADC', '2B02', 555],
    ['uint16', 'DCBA', '2B02', 555],
    ['uint16', 'ABCD', 'FFFF', 65_535],
    ['int16', 'ABCD', 'FFFF', -1],
    ['int16', 'ABCD', '8000', -32_768],
    ['int16', 'ABCD', '7FFF', 32_767],
    ['int16', 'BADC', '0080', -32_768],
    ['bcd16', 'ABCD', '1234', 1_234],
    ['bcd16', 'ABCD', '9999', 9_999],
    ['bcd16', 'DCBA', '3412', 1_234],
  ])('%s %s %s', (type, order, hex, value) => {
    expect(read(type, order, hex)).toEqual(good(value, Kind.Number));
  });
});

describe('two registers', () => {
  // 0x01020304 and its faces; 123456.789 as float32 is 47 F1 20 65 (IEEE 754).
  test.each<[string, ByteOrder, string, number]>([
    ['uint32', 'ABCD', '0102 0304', 0x01020304],
    ['uint32', 'CDAB', '0304 0102', 0x01020304],
    ['uint32', 'BADC', '0201 0403', 0x01020304],
    ['uint32', 'DCBA', '0403 0201', 0x01020304],
    ['uint32', 'ABCDEFGH', '0102 0304', 0x01020304],
    ['uint32', 'GHEFCDAB', '0304 0102', 0x01020304],
    ['uint32', 'ABCD', 'FFFF FFFF', 4_294_967_295],
    ['int32', 'ABCD', 'FFFF FFFE', -2],
    ['int32', 'CDAB', '0000 8000', -2_147_483_648],
    ['int32', 'BADC', 'FFFF FFFE', -257],
    ['bcd32', 'ABCD', '1234 5678', 12_345_678],
    ['bcd32', 'CDAB', '5678 1234', 12_345_678],
    ['bcd32', 'ABCD', '9999 9999', 99_999_999],
  ])('%s %s %s', (type, order, hex, value) => {
    expect(read(type, order, hex)).toEqual(good(value, Kind.Number));
  });

  test.each<[ByteOrder, string]>([
    ['ABCD', '47F1 2065'],
    ['CDAB', '2065 47F1'],
    ['BADC', 'F147 6520'],
    ['DCBA', '6520 F147'],
  ])('float32 %s', (order, hex) => {
    expect(read('float32', order, hex)).toEqual(good(Math.fround(123456.789), Kind.Float32));
  });

  test.each([
    ['7F80 0000', Number.POSITIVE_INFINITY],
    ['FF80 0000', Number.NEGATIVE_INFINITY],
    ['7FC0 0000', Number.NaN],
    ['8000 0000', -0],
    ['0000 0001', 2 ** -149],
  ])('float32 %s', (hex, value) => {
    expect(read('float32', 'ABCD', hex)).toEqual(good(value, Kind.Float32));
  });
});

describe('four registers', () => {
  const value = 0x0102030405060708n;
  test.each<[ByteOrder, string]>([
    ['ABCDEFGH', '0102 0304 0506 0708'],
    ['GHEFCDAB', '0708 0506 0304 0102'],
    ['BADCFEHG', '0201 0403 0605 0807'],
    ['HGFEDCBA', '0807 0605 0403 0201'],
    ['ABCD', '0102 0304 0506 0708'],
    ['CDAB', '0708 0506 0304 0102'],
    ['BADC', '0201 0403 0605 0807'],
    ['DCBA', '0807 0605 0403 0201'],
  ])('%s', (order, hex) => {
    expect(read('uint64', order, hex)).toEqual(good(value, Kind.Other));
    expect(read('int64', order, hex)).toEqual(good(value, Kind.Other));
    const bytes = Buffer.from('0102030405060708', 'hex');
    expect(read('float64', order, hex)).toEqual(good(bytes.readDoubleBE(), Kind.Number));
  });

  test.each<[string, string, number | bigint]>([
    ['uint64', '0000 0000 0000 0000', 0],
    ['uint64', '001F FFFF FFFF FFFF', Number.MAX_SAFE_INTEGER],
    ['uint64', '0020 0000 0000 0000', 2n ** 53n],
    ['uint64', '0020 0000 0000 0001', 2n ** 53n + 1n],
    ['uint64', 'FFFF FFFF FFFF FFFF', 2n ** 64n - 1n],
    ['int64', 'FFFF FFFF FFFF FFFF', -1],
    ['int64', 'FFE0 0000 0000 0001', Number.MIN_SAFE_INTEGER],
    ['int64', 'FFE0 0000 0000 0000', -(2n ** 53n)],
    ['int64', 'FFDF FFFF FFFF FFFF', -(2n ** 53n) - 1n],
    ['int64', '8000 0000 0000 0000', -(2n ** 63n)],
    ['int64', '7FFF FFFF FFFF FFFF', 2n ** 63n - 1n],
  ])('%s %s is exact', (type, hex, expected) => {
    expect(read(type, 'ABCD', hex)).toEqual(good(expected, typeof expected === 'bigint' ? Kind.Other : Kind.Number));
  });
});

describe('binary-coded decimal', () => {
  test.each([
    ['bcd16', '123A'],
    ['bcd16', 'F000'],
    ['bcd32', '1234 56B8'],
    ['bcd32', 'FFFF FFFF'],
  ])('%s %s is no number', (type, hex) => {
    expect(read(type, 'ABCD', hex)).toMatchObject({ status: 'BadDecodingError', count: 0 });
  });
});

describe('text', () => {
  test.each<[string, ByteOrder, string, string]>([
    ['string(6)', 'ABCD', '5055 4D50 3031', 'PUMP01'],
    ['string(6)', 'BADC', '5550 504D 3130', 'PUMP01'],
    ['string(6)', 'CDAB', '5055 4D50 3031', 'PUMP01'],
    ['string(6)', 'DCBA', '5550 504D 3130', 'PUMP01'],
    ['string(5)', 'ABCD', '5055 4D50 3031', 'PUMP0'],
    ['string(5)', 'BADC', '5550 504D 3130', 'PUMP0'],
    ['string(6)', 'ABCD', '4142 0000 0000', 'AB'],
    ['string(6)', 'ABCD', '2020 4120 4200', 'A B'],
    ['string(4)', 'ABCD', '0000 2020', ''],
    ['string(4)', 'ABCD', 'B043 E9DF', '°Céß'],
    ['string(1)', 'ABCD', '4100', 'A'],
  ])('%s %s %s', (type, order, hex, value) => {
    expect(read(type, order, hex)).toEqual(good(value, Kind.Other));
  });
});

describe('bits', () => {
  test.each<[string, ByteOrder, string, boolean]>([
    ['holding:0.0', 'ABCD', '0001', true],
    ['holding:0.3', 'ABCD', '0008', true],
    ['holding:0.3', 'ABCD', 'FFF7', false],
    ['input:0.15', 'ABCD', '8000', true],
    ['holding:0.15', 'BADC', '0080', true],
    ['holding:0.8', 'DCBA', '0001', true],
    ['holding:0', 'ABCD', '0000', false],
    ['holding:0', 'ABCD', '0100', true],
  ])('%s %s %s', (address, order, hex, value) => {
    expect(read('bool', order, hex, address)).toEqual(good(value, Kind.Boolean));
  });

  // V1.1b3 section 6.1: coils 20 to 38 are answered with CD 6B 05; section 6.2: inputs 197 to 218 with AC DB 35.
  test('the specification on coils and inputs', () => {
    const bits = (table: string, hex: string, count: number) =>
      Array.from({ length: count }, (_, i) => (read('bool', 'ABCD', hex, `${table}:${i}`).value ? '1' : '0')).join('');
    expect(bits('coil', 'CD6B05', 19)).toBe('1011001111010110101');
    expect(bits('discrete', 'ACDB35', 22)).toBe('0011010111011011101011');
  });
});

describe('sign and magnitude', () => {
  test.each<[string, ByteOrder, string, number | bigint]>([
    ['int16', 'ABCD', '0005', 5],
    ['int16', 'ABCD', '8005', -5],
    ['int16', 'BADC', '0580', -5],
    ['int16', 'ABCD', 'FFFF', -32_767],
    ['int16', 'ABCD', '8000', -0],
    ['int32', 'ABCD', '8000 0005', -5],
    ['int32', 'CDAB', '0005 8000', -5],
    ['int32', 'ABCD', '7FFF FFFF', 2_147_483_647],
    ['int64', 'ABCD', '8000 0000 0000 0005', -5],
    ['int64', 'ABCD', 'FFFF FFFF FFFF FFFF', -(2n ** 63n) + 1n],
  ])('%s %s %s', (type, order, hex, value) => {
    const kind = typeof value === 'bigint' ? Kind.Other : Kind.Number;
    expect(read(type, order, hex, 'holding:0', { sign: 'magnitude' })).toEqual(good(value, kind));
  });
});

describe('encodings of text', () => {
  test.each<[NonNullable<Form['encoding']>, ByteOrder, string, string]>([
    ['ascii', 'ABCD', '5055 4D50', 'PUMP'],
    ['latin-1', 'ABCD', 'B043 2020', '°C'],
    ['utf-8', 'ABCD', 'C2B0 4300', '°C'],
    ['utf-8', 'BADC', 'B0C2 0043', '°C'],
    ['utf-16', 'ABCD', '00B0 0043', '°C'],
    ['utf-16', 'BADC', 'B000 4300', '°C'],
    ['utf-16', 'ABCD', 'D83D DE00', '\u{1f600}'],
  ])('%s %s %s', (encoding, order, hex, value) => {
    expect(read('string(4)', order, hex, 'holding:0', { encoding })).toEqual(good(value, Kind.Other));
  });

  test.each<[NonNullable<Form['encoding']>, string]>([
    ['ascii', 'B043 2020'],
    ['utf-8', 'B043 2020'],
    ['utf-16', 'DE00 0041'],
  ])('%s does not make up what %s could mean', (encoding, hex) => {
    expect(read('string(4)', 'ABCD', hex, 'holding:0', { encoding })).toMatchObject({
      status: 'BadDecodingError',
      count: 0,
    });
  });
});

describe('what means "no value"', () => {
  test.each<[type: string, order: ByteOrder, bits: string[], hex: string, none: boolean]>([
    ['int16', 'ABCD', ['8000'], '8000', true],
    ['int16', 'BADC', ['8000'], '0080', true],
    ['int16', 'ABCD', ['8000'], '7FFF', false],
    ['uint16', 'ABCD', ['FFFF', '8000'], '8000', true],
    ['bcd16', 'ABCD', ['9999'], '9999', true],
    ['uint32', 'CDAB', ['FFFFFFFE'], 'FFFE FFFF', true],
    ['float32', 'ABCD', ['NaN'], '7FC0 0000', true],
    ['float32', 'ABCD', ['NaN'], 'FFC0 0001', true],
    ['float32', 'ABCD', ['NaN'], '7F80 0000', false],
    ['float32', 'CDAB', ['C61C3C00'], '3C00 C61C', true],
    ['float64', 'ABCD', ['NaN'], '7FF0 0000 0000 0001', true],
    ['float64', 'ABCD', ['NaN'], '7FF0 0000 0000 0000', false],
    ['int64', 'ABCD', ['8000000000000000'], '8000 0000 0000 0000', true],
    ['int64', 'ABCD', ['8000000000000000'], '8000 0000 0000 0001', false],
    ['uint64', 'GHEFCDAB', ['0000000000000001'], '0001 0000 0000 0000', true],
  ])('%s %s %j in %s: %s', (type, order, bits, hex, none) => {
    const cut = field(type, order, { table: 'holding', offset: 0 });
    if (typeof cut === 'string') throw new Error(cut);
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    expect(isSentinel(view, 0, cut.code, sentinelsOf(bits, StatusCode.BadNotSupported))).toBe(none);
  });
});

test('the specification on registers', () => {
  // Section 6.3: registers 108 to 110 hold 022B 0000 0064; section 6.4: input register 9 holds 000A.
  const registers = ['022B', '0000', '0064'].map((hex) => read('uint16', 'ABCD', hex).value);
  expect(registers).toEqual([555, 0, 100]);
  expect(read('uint16', 'ABCD', '000A', 'input:8').value).toBe(10);
});

test.each([
  ['int16', 'coil:1', 'a coil is one bit and cannot be read as int16; its type is bool'],
  ['float32', 'holding:1.3', 'bit .3 of a register cannot be read as float32; its type is bool'],
  ['int8', 'holding:1', '"int8" is no type'],
])('%s at %s is no field', (type, address, expected) => {
  const place = parseAddress(address);
  if (typeof place === 'string') throw new Error(place);
  expect(field(type, 'ABCD', place)).toBe(expected);
});
