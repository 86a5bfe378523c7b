// A type dictionary (OPC 10000-3 Annex C, OPC Binary), by which servers of OPC UA 1.03 and before describe their
// structures: XML in, types out. The document is the server's and is not trusted: no DTD, no entities of its own, bounded
// in size, in depth and in what is kept of it, and read in slices between which others have their turn.

import { setImmediate as othersTurn } from 'node:timers/promises';
import { DataType } from 'node-opcua-client';
import type { SAXOptions } from 'sax';
import type { Known, Operand, Piece } from './structures.ts';

/** A type that cannot be learned, for a reason that a person can read. */
export class NotDescribed extends Error {}

export interface Dictionary {
  readonly namespace: string;
  /** Namespaces that its types refer to. */
  readonly imports: readonly string[];
  /** By name. Fields refer to types by `namespace#name`, to those of the same dictionary by its own name. */
  readonly types: ReadonlyMap<string, Known>;
  /** Fields of all types. */
  readonly fields: number;
}

/** Elements within each other, and characters that are read at a time. */
const DEEPEST = 16;
const SLICE = 65_536;
/** Bits in one piece: more are no number. */
const MOST_BITS = 52;
/** Elements of an array that the dictionary itself fixes. */
const LONGEST = 65_536;

const STANDARD = 'http://opcfoundation.org/UA/';
const BINARY = 'http://opcfoundation.org/BinarySchema/';

/** What dictionaries call the built-in types besides their names. */
const ALIASES: Readonly<Record<string, DataType>> = {
  Char: DataType.Byte,
  CharArray: DataType.String,
  Int8: DataType.SByte,
  UInt8: DataType.Byte,
  Structure: DataType.ExtensionObject,
  BaseDataType: DataType.Variant,
};

/** Integers as wide as an enumeration. */
const WIDTHS: Readonly<Record<number, DataType>> = {
  8: DataType.Byte,
  16: DataType.Int16,
  32: DataType.Int32,
  64: DataType.Int64,
};

const OPERANDS: readonly Operand[] = [
  'Equals',
  'NotEqual',
  'GreaterThan',
  'GreaterThanOrEqual',
  'LessThan',
  'LessThanOrEqual',
];

type Attributes = Readonly<Record<string, string>>;

/** A type as it stands there. */
interface Written {
  readonly base: string | undefined;
  readonly fields: Attributes[];
}

/**
 * Reads a dictionary.
 * @param self its own name in references: two dictionaries of one namespace must not mix
 * @param most fields that are kept
 * @throws NotDescribed
 */
export async function readDictionary(bytes: Uint8Array, self: string, most: number): Promise<Dictionary> {
  const prefixes = new Map<string, string>();
  const imports = new Set<string>();
  const structures = new Map<string, Written>();
  const types = new Map<string, Known>();
  let target: string | undefined;
  let current: Written | undefined;
  let depth = 0;
  let fields = 0;

  function open(name: string, attributes: Attributes): void {
    depth += 1;
    if (depth > DEEPEST) throw new NotDescribed('its elements are nested too deep');
    const element = local(name);
    if (depth === 1) {
      if (element !== 'TypeDictionary') throw new NotDescribed(`it is no TypeDictionary but a ${element}`);
      if (attributes.DefaultByteOrder === 'BigEndian') throw new NotDescribed('its byte order is BigEndian');
      target = attributes.TargetNamespace ?? '';
      for (const [key, uri] of Object.entries(attributes))
        if (key.startsWith('xmlns:')) prefixes.set(key.slice(6), uri);
      return;
    }
    if (depth === 2 && element === 'Import' && attributes.Namespace) imports.add(attributes.Namespace);
    if (depth === 2) current = undefined;
    const { Name = '' } = attributes;
    if (depth === 2 && element === 'EnumeratedType') types.set(Name, enumeration(attributes));
    if (depth === 2 && element === 'OpaqueType') types.set(Name, { kind: 'failed', reason: `${Name} is opaque` });
    if (depth === 2 && element === 'StructuredType') {
      current = { base: attributes.BaseType, fields: [] };
      structures.set(Name, current);
    }
    if (depth !== 3 || element !== 'Field' || current === undefined) return;
    fields += 1;
    if (fields + structures.size + types.size > most)
      throw new NotDescribed(`it has more than ${most} types and fields`);
    current.fields.push(attributes);
  }

  await read(bytes, open, () => {
    depth -= 1;
  });
  if (target === undefined) throw new NotDescribed('it is empty');

  /** What a name like `tns:Pump` refers to. */
  const refer = (typeName: string): string => {
    const [, prefix = '', name = typeName] = /^([^:]*):(.+)$/s.exec(typeName) ?? [];
    const uri = prefixes.get(prefix) ?? (prefix === 'opc' ? BINARY : (target as string));
    const standard = uri === BINARY || uri === STANDARD;
    const id = standard ? builtIn(name) : undefined;
    if (id !== undefined) return `i=${id}`;
    return `${uri === target ? self : uri}#${name}`;
  };

  /** The fields of a type with those of the one it is derived from, where it does not repeat them. */
  const fieldsOf = (name: string, seen: ReadonlySet<string> = new Set()): readonly Attributes[] => {
    const { base, fields } = structures.get(name) as Written;
    const above = base === undefined ? '' : local(base);
    const others = !structures.has(above) || seen.has(above) ? [] : fieldsOf(above, new Set([...seen, name]));
    const repeats = fields.some(({ SourceType }) => SourceType !== undefined) || others.length === 0;
    return repeats || others.every(({ Name }, i) => fields[i]?.Name === Name) ? fields : [...others, ...fields];
  };

  let kept = 0;
  for (const [name, { base }] of structures) {
    const all = fieldsOf(name);
    kept += all.length;
    if (kept > most) throw new NotDescribed(`it has more than ${most} fields`);
    types.set(name, structure(name, base, all, refer));
  }
  return { namespace: target, imports: [...imports], types, fields: kept + types.size };
}

/** The built-in type of this name. */
function builtIn(name: string): number | undefined {
  const id: unknown = Object.hasOwn(ALIASES, name) ? ALIASES[name] : DataType[name as keyof typeof DataType];
  return typeof id === 'number' && id > 0 && id <= 25 ? id : undefined;
}

const local = (name: string) => name.slice(name.indexOf(':') + 1);

function enumeration({ Name, LengthInBits = '32' }: Attributes): Known {
  const id = WIDTHS[Number(LengthInBits)];
  if (id === undefined) return { kind: 'failed', reason: `${Name} is an enumeration of ${LengthInBits} bits` };
  return { kind: 'built-in', id };
}

function structure(
  name: string,
  base: string | undefined,
  fields: readonly Attributes[],
  refer: (typeName: string) => string,
): Known {
  /** What other fields look at is no value by itself. */
  const looked = new Set(fields.flatMap(({ LengthField, SwitchField }) => [LengthField, SwitchField]));
  const pieces: Piece[] = [];
  for (const field of fields) {
    const piece = pieceOf(field, looked, refer);
    if (typeof piece === 'string') return { kind: 'failed', reason: `${name}: ${piece}` };
    pieces.push(piece);
  }
  const [first, ...choices] = pieces;
  const alternatives = choices.length > 0 && choices.every(({ when }) => when?.field === first?.name);
  const isUnion = (base !== undefined && local(base) === 'Union') || (alternatives && first?.bits === undefined);
  return { kind: 'pieces', name, isUnion, pieces };
}

/** One field; a text that says why it cannot be read. */
function pieceOf(
  field: Attributes,
  looked: ReadonlySet<string | undefined>,
  refer: (typeName: string) => string,
): Piece | string {
  const { Name = '', TypeName = '', Length, LengthField, SwitchField, SwitchValue, SwitchOperand = 'Equals' } = field;
  if (TypeName === '') return `its field ${Name} has no type`;
  if (field.Terminator !== undefined || field.IsLengthInBytes === 'true')
    return `its field ${Name} is an array in a way that OPC UA does not use`;
  const operand = OPERANDS.find((one) => one === SwitchOperand);
  if (operand === undefined) return `its field ${Name} has the operand ${SwitchOperand}`;
  const length = Length === undefined ? undefined : Number(Length);
  if (length !== undefined && !(Number.isInteger(length) && length >= 0 && length <= LONGEST))
    return `its field ${Name} has the length ${Length}`;
  const isBit = local(TypeName) === 'Bit';
  if (isBit && (length ?? 1) > MOST_BITS) return `its field ${Name} has ${Length} bits`;
  const count = LengthField ?? (isBit ? undefined : length);
  return {
    name: Name,
    type: isBit ? '' : refer(TypeName),
    ...(isBit && { bits: length ?? 1 }),
    ...(count !== undefined && { count }),
    ...(SwitchField !== undefined && {
      when: {
        field: SwitchField,
        operand: SwitchValue === undefined ? 'NotEqual' : operand,
        value: SwitchValue === undefined ? 0 : Number(SwitchValue),
      },
    }),
    hidden: looked.has(Name) || (isBit && /^Reserved\d*$/.test(Name)),
  };
}

/** Tells the elements of an XML document. @throws NotDescribed when it is none, or wants more than OPC UA needs */
async function read(
  bytes: Uint8Array,
  open: (name: string, attributes: Attributes) => void,
  close: () => void,
): Promise<void> {
  // Few servers need it, so it is loaded for these.
  const { parser: create } = await import('sax');
  const parser = create(true, { strictEntities: true, position: false } as SAXOptions);
  parser.onerror = (error) => {
    throw new NotDescribed(`it is no XML: ${error.message.split('\n', 1)[0]?.slice(0, 100)}`);
  };
  parser.ondoctype = () => {
    throw new NotDescribed('it has a DTD');
  };
  parser.onopentag = ({ name, attributes }) => open(name, attributes as Attributes);
  parser.onclosetag = close;
  const wide = bytes[0] === 0xff && bytes[1] === 0xfe;
  const decoder = new TextDecoder(wide ? 'utf-16le' : 'utf-8');
  for (let at = 0; at < bytes.length; at += SLICE) {
    // Some servers end it as C ends a text.
    const text = decoder.decode(bytes.subarray(at, at + SLICE), { stream: true }).replaceAll('\0', '');
    parser.write(at === 0 ? text.trimStart() : text);
    if (bytes.length > SLICE) await othersTurn();
  }
  parser.close();
}
