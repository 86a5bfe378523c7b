// Structures of OPC UA itself (Range, EUInformation, Argument…), which servers of old use in structures of their own and
// do not describe: the library knows them.

import { DataType, type NodeId } from 'node-opcua-client';
import { getStandardDataTypeFactory } from 'node-opcua-factory';
import type { Known, StructureField } from './structures.ts';

const PREFIX = 'http://opcfoundation.org/UA/#';
/** Types in the middle between a name and a built-in type. */
const HIGHEST = 8;

const found = new Map<string, Known>();

/** The type that a reference names; undefined when it is not the standard's, or nobody knows it. */
export function standardType(reference: string): Known | undefined {
  if (!reference.startsWith(PREFIX)) return undefined;
  const name = reference.slice(PREFIX.length);
  const known = found.get(name) ?? describe(name);
  if (known !== undefined) found.set(name, known);
  return known;
}

/** The type with this id, where it is a structure of the standard. */
export function standardStructure(type: NodeId): Known | undefined {
  if (type.namespace !== 0) return undefined;
  const schema = getStandardDataTypeFactory().findStructureInfoForDataType(type)?.schema;
  return schema && standardType(`${PREFIX}${schema.name}`);
}

function describe(name: string): Known | undefined {
  const factory = getStandardDataTypeFactory();
  if (factory.hasEnumeration(name)) return { kind: 'built-in', id: DataType.Int32 };
  if (!factory.hasStructureByTypeName(name)) return undefined;
  const { baseType, fields } = factory.getStructuredTypeSchema(name);
  const above = factory.hasStructureByTypeName(baseType) ? describe(baseType) : undefined;
  const list: StructureField[] = above?.kind === 'structure' ? [...above.fields] : [];
  for (const field of fields) {
    const { originalName, fieldType, category, isArray, switchBit, switchValue } = field;
    if (switchBit !== undefined || switchValue !== undefined) return undefined;
    const type = category === 'basic' ? simple(fieldType) : `${PREFIX}${fieldType}`;
    if (type === undefined) return undefined;
    list.push({ name: originalName, type, rank: isArray ? 1 : -1, optional: false });
  }
  return { kind: 'structure', name, fields: list };
}

/** The built-in type behind names like Duration. */
function simple(name: string): string | undefined {
  let at: string | undefined = name;
  for (let i = 0; at !== undefined && i < HIGHEST; i++) {
    const id: unknown = DataType[at as keyof typeof DataType];
    if (typeof id === 'number') return `i=${id}`;
    const factory = getStandardDataTypeFactory();
    at = factory.hasBuiltInType(at) ? (factory.getBuiltInType(at) as { subType?: string }).subType : undefined;
  }
  return undefined;
}
