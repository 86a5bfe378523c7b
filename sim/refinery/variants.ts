// Values of the plant as OPC UA variants, without the library's checks: the types come from our own list of tags.

import { DataType, DataValue, LocalizedText, type StatusCode, Variant, VariantArrayType } from 'node-opcua-client';
import type { Signal, SignalType } from './signals.ts';

/** What can be written to a tag of the simulator; null stands for no value. */
export type TagValue = number | bigint | boolean | string | Date | Buffer | null | readonly TagValue[];

const TYPED = {
  SByte: Int8Array,
  Byte: Uint8Array,
  Int16: Int16Array,
  UInt16: Uint16Array,
  Int32: Int32Array,
  UInt32: Uint32Array,
  Float: Float32Array,
  Double: Float64Array,
} as const;

/** The variant of a value; a value whose kind does not fit the signal's type is a mistake of the caller and throws. */
function variantOf(signal: Signal, value: TagValue): Variant {
  const variant = new Variant(null);
  if (value === null) return variant;
  variant.dataType = DataType[signal.type];
  if (Array.isArray(value) !== (signal.length !== undefined)) throw new TypeError(`${signal.name}: array or not?`);
  if (Array.isArray(value)) {
    variant.arrayType = VariantArrayType.Array;
    const typed = TYPED[signal.type as keyof typeof TYPED];
    const elements = value.map((element: TagValue) => scalar(signal.type, element));
    variant.value = typed ? typed.from(elements as number[]) : elements;
  } else variant.value = scalar(signal.type, value);
  return variant;
}

/** A value with its status and both timestamps (ms precision), as the server keeps it. */
export function dataValueOf(signal: Signal, value: TagValue, status: StatusCode, time: Date): DataValue {
  const dataValue = new DataValue(null);
  dataValue.value = variantOf(signal, value);
  dataValue.statusCode = status;
  dataValue.sourceTimestamp = time;
  dataValue.serverTimestamp = time;
  return dataValue;
}

function scalar(type: SignalType, value: TagValue): unknown {
  switch (type) {
    case 'Int64':
    case 'UInt64': {
      const bits = BigInt.asUintN(64, BigInt(value as number | bigint));
      return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)];
    }
    case 'Float':
      return Math.fround(Number(value));
    case 'DateTime':
      return value instanceof Date ? value : new Date(Number(value));
    case 'ByteString':
      return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
    case 'LocalizedText': {
      const text = new LocalizedText(null);
      text.locale = 'en';
      text.text = String(value);
      return text;
    }
    case 'Boolean':
      return Boolean(value);
    case 'String':
    case 'Guid':
      return String(value);
    default:
      return Number(value);
  }
}
