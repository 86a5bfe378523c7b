// A segment's payload: a batch as bytes. Columns are written one after another, each in the form that costs least
// on plant data (most tags in a row, times close together, one status, one kind), then compressed as a whole.
// What comes back is exactly what went in: every bit of a double, every 100 ns of a timestamp, every bigint.
//
// Layout, before zstd: byte version; varint readings; varint bytes of the tail; columns tag (zigzag delta varint),
// time (unit byte; raw doubles, or the first as double and zigzag delta varints in 100 ns or ms), status and kind
// (runs of varint value, varint length),
// number (Float64: 8 bytes transposed byte by byte, Float32: 4 bytes likewise, Boolean and Other: varint); tail:
// v8-serialised { others, gaps }, whose format V8 promises to keep readable by later versions.

import { deserialize, serialize } from 'node:v8';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type Batch, Kind, type Value } from '../model/batch.ts';
import type { Gap } from '../model/gap.ts';
import { TICKS_PER_MS } from '../model/time.ts';

const VERSION = 1;
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** No segment expands beyond this, nor holds more readings: a damaged length must not exhaust memory. */
const MAX_EXPANDED = 256 * 1024 * 1024;
const MAX_READINGS = 1 << 20;

/** How the time column is written; the number is the unit in ticks, 0 for raw doubles. */
const TimeUnit = { Raw: 0, Tick: 1, Milli: TICKS_PER_MS } as const;
/** A difference beyond this (14 years) has no exact zigzag form in a double. */
const MAX_DELTA = 2 ** 52;

/** The payload of a batch of at most 2^20 readings; columns beyond `count` are not kept. */
export function encodeSegment(batch: Batch): Buffer {
  const { count } = batch;
  if (count > MAX_READINGS) throw new RangeError(`${count} readings are too many for a segment`);
  const tail =
    batch.others.length + batch.gaps.length === 0
      ? Buffer.alloc(0)
      : serialize({ others: batch.others, gaps: batch.gaps });
  const writer = new Writer(64 + count * 32 + tail.length);
  writer.bytes[writer.at++] = VERSION;
  writer.varint(count);
  writer.varint(tail.length);
  writer.deltas(batch.tag, count, 1);
  writer.times(batch.time, count);
  writer.runs(batch.status, count);
  writer.runs(batch.kind, count);
  writer.numbers(batch);
  writer.bytes.set(tail, writer.at);
  writer.at += tail.length;
  return zstdCompressSync(writer.bytes.subarray(0, writer.at), COMPRESSION);
}

/** The batch of a payload. Throws on bytes that `encodeSegment` did not write; the caller has checked the CRC before. */
export function decodeSegment(payload: Uint8Array): Batch {
  const reader = new Reader(zstdDecompressSync(payload, { maxOutputLength: MAX_EXPANDED }));
  const version = reader.bytes[reader.at++];
  if (version !== VERSION) throw new RangeError(`segment version ${version} is not known`);
  const count = reader.varint();
  const tailLength = reader.varint();
  if (count > MAX_READINGS) throw new RangeError(`segment says that it has ${count} readings`);
  const tag = new Uint32Array(count);
  const time = new Float64Array(count);
  const status = new Uint32Array(count);
  const kind = new Uint8Array(count);
  const number = new Float64Array(count);
  reader.deltas(tag, 1);
  reader.times(time);
  reader.runs(status);
  reader.runs(kind);
  reader.numbers(kind, number);
  if (reader.at + tailLength !== reader.bytes.length) throw new RangeError('segment has another length than it says');
  const { others, gaps } = tailLength === 0 ? { others: [], gaps: [] } : readTail(reader.bytes.subarray(reader.at));
  return { count, tag, time, status, kind, number, others, gaps };
}

function readTail(bytes: Uint8Array): { others: Value[]; gaps: Gap[] } {
  const tail = deserialize(bytes) as { others?: unknown; gaps?: unknown } | null | undefined;
  if (!Array.isArray(tail?.others) || !Array.isArray(tail.gaps)) throw new RangeError('segment has another tail');
  return { others: tail.others, gaps: tail.gaps };
}

type Column = Uint8Array | Uint32Array | Float64Array;

/** The unit in which the column is exact: what a server sends that never set its clock needs the raw form. */
function timeUnit(time: Float64Array, count: number): number {
  let unit: number = TimeUnit.Milli;
  let last = time[0] as number;
  for (let i = 0; i < count; i++) {
    const value = time[i] as number;
    if (!Number.isSafeInteger(value) || Math.abs(value - last) > MAX_DELTA) return TimeUnit.Raw;
    if (value % TICKS_PER_MS !== 0) unit = TimeUnit.Tick;
    last = value;
  }
  return unit;
}

/** Bytes of a double or float, one plane per byte: the exponents of neighbouring readings compress, mantissas do not. */
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
const single = new Float32Array(1);
const singleBytes = new Uint8Array(single.buffer);

function countOf(kind: Uint8Array, count: number, wanted: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) if (kind[i] === wanted) found++;
  return found;
}

class Writer {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** A whole number from 0 to 2^53, seven bits a byte. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  double(value: number): void {
    double[0] = value;
    this.bytes.set(doubleBytes, this.at);
    this.at += 8;
  }

  times(column: Float64Array, count: number): void {
    const unit = timeUnit(column, count);
    this.bytes[this.at++] = unit === TimeUnit.Milli ? 2 : unit;
    if (unit === TimeUnit.Raw) for (let i = 0; i < count; i++) this.double(column[i] as number);
    else if (count > 0) {
      this.double(column[0] as number);
      this.deltas(column, count, unit, (column[0] as number) / unit);
    }
  }

  deltas(column: Column, count: number, unit: number, start = 0): void {
    let last = start;
    for (let i = 0; i < count; i++) {
      const value = (column[i] as number) / unit;
      const delta = value - last;
      this.varint(delta < 0 ? -2 * delta - 1 : 2 * delta);
      last = value;
    }
  }

  runs(column: Column, count: number): void {
    for (let i = 0; i < count; ) {
      const value = column[i] as number;
      let end = i + 1;
      while (end < count && column[end] === value) end++;
      this.varint(value);
      this.varint(end - i);
      i = end;
    }
  }

  numbers({ count, kind, number }: Batch): void {
    const doubles = countOf(kind, count, Kind.Number);
    const singles = countOf(kind, count, Kind.Float32);
    const doublesAt = this.at;
    const singlesAt = doublesAt + doubles * 8;
    this.at = singlesAt + singles * 4;
    let d = doublesAt;
    let s = singlesAt;
    for (let i = 0; i < count; i++) {
      switch (kind[i]) {
        case Kind.Number:
          double[0] = number[i] as number;
          for (let plane = 0; plane < 8; plane++) this.bytes[d + plane * doubles] = doubleBytes[plane] as number;
          d++;
          break;
        case Kind.Float32:
          single[0] = number[i] as number;
          for (let plane = 0; plane < 4; plane++) this.bytes[s + plane * singles] = singleBytes[plane] as number;
          s++;
          break;
        case Kind.Null:
          break;
        default:
          this.varint(number[i] as number);
      }
    }
  }
}

class Reader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError('segment ends early');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  double(): number {
    if (this.at + 8 > this.bytes.length) throw new RangeError('segment ends early');
    doubleBytes.set(this.bytes.subarray(this.at, this.at + 8));
    this.at += 8;
    return double[0] as number;
  }

  times(column: Float64Array): void {
    const unit = this.bytes[this.at++];
    if (unit === 0) for (let i = 0; i < column.length; i++) column[i] = this.double();
    else if (column.length > 0) {
      const ticks = unit === 2 ? TimeUnit.Milli : TimeUnit.Tick;
      this.deltas(column, ticks, this.double() / ticks);
    }
  }

  deltas(column: Column, unit: number, start = 0): void {
    let value = start;
    for (let i = 0; i < column.length; i++) {
      const coded = this.varint();
      value += coded % 2 === 1 ? -(coded + 1) / 2 : coded / 2;
      column[i] = value * unit;
    }
  }

  runs(column: Column): void {
    for (let i = 0; i < column.length; ) {
      const value = this.varint();
      const length = this.varint();
      if (length === 0 || i + length > column.length) throw new RangeError('segment has a run beyond its end');
      column.fill(value, i, i + length);
      i += length;
    }
  }

  numbers(kind: Uint8Array, number: Float64Array): void {
    const count = kind.length;
    const doubles = countOf(kind, count, Kind.Number);
    const singles = countOf(kind, count, Kind.Float32);
    let d = this.at;
    let s = d + doubles * 8;
    this.at = s + singles * 4;
    for (let i = 0; i < count; i++) {
      switch (kind[i]) {
        case Kind.Number:
          for (let plane = 0; plane < 8; plane++) doubleBytes[plane] = this.bytes[d + plane * doubles] as number;
          number[i] = double[0] as number;
          d++;
          break;
        case Kind.Float32:
          for (let plane = 0; plane < 4; plane++) singleBytes[plane] = this.bytes[s + plane * singles] as number;
          number[i] = single[0] as number;
          s++;
          break;
        case Kind.Null:
          break;
        default:
          number[i] = this.varint();
      }
    }
  }
}
