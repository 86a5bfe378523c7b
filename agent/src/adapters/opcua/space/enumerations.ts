// What the numbers of a variable mean, as its server says it: by the data type where that is an enumeration (EnumValues,
// EnumStrings or an EnumDefinition, OPC 10000-3 section 8.14), else by the variable, as discrete states have it
// (EnumStrings, EnumValues, TrueState and FalseState, OPC 10000-8 section 5.3.3). Each type is asked for once.

import { AttributeIds, BrowseDirection, type NodeId, resolveNodeId } from 'node-opcua-client';
import { NodeIdType } from 'node-opcua-nodeid';
import { type Beside, besides } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { OpcUaTag } from '../source/options.ts';
import { type Named, properties } from './facts.ts';

/** Texts by number; false is 0 and true is 1. */
export type Texts = ReadonlyMap<number, string>;

/** Texts of one enumeration, and characters of one text, before it is taken for an attack. */
const MOST = 10_000;
const LONGEST = 256;
/** Supertypes of a type. */
const HIGHEST = 32;

const HAS_SUBTYPE = resolveNodeId('i=45');
/** Data types of namespace 0: from BaseDataType, which may be anything, by the abstract numbers to Enumeration. */
const BOOLEAN = 1;
const FLOAT = 10;
const DOUBLE = 11;
const BASE = 24;
const ENUMERATION = 29;

/** Of one variable: its texts, or why it has none. */
export interface Answer {
  readonly texts?: Texts;
  readonly reason?: string;
  /** Its data type, as `Beside` names it. */
  readonly type?: string;
}

/** The name under which a data type is told. */
const typeName = (type: NodeId | string) => `the type ${type}`;

/** The texts of each, in the order given. Rejects with a Fault when the server does not answer. */
export async function readTexts(
  items: readonly { readonly tag: OpcUaTag; readonly node: NodeId }[],
  limits: Limits,
  server: Calls,
  beside: Beside = besides(server),
): Promise<Answer[]> {
  const nodes = items.map(({ tag, node }): Named => ({ name: tag.name, node }));
  const types = await dataTypes(nodes, limits, server, beside);
  const bases = await basesOf(types, limits, server, beside);
  const baseOf = (i: number) => (types[i] === undefined ? undefined : bases.get(String(types[i])));
  const enumerations = distinct(types.filter((_, i) => baseOf(i) === ENUMERATION));
  const defined = await definedBy(enumerations, limits, server, beside);
  const answers = items.map((_, i): Answer => {
    const texts = defined.get(String(types[i]));
    const type = types[i];
    const of = type && { type: typeName(type) };
    return texts === undefined ? { reason: reasonOf(type, baseOf(i)), ...of } : { texts, ...of };
  });
  const lacking = (wanted: (base: number, tag: OpcUaTag) => boolean) =>
    [...items.keys()].filter((i) => {
      const tag = (items[i] as { tag: OpcUaTag }).tag;
      return answers[i]?.texts === undefined && wanted(baseOf(i) ?? BASE, tag);
    });
  const ask = (which: readonly number[], name: string) =>
    properties(
      which.map((i) => nodes[i] as Named),
      name,
      limits,
      server,
      beside,
    );
  for (const [name, read] of [
    ['EnumStrings', stringsIn],
    ['EnumValues', valuesIn],
  ] as const) {
    const which = lacking((base, { enumText }) => mayCount(base, enumText === 'wanted'));
    const values = await ask(which, name);
    for (const [at, i] of which.entries()) {
      const texts = read(values[at]);
      if (texts !== undefined) answers[i] = { texts };
    }
  }
  const states = lacking((base) => base === BOOLEAN);
  const [whenTrue, whenFalse] = [await ask(states, 'TrueState'), await ask(states, 'FalseState')];
  for (const [at, i] of states.entries()) {
    const texts = statesIn(whenTrue[at], whenFalse[at]);
    if (texts !== undefined) answers[i] = { texts };
  }
  return answers;
}

/** What a data type is encoded as, or ENUMERATION; with the texts of an enumeration. */
export interface TypeTexts {
  readonly base: number;
  readonly texts?: Texts;
}

/** What is known of data types, by node id. Rejects with a Fault when the connection fails. */
export async function textsOfTypes(
  types: readonly NodeId[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<Map<string, TypeTexts>> {
  const bases = await basesOf(types, limits, server, beside);
  const enumerations = types.filter((type) => bases.get(String(type)) === ENUMERATION);
  const defined = await definedBy(enumerations, limits, server, beside);
  return new Map(
    [...bases].map(([key, base]) => {
      const texts = defined.get(key);
      return [key, texts === undefined ? { base } : { base, texts }];
    }),
  );
}

/** Which of a variable's own properties have texts for a value of this base. */
export const textsAmong = (base: number): 'states' | 'numbers' | undefined =>
  base === BOOLEAN ? 'states' : mayCount(base, true) ? 'numbers' : undefined;

/** The texts of a variable, from the values of its own properties. */
export function ownTexts(own: {
  readonly strings?: unknown;
  readonly values?: unknown;
  readonly whenTrue?: unknown;
  readonly whenFalse?: unknown;
}): Texts | undefined {
  return stringsIn(own.strings) ?? valuesIn(own.values) ?? statesIn(own.whenTrue, own.whenFalse);
}

/** Whether a variable of this type may have texts of its own. Few floats have: they are asked for only on demand. */
const mayCount = (base: number, surely: boolean) =>
  (base > BOOLEAN && base < FLOAT) ||
  (base >= BASE && base <= ENUMERATION) ||
  (surely && (base === FLOAT || base === DOUBLE));

function reasonOf(type: NodeId | undefined, base: number | undefined): string {
  if (type === undefined) return 'enumText: the server does not say of which type it is; its number is sent';
  if (base === ENUMERATION) return `enumText: the server has no texts for its type ${type}; its number is sent`;
  return `enumText: the server has no texts for it, it is of type ${type}; its value is sent as it is`;
}

async function dataTypes(
  nodes: readonly Named[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<(NodeId | undefined)[]> {
  const read = await attributes(nodes, AttributeIds.DataType, limits, server, beside);
  return read.map((type) => (type as NodeId | null) ?? undefined);
}

/** One attribute of each. */
async function attributes(
  nodes: readonly Named[],
  attributeId: AttributeIds,
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<unknown[]> {
  const read: unknown[] = Array(nodes.length).fill(undefined);
  const service = `reading ${AttributeIds[attributeId]}`;
  const all = nodes.map((one, at) => ({ ...one, at }));
  await beside(
    service,
    all,
    ({ name }) => name,
    limits.read,
    async (portion) => {
      const ids = portion.map(({ node }) => ({ nodeId: node, attributeId }));
      const values = await server.once(service, (session) => session.read(ids));
      for (const [i, { at }] of portion.entries()) read[at] = values[i]?.value.value;
    },
  );
  return read;
}

/** What each type is encoded as, or ENUMERATION: by its supertypes, all types level by level. */
async function basesOf(
  types: readonly (NodeId | undefined)[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<Map<string, number>> {
  const service = 'asking for supertypes';
  const bases = new Map<string, number>();
  let open = distinct(types).map((type) => ({ key: String(type), at: type }));
  for (let i = 0; open.length > 0 && i < HIGHEST; i++) {
    const above: typeof open = [];
    for (const one of open) {
      const id = standard(one.at);
      if (id > 0 && id <= ENUMERATION) bases.set(one.key, id);
      else above.push(one);
    }
    const next: typeof open = [];
    const most = Math.min(limits.read, limits.translate);
    const nameOf = ({ key }: (typeof open)[number]) => typeName(key);
    await beside(service, above, nameOf, most, async (portion) => {
      const wishes = portion.map(({ at }) => ({
        nodeId: at,
        referenceTypeId: HAS_SUBTYPE,
        browseDirection: BrowseDirection.Inverse,
        includeSubtypes: true,
        resultMask: 0,
      }));
      const results = await server.once(service, (session) => session.browse(wishes));
      for (const [i, { key }] of portion.entries()) {
        const parent = results[i]?.references?.[0]?.nodeId;
        if (parent !== undefined) next.push({ key, at: parent });
      }
    });
    open = next;
  }
  return bases;
}

const standard = ({ namespace, identifierType, value }: NodeId) =>
  namespace === 0 && identifierType === NodeIdType.NUMERIC ? Number(value) : 0;

function distinct(types: readonly (NodeId | undefined)[]): NodeId[] {
  return [...new Map(types.flatMap((type) => (type === undefined ? [] : [[String(type), type] as const]))).values()];
}

/** The texts of enumerations that have some. What a property says goes before the definition, which may have no texts. */
async function definedBy(
  types: readonly NodeId[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<Map<string, Texts>> {
  const nodes = types.map((node): Named => ({ name: typeName(node), node }));
  const found = new Map<string, Map<number, string>>();
  const note = (values: readonly unknown[], read: (value: unknown) => Map<number, string> | undefined) => {
    for (const [i, type] of types.entries()) {
      const texts = read(values[i]);
      if (texts !== undefined) found.set(String(type), new Map([...texts, ...(found.get(String(type)) ?? [])]));
    }
  };
  note(await properties(nodes, 'EnumValues', limits, server, beside), valuesIn);
  note(await properties(nodes, 'EnumStrings', limits, server, beside), stringsIn);
  const definitions = await attributes(nodes, AttributeIds.DataTypeDefinition, limits, server, beside);
  note(definitions, (definition) => valuesIn((definition as { fields?: unknown } | null)?.fields));
  return found;
}

/** The text of a LocalizedText. */
function textIn(value: unknown): string | undefined {
  const { text } = (value ?? {}) as { text?: unknown };
  return typeof text === 'string' && text !== '' ? text.slice(0, LONGEST) : undefined;
}

/** EnumStrings: LocalizedTexts, counted from 0. */
function stringsIn(value: unknown): Map<number, string> | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = new Map<number, string>();
  for (const [i, one] of value.slice(0, MOST).entries()) {
    const text = textIn(one);
    if (text !== undefined) texts.set(i, text);
  }
  return texts.size > 0 ? texts : undefined;
}

/** EnumValues, and the fields of an EnumDefinition: a number and its text, or else its name. */
function valuesIn(value: unknown): Map<number, string> | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = new Map<number, string>();
  for (const one of value.slice(0, MOST)) {
    const { value, displayName, name } = (one ?? {}) as { value?: unknown; displayName?: unknown; name?: unknown };
    const number = integer(value);
    const text = textIn(displayName) ?? textIn({ text: name });
    if (number !== undefined && text !== undefined) texts.set(number, text);
  }
  return texts.size > 0 ? texts : undefined;
}

/** TrueState and FalseState. */
function statesIn(whenTrue: unknown, whenFalse: unknown): Map<number, string> | undefined {
  const pairs = [[0, textIn(whenFalse)] as const, [1, textIn(whenTrue)] as const];
  const texts = new Map(pairs.filter((pair): pair is readonly [0 | 1, string] => pair[1] !== undefined));
  return texts.size > 0 ? texts : undefined;
}

/** An Int64 as the library has it: two halves. */
function integer(value: unknown): number | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'number' || typeof value[1] !== 'number') return undefined;
  return (value[0] | 0) * 0x1_0000_0000 + (value[1] >>> 0);
}
