// Values straight from the bytes of a message into a batch: the hot path, without an object per value, and with the
// StatusCode as it came (node-opcua makes plain Bad of every code that it does not know, so a vendor's own sub-code
// would be lost). Scalars are decoded here, whatever is unusual by the library.
//
// The library decodes a message whole before anybody sees it. For the three types that carry values this is put off:
// their list is decoded by the library when somebody asks for it, as before, and `rawValues` tells where its bytes are.

import { DataChangeNotification, HistoryData, ReadResponse, Variant } from 'node-opcua-client';
import { type BatchBuilder, Kind, type Value } from '../../../model/batch.ts';
import { describe, Fault } from '../../../model/fault.ts';
import { isBad } from '../../../model/status.ts';
import { fromMillis, now, type Timestamp } from '../../../model/time.ts';
import { Undecodable, type ValueTypes, valueIn } from './values.ts';

/** The library's reader of bytes, which is not exported under a name of its own. */
interface Stream {
  readonly buffer: Buffer;
  /** Position of the next byte. */
  length: number;
}

type Decodable = { decode(stream: Stream): void };

/** Where a list of values begins: its length (Int32) comes first. */
export interface RawList {
  readonly stream: Stream;
  readonly at: number;
}

const lists = new WeakMap<object, RawList>();

/** Where the values of such a message are; undefined for one that was not received. */
export const rawValues = (message: DataChangeNotification | ReadResponse | HistoryData): RawList | undefined =>
  lists.get(message);

/** Puts off the decoding of `list`, which ends where `end` says. */
function later<T extends object>(
  type: { prototype: T },
  list: keyof T & string,
  end: (stream: Stream) => number,
): void {
  const prototype = type.prototype as unknown as Decodable;
  const whole = prototype.decode;
  prototype.decode = function (this: T, stream) {
    const head = this as { responseHeader?: Decodable };
    const start = stream.length;
    head.responseHeader?.decode(stream);
    const at = stream.length;
    const until = head.responseHeader === undefined ? end(stream) : stream.buffer.length;
    if (until < at || until > stream.buffer.length) throw new RangeError('a message is longer than its bytes');
    lists.set(this, { stream, at });
    let decoded: unknown;
    Object.defineProperty(this, list, {
      configurable: true,
      enumerable: true,
      get: () => {
        if (decoded === undefined) {
          const copy = Reflect.construct(type as unknown as new (options: null) => object, [null]) as Decodable;
          stream.length = start;
          whole.call(copy, stream);
          decoded = (copy as unknown as Record<string, unknown>)[list] ?? null;
        }
        return decoded;
      },
      set: (value: unknown) => {
        decoded = value;
      },
    });
    stream.length = until;
  };
}

/** An ExtensionObject's length stands before its body (OPC 10000-6 section 5.2.2.15). */
const bodyEnd = ({ buffer, length }: Stream) => length + buffer.readInt32LE(length - 4);

later(DataChangeNotification, 'monitoredItems', bodyEnd);
later(HistoryData, 'dataValues', bodyEnd);
later(ReadResponse, 'results', ({ buffer }) => buffer.length);

/** 1601-01-01 to 2020-01-01 in 100-ns ticks, as the two halves of an Int64. */
const EPOCH = BigInt(Date.UTC(2020, 0, 1) + 11_644_473_600_000) * 10_000n;
const EPOCH_HIGH = Number(EPOCH >> 32n);
const EPOCH_LOW = Number(EPOCH & 0xffff_ffffn);
const HIGH = 0x1_0000_0000;

/** Encoding mask of a DataValue (OPC 10000-6 section 5.2.2.17). */
const HAS_VALUE = 0x01;
const HAS_STATUS = 0x02;
const HAS_SOURCE_TIME = 0x04;
const HAS_SERVER_TIME = 0x08;
const HAS_SOURCE_PICOSECONDS = 0x10;
const HAS_SERVER_PICOSECONDS = 0x20;

const NO_TIME = Number.NEGATIVE_INFINITY;
/** The latest DateTime there is (OPC 10000-6 section 5.2.2.5). */
const LATEST = fromMillis(Date.UTC(9999, 11, 31, 23, 59, 59));

/** What a message does not hold that it should is its server's fault: a Fault `source.protocol` from whatever was thrown. */
export const undecodable = (error: unknown): Fault =>
  error instanceof Fault ? error : new Fault('source.protocol', `a value cannot be decoded: ${describe(error)}`, error);

/** Reads values one after the other; what `next` read is in the fields. Throws a RangeError where the bytes end. */
export class ValueReader {
  /** Values in the list. */
  readonly count: number;
  /** When the source made the value, else when the server last saw it, else the gateway's clock (OPC 10000-4 section 7.11). */
  time: Timestamp = 0;
  status = 0;
  /** As `Batch.kind` and `Batch.number`; `other` holds the value when the kind is Other. */
  kind: number = Kind.Null;
  number = 0;
  other: Value = null;
  readonly #stream: Stream;
  readonly #view: DataView;
  readonly #types: ValueTypes | undefined;
  /** Of a value that cannot be decoded. */
  #refusal = 0;
  #at: number;

  /** @param types decode structures; one that they cannot decode is a Bad reading */
  constructor({ stream, at }: RawList, types?: ValueTypes) {
    this.#types = types;
    this.#stream = stream;
    this.#view = new DataView(stream.buffer.buffer, stream.buffer.byteOffset, stream.buffer.byteLength);
    this.count = Math.max(0, this.#view.getInt32(at, true));
    this.#at = at + 4;
  }

  /** The client handle in front of a value of a notification. */
  handle(): number {
    const handle = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return handle;
  }

  next(): void {
    const view = this.#view;
    const mask = view.getUint8(this.#at++);
    this.kind = Kind.Null;
    this.number = 0;
    this.#refusal = 0;
    if (mask & HAS_VALUE) this.#variant();
    this.status = 0;
    if (mask & HAS_STATUS) {
      this.status = view.getUint32(this.#at, true);
      this.#at += 4;
    }
    let time = NO_TIME;
    if (mask & HAS_SOURCE_TIME) time = this.#dateTime();
    if (mask & HAS_SOURCE_PICOSECONDS) this.#at += 2;
    if (mask & HAS_SERVER_TIME) {
      const server = this.#dateTime();
      if (time === NO_TIME) time = server;
    }
    if (mask & HAS_SERVER_PICOSECONDS) this.#at += 2;
    this.time = time === NO_TIME ? now() : time;
    if (this.#refusal !== 0 && !isBad(this.status)) this.status = this.#refusal;
    // The value that a server may send with a Bad status is not to be used (OPC 10000-4 section 7.11.3).
    if (isBad(this.status)) {
      this.kind = Kind.Null;
      this.number = 0;
    }
  }

  /** Adds what `next` read as a reading of `tag`. */
  push(into: BatchBuilder, tag: number): void {
    if (this.kind === Kind.Other) into.add(tag, this.time, this.status, this.other);
    else into.push(tag, this.time, this.status, this.kind, this.number);
  }

  /** An Int64 of ticks since 1601; 0 and before means "no time" (OPC 10000-6 section 5.2.2.5). */
  #dateTime(): Timestamp {
    const low = this.#view.getUint32(this.#at, true);
    const high = this.#view.getInt32(this.#at + 4, true);
    this.#at += 8;
    if (high < 0 || (high === 0 && low === 0)) return NO_TIME;
    return Math.min(LATEST, (high - EPOCH_HIGH) * HIGH + (low - EPOCH_LOW));
  }

  #variant(): void {
    const view = this.#view;
    const at = this.#at;
    const type = view.getUint8(at);
    this.kind = Kind.Number;
    switch (type) {
      case 1:
        this.kind = Kind.Boolean;
        this.number = view.getUint8(at + 1) === 0 ? 0 : 1;
        this.#at = at + 2;
        return;
      case 2:
        this.number = view.getInt8(at + 1);
        this.#at = at + 2;
        return;
      case 3:
        this.number = view.getUint8(at + 1);
        this.#at = at + 2;
        return;
      case 4:
        this.number = view.getInt16(at + 1, true);
        this.#at = at + 3;
        return;
      case 5:
        this.number = view.getUint16(at + 1, true);
        this.#at = at + 3;
        return;
      case 6:
        this.number = view.getInt32(at + 1, true);
        this.#at = at + 5;
        return;
      case 7:
        this.number = view.getUint32(at + 1, true);
        this.#at = at + 5;
        return;
      case 10:
        this.kind = Kind.Float32;
        this.number = view.getFloat32(at + 1, true);
        this.#at = at + 5;
        return;
      case 11:
        this.number = view.getFloat64(at + 1, true);
        this.#at = at + 9;
        return;
      default:
        this.#unusual(at);
    }
  }

  /** Whatever is no plain number, by the library. */
  #unusual(at: number): void {
    const variant = new Variant();
    this.#stream.length = at;
    (variant as unknown as Decodable).decode(this.#stream);
    this.#at = this.#stream.length;
    let value: Value = null;
    try {
      value = valueIn(variant, this.#types);
    } catch (error) {
      if (!(error instanceof Undecodable)) throw error;
      this.#refusal = error.status;
    }
    if (typeof value === 'number') {
      this.number = value;
    } else if (value === null) {
      this.kind = Kind.Null;
      this.number = 0;
    } else {
      this.kind = Kind.Other;
      this.other = value;
    }
  }
}

/** Structures in structures are learned one round after the other; deeper than this none is. */
const ROUNDS = 32;

/** A reader at the beginning of a list, when every type in it that can be learned is known. */
export async function learned(
  list: RawList,
  types: ValueTypes & { readonly wanting: boolean; learn(): Promise<void> },
): Promise<ValueReader> {
  for (let round = 0; round < ROUNDS; round++) {
    try {
      const values = new ValueReader(list, types);
      for (let i = 0; i < values.count; i++) values.next();
    } catch (error) {
      throw undecodable(error);
    }
    if (!types.wanting) break;
    await types.learn();
  }
  return new ValueReader(list, types);
}
