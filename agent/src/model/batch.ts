// A batch: readings in columns. It is the only currency between the rooms, from the adapter to the hub, and it
// crosses to the storage thread without a copy, so the hot path makes no object per reading.

import type { Gap } from './gap.ts';
import type { Stream } from './stream.ts';
import type { Timestamp } from './time.ts';

/** What a tag can hold. Integers beyond 2^53 are bigint. Arrays may nest (OPC UA matrices). */
export type Value = null | boolean | number | bigint | string | readonly Value[] | { readonly [key: string]: Value };

/** How the value of a reading is kept; see `Batch.number`. */
export const Kind = { Null: 0, Boolean: 1, Number: 2, Float32: 3, Other: 4 } as const;

/**
 * Invariants: all columns are at least `count` long; `number[i]` holds
 * 0 or 1 (Boolean), the number itself (Number; Float32 when the source's type has 32 bits, so that 12.31 is not
 * sent as 12.310000419616699), an index into `others` (Other: string, bigint, array, structure), 0 (Null).
 */
export interface Batch {
  readonly count: number;
  /** `Tag.index` of each reading. */
  readonly tag: Uint32Array;
  /** Source timestamps, see time.ts. */
  readonly time: Float64Array;
  /** OPC UA StatusCodes, see status.ts. */
  readonly status: Uint32Array;
  readonly kind: Uint8Array;
  readonly number: Float64Array;
  readonly others: readonly Value[];
  /** Gap records; they are numbered after the readings of their batch. */
  readonly gaps: readonly Gap[];
  /** The lane by which it is delivered; absent: live. Readings of the past must not hold up those of now. */
  readonly stream?: Stream;
}

const EMPTY = {
  tag: new Uint32Array(0),
  time: new Float64Array(0),
  status: new Uint32Array(0),
  kind: new Uint8Array(0),
  number: new Float64Array(0),
};

/** A batch that carries gap records only. */
export function gapBatch(gaps: readonly Gap[]): Batch {
  return { count: 0, ...EMPTY, others: [], gaps };
}

/** The value of reading `i`. */
export function valueAt(batch: Batch, i: number): Value {
  const number = batch.number[i] as number;
  switch (batch.kind[i]) {
    case Kind.Boolean:
      return number !== 0;
    case Kind.Number:
    case Kind.Float32:
      return number;
    case Kind.Other:
      return batch.others[number] ?? null;
    default:
      return null;
  }
}

/** Numbered entries in a batch: readings and gap records. */
export function entries(batch: Batch): number {
  return batch.count + batch.gaps.length;
}

/** Entries `from` to `to` (not included) of a batch, without copying columns. `others` is shared whole. */
export function slice(batch: Batch, from: number, to: number): Batch {
  const { count, others, stream } = batch;
  const start = Math.min(from, count);
  const end = Math.min(to, count);
  return {
    count: end - start,
    tag: batch.tag.subarray(start, end),
    time: batch.time.subarray(start, end),
    status: batch.status.subarray(start, end),
    kind: batch.kind.subarray(start, end),
    number: batch.number.subarray(start, end),
    others,
    gaps: batch.gaps.slice(Math.max(0, from - count), Math.max(0, to - count)),
    ...(stream && { stream }),
  };
}

/** About the memory of a batch in bytes: its columns, and what its strings, arrays and structures hold. */
export function bytesOf(batch: Batch): number {
  let bytes = batch.tag.length * 25 + batch.gaps.length * 128;
  for (const value of batch.others) bytes += bytesOfValue(value);
  return bytes;
}

/** About the memory of a string, array or structure in bytes. */
export function bytesOfValue(value: Value): number {
  if (typeof value === 'string') return 32 + 2 * value.length;
  if (typeof value !== 'object' || value === null) return 16;
  let bytes = 64;
  if (Array.isArray(value)) for (const member of value) bytes += bytesOfValue(member);
  else for (const [key, member] of Object.entries(value)) bytes += bytesOfValue(key) + bytesOfValue(member);
  return bytes;
}

/** Collects readings into a batch. Columns double when they are full; `take` hands them over and starts anew. */
export class BatchBuilder {
  #count = 0;
  #tag: Uint32Array<ArrayBuffer>;
  #time: Float64Array<ArrayBuffer>;
  #status: Uint32Array<ArrayBuffer>;
  #kind: Uint8Array<ArrayBuffer>;
  #number: Float64Array<ArrayBuffer>;
  #others: Value[] = [];
  #gaps: Gap[] = [];

  constructor(capacity = 64) {
    const size = Math.max(1, capacity);
    this.#tag = new Uint32Array(size);
    this.#time = new Float64Array(size);
    this.#status = new Uint32Array(size);
    this.#kind = new Uint8Array(size);
    this.#number = new Float64Array(size);
  }

  /** Readings collected so far. */
  get count(): number {
    return this.#count;
  }

  /** Adds a reading whose value is a number, boolean or absent: the hot path. `number` is as `Batch.number` says. */
  push(tag: number, time: Timestamp, status: number, kind: number, number: number): void {
    const i = this.#count;
    if (i === this.#tag.length) this.#grow();
    this.#tag[i] = tag;
    this.#time[i] = time;
    this.#status[i] = status;
    this.#kind[i] = kind;
    this.#number[i] = number;
    this.#count = i + 1;
  }

  /** Adds a reading of any value. @param float32 the source's type is a 32-bit float */
  add(tag: number, time: Timestamp, status: number, value: Value, float32 = false): void {
    if (typeof value === 'number') this.push(tag, time, status, float32 ? Kind.Float32 : Kind.Number, value);
    else if (typeof value === 'boolean') this.push(tag, time, status, Kind.Boolean, value ? 1 : 0);
    else if (value === null) this.push(tag, time, status, Kind.Null, 0);
    else this.push(tag, time, status, Kind.Other, this.#others.push(value) - 1);
  }

  /** Adds reading `i` of another batch, as a reading of `tag`. */
  copy(from: Batch, i: number, tag: number = from.tag[i] as number): void {
    const kind = from.kind[i] as number;
    const number = from.number[i] as number;
    const value = kind === Kind.Other ? this.#others.push(from.others[number] as Value) - 1 : number;
    this.push(tag, from.time[i] as number, from.status[i] as number, kind, value);
  }

  gap(gap: Gap): void {
    this.#gaps.push(gap);
  }

  /** The batch so far; the builder is empty afterwards and keeps no reference to it. */
  take(stream?: Stream): Batch {
    const batch = {
      count: this.#count,
      tag: this.#tag,
      time: this.#time,
      status: this.#status,
      kind: this.#kind,
      number: this.#number,
      others: this.#others,
      gaps: this.#gaps,
      ...(stream && { stream }),
    };
    const size = Math.max(64, this.#count);
    this.#tag = new Uint32Array(size);
    this.#time = new Float64Array(size);
    this.#status = new Uint32Array(size);
    this.#kind = new Uint8Array(size);
    this.#number = new Float64Array(size);
    this.#others = [];
    this.#gaps = [];
    this.#count = 0;
    return batch;
  }

  #grow(): void {
    const size = this.#tag.length * 2;
    this.#tag = grown(new Uint32Array(size), this.#tag);
    this.#time = grown(new Float64Array(size), this.#time);
    this.#status = grown(new Uint32Array(size), this.#status);
    this.#kind = grown(new Uint8Array(size), this.#kind);
    this.#number = grown(new Float64Array(size), this.#number);
  }
}

function grown<T extends Uint8Array | Uint32Array | Float64Array>(into: T, from: T): T {
  into.set(from);
  return into;
}
