// OPC UA values (OPC 10000-6 section 5.1.2) as the gateway's values: exact for every built-in type, arrays and matrices nested,
// structures as JSON objects by the types that are known of the server.

import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua-client';
import { NodeId } from 'node-opcua-nodeid';
import type { Value } from '../../../model/batch.ts';
import { statusName } from '../../../model/status.ts';
import { fromMillis, type Timestamp } from '../../../model/time.ts';
import { nested } from './structures.ts';

/** Structures deeper than this end in null: a JSON reader downstream may not stand more. */
const DEEPEST = 32;

/** Picoseconds in 100 ns. */
const TICK = 100_000;

const NO_TIME_MS = Date.UTC(1601, 0, 1);
/** The latest DateTime there is (OPC 10000-6 section 5.2.2.5). */
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
/** Where the Int64 of ticks turns negative: the library takes it for unsigned, and negative ones for the far future. */
const NEGATIVE_MS = NO_TIME_MS + 922_337_203_685_477;
const NEGATIVE_TICKS = 5_808;

/** Decodes structures by the types of a server. */
export interface ValueTypes {
  /** @throws Undecodable when the type is not known, or the bytes do not fit it */
  decode(encoding: NodeId, body: Buffer, plain: (variant: Variant) => Value): Value;
}

/** A value that cannot be decoded, with the status that its reading gets. */
export class Undecodable extends Error {
  readonly status: number;

  constructor(status: number) {
    super('a value cannot be decoded');
    this.status = status;
  }
}

/** Where in a value: how deep, and whose types it is of. */
interface Place {
  readonly depth: number;
  readonly types: ValueTypes | undefined;
}

const below = ({ depth, types }: Place): Place => ({ depth: depth + 1, types });

/**
 * The value of a variant.
 * @param types of the server; without them a structure of a type of its own is its id and its bytes
 * @throws Undecodable when they do not know a type, or a value does not fit it
 */
export function valueIn(variant: Variant, types?: ValueTypes): Value {
  return variantValue(variant, { depth: 0, types });
}

/** The instant in a variant, as exact as the gateway's timestamps are; undefined when there is none. */
export function timeIn({ dataType, value }: Variant): Timestamp | undefined {
  const at = dataType === DataType.DateTime && value instanceof Date ? instantOf(value) : undefined;
  return at && fromMillis(at.ms, at.ticks);
}

/** A DateTime in ms and 100 ns. 1601 and before mean "no time", and nothing is later than the year 9999. */
function instantOf(date: Date): { readonly ms: number; readonly ticks: number } | undefined {
  const ms = date.getTime();
  const { picoseconds = 0 } = date as { picoseconds?: number };
  const ticks = Math.floor(picoseconds / TICK);
  if (Number.isNaN(ms) || ms < NO_TIME_MS || (ms === NO_TIME_MS && ticks === 0)) return undefined;
  if (ms > NEGATIVE_MS || (ms === NEGATIVE_MS && ticks >= NEGATIVE_TICKS)) return undefined;
  return ms >= LATEST_MS ? { ms: LATEST_MS, ticks: 0 } : { ms, ticks };
}

function variantValue(variant: Variant, at: Place): Value {
  const { dataType, value } = variant;
  if (dataType === DataType.Null || value === null || value === undefined) return null;
  if (variant.arrayType === VariantArrayType.Scalar) return scalar(dataType, value, at);
  const elements = Array.from(value as ArrayLike<unknown>, (element) => scalar(dataType, element, at));
  if (variant.arrayType !== VariantArrayType.Matrix || !variant.dimensions) return elements;
  return nested(elements, variant.dimensions);
}

function scalar(type: DataType, value: unknown, at: Place): Value {
  if (value === null || value === undefined) return null;
  switch (type) {
    case DataType.Int64:
    case DataType.UInt64:
      return integer(value as readonly [number, number], type === DataType.Int64);
    case DataType.DateTime:
      return dateTime(value as Date);
    case DataType.ByteString:
      return (value as Buffer).toString('base64');
    case DataType.StatusCode:
      return statusName((value as { value: number }).value);
    case DataType.LocalizedText:
      return (value as { text: string | null }).text ?? null;
    case DataType.NodeId:
    case DataType.ExpandedNodeId:
      return nodeId(value as NodeId);
    case DataType.QualifiedName:
      return String(value);
    case DataType.DiagnosticInfo:
      return diagnosticInfo(value as Diagnostics, at);
    case DataType.Variant:
      return at.depth < DEEPEST ? variantValue(value as Variant, below(at)) : null;
    case DataType.DataValue: {
      const inner = value as DataValue;
      const time = inner.sourceTimestamp && dateTime(inner.sourceTimestamp);
      return { value: variantValue(inner.value, below(at)), status: statusName(inner.statusCode.value), time };
    }
    default:
      return typeof value === 'object' ? structure(value, at) : (value as Value);
  }
}

/** As OPC 10000-6 section 5.1.12 writes it: `svr=1;nsu=urn:x;s=A`. */
function nodeId(id: NodeId & { readonly namespaceUri?: string | null; readonly serverIndex?: number }): string {
  const { identifierType, value, namespace, namespaceUri, serverIndex } = id;
  const bare = String(new NodeId(identifierType, value, namespace)).replace(/^ns=\d+;/, '');
  const place = namespaceUri ? `nsu=${namespaceUri};` : namespace === 0 ? '' : `ns=${namespace};`;
  return `${serverIndex ? `svr=${serverIndex};` : ''}${place}${bare}`;
}

interface Diagnostics {
  readonly symbolicId: number;
  readonly namespaceUri: number;
  readonly locale: number;
  readonly localizedText: number;
  readonly additionalInfo: string | null;
  readonly innerStatusCode: { readonly value: number };
  readonly innerDiagnosticInfo: Diagnostics | null;
}

/** What it says; -1 stands for nothing (OPC 10000-6 section 5.2.2.12). */
function diagnosticInfo(given: Diagnostics, at: Place): Value {
  if (at.depth >= DEEPEST) return null;
  const { symbolicId, namespaceUri, locale, localizedText, additionalInfo, innerStatusCode: status } = given;
  const inner = given.innerDiagnosticInfo;
  return {
    ...(symbolicId >= 0 && { SymbolicId: symbolicId }),
    ...(namespaceUri >= 0 && { NamespaceUri: namespaceUri }),
    ...(locale >= 0 && { Locale: locale }),
    ...(localizedText >= 0 && { LocalizedText: localizedText }),
    ...(additionalInfo !== null && { AdditionalInfo: additionalInfo }),
    ...(status.value !== 0 && { InnerStatusCode: statusName(status.value) }),
    ...(inner && { InnerDiagnosticInfo: diagnosticInfo(inner, below(at)) }),
  };
}

/** 64 bits, which node-opcua gives as [high, low]: a number while exact, otherwise a bigint. */
function integer([high, low]: readonly [number, number], signed: boolean): Value {
  const upper = signed ? high | 0 : high >>> 0;
  const exact = upper * 0x1_0000_0000 + (low >>> 0);
  if (Number.isSafeInteger(exact)) return exact;
  return (BigInt(upper) << 32n) | BigInt(low >>> 0);
}

/** ISO 8601 with three decimals, or seven where there is more: exact, however far the year. */
function dateTime(date: Date): Value {
  const at = instantOf(date);
  if (at === undefined) return null;
  const text = new Date(at.ms).toISOString();
  return at.ticks === 0 ? text : `${text.slice(0, -1)}${String(at.ticks).padStart(4, '0')}Z`;
}

interface Field {
  readonly name: string;
  readonly fieldType: string;
}

/** A structure by the fields of its type; one whose type the gateway does not know as its id and its bytes. */
function structure(value: object, at: Place): Value {
  if (at.depth >= DEEPEST) return null;
  const { nodeId, buffer, schema } = value as { nodeId?: unknown; buffer?: unknown; schema?: { fields: Field[] } };
  if (Buffer.isBuffer(buffer) && at.types !== undefined) {
    const deeper = below(at);
    return at.types.decode(nodeId as NodeId, buffer, (variant) => variantValue(variant, deeper));
  }
  if (Buffer.isBuffer(buffer)) return { typeId: String(nodeId), body: buffer.toString('base64') };
  const types = new Map(schema?.fields.map((field) => [lowerFirst(field.name), field.fieldType]));
  const fields: Record<string, Value> = {};
  for (const [name, content] of Object.entries(value)) fields[name] = field(types.get(name), content, below(at));
  return fields;
}

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

function field(type: string | undefined, value: unknown, at: Place): Value {
  if (value === null || value === undefined || typeof value === 'function' || typeof value === 'symbol') return null;
  if (type === 'Int64' || type === 'UInt64') {
    const one = value as readonly unknown[];
    if (typeof one[0] === 'number') return integer(one as unknown as [number, number], type === 'Int64');
    return one.map((element) => integer(element as [number, number], type === 'Int64'));
  }
  if (typeof value !== 'object') return value as Value;
  if (value instanceof Date) return dateTime(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (Array.isArray(value)) return value.map((element) => field(type, element, below(at)));
  const built = type === undefined ? undefined : DataType[type as keyof typeof DataType];
  return built === undefined || built === DataType.ExtensionObject ? structure(value, at) : scalar(built, value, at);
}
