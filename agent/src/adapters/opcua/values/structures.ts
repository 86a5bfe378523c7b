// Structures by the description that their server gives of them (OPC 10000-6 section 5.2.6 and 5.2.7): bytes in, a value
// out. The description and the bytes are the server's, so neither is trusted: depth, counts and work are bounded by the
// number of bytes, and whatever does not fit to the last byte is refused.

import { BinaryStream } from 'node-opcua-binary-stream';
import { Variant } from 'node-opcua-client';
import type { Value } from '../../../model/batch.ts';

/** What is known of a data type. */
export type Known =
  /** Encoded as this built-in type (OPC 10000-6 section 5.1.2). */
  | { readonly kind: 'built-in'; readonly id: number }
  | {
      readonly kind: 'structure' | 'optional' | 'union';
      readonly name: string;
      readonly fields: readonly StructureField[];
    }
  /** As a type dictionary tells it: what it consists of, piece by piece (OPC 10000-3 Annex C). */
  | { readonly kind: 'pieces'; readonly name: string; readonly isUnion: boolean; readonly pieces: readonly Piece[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** One field of a type dictionary. */
export interface Piece {
  readonly name: string;
  /** Its type, as text; `bits` says that it is so many bits instead, least significant first. */
  readonly type: string;
  readonly bits?: number;
  /** It is an array: of so many elements, or of as many as that field said before. */
  readonly count?: number | string;
  /** It is there only when that field said so before. */
  readonly when?: { readonly field: string; readonly operand: Operand; readonly value: number };
  /** It says how the others are to be read, and is no value by itself. */
  readonly hidden: boolean;
}

export type Operand = 'Equals' | 'NotEqual' | 'GreaterThan' | 'GreaterThanOrEqual' | 'LessThan' | 'LessThanOrEqual';

export interface StructureField {
  readonly name: string;
  /** Id of its data type, as text. */
  readonly type: string;
  /** Below 1: a scalar; 1: an array; more: a matrix. */
  readonly rank: number;
  /** Only in structures with optional fields. */
  readonly optional: boolean;
}

/** Deeper than this no structure of a plant is nested. */
const DEEPEST = 32;

/** Values for each byte, before it is taken for an attack: structures of nothing in arrays of them. */
const EFFORT = 4;

const ARRAY = 0x80;
const VARIANT = 24;

/**
 * @param type of the structure, @param look resolves the types of its fields
 * @param plain the value of a variant; @throws an Error that says what does not fit
 */
export function decodeStructure(
  type: Known,
  body: Buffer,
  look: (type: string) => Known | undefined,
  plain: (variant: Variant) => Value,
): Value {
  // One byte before each field says its type, so that the library reads it as it reads a Variant.
  const bytes = Buffer.concat([Buffer.alloc(1), body]);
  const stream = new BinaryStream(bytes);
  stream.length = 1;
  let effort = EFFORT * bytes.length + 1_000;

  const spend = () => {
    effort -= 1;
    if (effort < 0) throw new RangeError('it holds more values than bytes');
  };
  const count = () => {
    const length = stream.readInteger();
    if (length > bytes.length - stream.length + effort) throw new RangeError('an array is longer than its bytes');
    return length;
  };

  function builtIn(id: number, array: boolean): Value {
    spend();
    const variant = new Variant();
    const at = stream.length;
    // A Variant is its own type byte.
    if (id !== VARIANT || array) {
      const before = bytes[at - 1] as number;
      bytes[at - 1] = id | (array ? ARRAY : 0);
      stream.length = at - 1;
      variant.decode(stream);
      bytes[at - 1] = before;
    } else variant.decode(stream);
    if (stream.length > bytes.length) throw new RangeError('it ends before its last field');
    return plain(variant);
  }

  function scalar(known: Known, depth: number): Value {
    return known.kind === 'built-in' ? builtIn(known.id, false) : whole(known, depth + 1);
  }

  function elements(known: Known, length: number, depth: number): Value[] {
    return Array.from({ length: Math.max(0, length) }, () => scalar(known, depth));
  }

  function field({ name, type, rank }: StructureField, depth: number): Value {
    const known = look(type);
    if (known === undefined) throw new RangeError(`the type of its field ${name} is not known`);
    if (known.kind === 'failed') throw new RangeError(`its field ${name}: ${known.reason}`);
    if (rank < 1) return scalar(known, depth);
    if (rank === 1 && known.kind === 'built-in') return builtIn(known.id, true);
    if (rank === 1) {
      const length = count();
      return length < 0 ? null : elements(known, length, depth);
    }
    // Dimensions first, then the elements one after the other (OPC 10000-6 section 5.2.5).
    const dimensions = Array.from({ length: Math.max(0, Math.min(rank, count())) }, () => Math.max(0, count()));
    const product = dimensions.reduce((all, one) => all * one, 1);
    if (product > bytes.length + effort) throw new RangeError('a matrix is larger than its bytes');
    return nested(elements(known, dimensions.length === 0 ? 0 : product, depth), dimensions);
  }

  /** The pieces of a type dictionary, one after the other; those that are values are told. */
  function piecewise(pieces: readonly Piece[], depth: number, tell: (name: string, value: Value) => void): void {
    const said = new Map<string, Value>();
    let byte = 0;
    let used = 0;
    const bits = (length: number): number => {
      let number = 0;
      for (let i = 0; i < length; i++, used = (used + 1) % 8) {
        if (used === 0) {
          spend();
          byte = stream.readUInt8();
        }
        number += ((byte >> used) & 1) * 2 ** i;
      }
      return number;
    };
    const one = (piece: Piece): Value => {
      if (piece.bits === 1) return bits(1) === 1;
      if (piece.bits !== undefined) return bits(piece.bits);
      used = 0;
      const known = look(piece.type);
      if (known === undefined) throw new RangeError(`the type of its field ${piece.name} is not known`);
      if (known.kind === 'failed') throw new RangeError(`its field ${piece.name}: ${known.reason}`);
      return scalar(known, depth);
    };
    for (const piece of pieces) {
      const { name, count, when, hidden } = piece;
      if (when !== undefined && !holds(said.get(when.field), when)) continue;
      let value: Value;
      if (count === undefined) value = one(piece);
      else {
        const length = typeof count === 'number' ? count : Number(said.get(count) ?? Number.NaN);
        if (!(length <= bytes.length - stream.length + effort))
          throw new RangeError('an array is longer than its bytes');
        value = length < 0 ? null : Array.from({ length }, () => one(piece));
      }
      if (count === undefined) said.set(name, value);
      if (!hidden) tell(name, value);
    }
  }

  function whole(known: Known, depth: number): Value {
    spend();
    if (depth > DEEPEST) throw new RangeError('it is nested too deep');
    if (known.kind === 'failed') throw new RangeError(known.reason);
    if (known.kind === 'built-in') return builtIn(known.id, false);
    const value: Record<string, Value> = {};
    // A name like __proto__ is a name like any other.
    const set = (name: string, content: Value) =>
      Object.defineProperty(value, name, { value: content, enumerable: true, configurable: true, writable: true });
    if (known.kind === 'pieces') {
      let some = false;
      piecewise(known.pieces, depth, (name, content) => {
        some = true;
        set(name, content);
      });
      return known.isUnion && !some ? null : value;
    }
    if (known.kind === 'union') {
      const chosen = stream.readUInt32();
      if (chosen === 0) return null;
      const one = known.fields[chosen - 1];
      if (one === undefined) throw new RangeError(`it chooses field ${chosen} of ${known.fields.length}`);
      set(one.name, field(one, depth));
      return value;
    }
    const mask = known.kind === 'optional' ? stream.readUInt32() : 0;
    let bit = 0;
    for (const one of known.fields) {
      if (known.kind === 'optional' && one.optional && ((mask >>> bit++) & 1) === 0) continue;
      set(one.name, field(one, depth));
    }
    return value;
  }

  const value = whole(type, 0);
  if (stream.length !== bytes.length) {
    throw new RangeError(`${bytes.length - stream.length} of its ${body.length} bytes are left over`);
  }
  return value;
}

/** Cuts a flat list, last dimension fastest, into nested arrays; a list that does not fit its dimensions stays flat. */
export function nested(flat: readonly Value[], dimensions: readonly number[]): Value {
  if (dimensions.reduce((product, n) => product * n, 1) !== flat.length) return flat;
  let level: readonly Value[] = flat;
  for (let i = dimensions.length - 1; i > 0; i -= 1) {
    const width = dimensions[i] as number;
    if (width === 0) return [];
    const rows: Value[] = [];
    for (let at = 0; at < level.length; at += width) rows.push(level.slice(at, at + width));
    level = rows;
  }
  return level;
}

/** Whether what a field said fulfils the condition of another one; what was not said does not. */
function holds(said: Value | undefined, { operand, value }: NonNullable<Piece['when']>): boolean {
  if (said === undefined || said === null) return false;
  const number = Number(said);
  switch (operand) {
    case 'Equals':
      return number === value;
    case 'NotEqual':
      return number !== value;
    case 'GreaterThan':
      return number > value;
    case 'GreaterThanOrEqual':
      return number >= value;
    case 'LessThan':
      return number < value;
    case 'LessThanOrEqual':
      return number <= value;
  }
}
