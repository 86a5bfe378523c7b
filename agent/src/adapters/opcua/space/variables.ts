// What a server says of the variables that a walk found: data type by name, whether this user may read them, range and
// unit, and what their numbers mean. Asked for in large calls; a server that refuses one part of it leaves that part out.

import { AttributeIds, DataType, type DataValue, type NodeId } from 'node-opcua-client';
import { NodeIdType } from 'node-opcua-nodeid';
import type { Browsed } from '../../survey.ts';
import { type Beside, besides } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import { ownTexts, type Texts, type TypeTexts, textsAmong, textsOfTypes } from './enumerations.ts';
import { rangeOf, unitOf } from './facts.ts';
import type { Variable } from './walk.ts';

/** CurrentRead of the access level (OPC 10000-3 section 8.57). */
const READABLE = 1;

/** Texts that are told of one variable, and different sets of them that variables have of their own. */
const MOST_TEXTS = 100;
const MOST_SETS = 10_000;

type Told = Readonly<Record<string, string>>;

/** What is known of a data type. */
interface TypeFacts {
  readonly name: string | undefined;
  /** See enumerations.ts. */
  readonly base: number;
  readonly texts?: Told;
}

/** What one walk has learned of data types, and the texts that variables have themselves: thousands have the same. */
export interface Lexicon {
  readonly types: Map<string, TypeFacts>;
  readonly sets: Map<string, Told>;
  /** How often texts were asked for that have not been answered, by node. */
  readonly asked: Map<string, number>;
}

export const lexicon = (): Lexicon => ({ types: new Map(), sets: new Map(), asked: new Map() });

/** Asking for texts is left where the link broke over it so often: no walk is to fail for a comment. */
const TRIES = 2;

/** Asks for texts of those that may be asked for. Rejects with a Fault when the link breaks. */
async function daring<T>(
  asked: Lexicon['asked'],
  all: readonly T[],
  keyOf: (one: T) => string,
  ask: (some: readonly T[]) => Promise<void>,
): Promise<void> {
  const some = all.filter((one) => (asked.get(keyOf(one)) ?? 0) < TRIES);
  if (some.length === 0) return;
  for (const key of new Set(some.map(keyOf))) asked.set(key, (asked.get(key) ?? 0) + 1);
  await ask(some);
  for (const one of some) asked.delete(keyOf(one));
}

/** What is known of each variable, in the order given. */
export async function describeVariables(
  variables: readonly Variable[],
  namespaces: readonly string[],
  known: Lexicon,
  limits: Limits,
  server: Calls,
): Promise<Browsed[]> {
  const wanted = variables.flatMap(({ node, range, unit }) => [
    { nodeId: node, attributeId: AttributeIds.DataType },
    { nodeId: node, attributeId: AttributeIds.ValueRank },
    { nodeId: node, attributeId: AttributeIds.UserAccessLevel },
    ...(range ? [{ nodeId: range, attributeId: AttributeIds.Value }] : []),
    ...(unit ? [{ nodeId: unit, attributeId: AttributeIds.Value }] : []),
  ]);
  const values = await read(wanted, limits, server);
  let at = 0;
  const take = (there: boolean): unknown => (there ? values[at++]?.value?.value : undefined);
  const raw = variables.map((variable) => ({
    variable,
    type: take(true) as NodeId | undefined,
    rank: take(true),
    access: take(true),
    range: rangeOf(take(variable.range !== undefined)),
    unit: unitOf(take(variable.unit !== undefined)),
  }));
  // One call at a time: the walk has another under way.
  const beside = besides(server, 1);
  await learn(
    raw.flatMap(({ type }) => type ?? []),
    known,
    limits,
    server,
    beside,
  );
  const factsOf = (type: NodeId | undefined) => (type ? known.types.get(type.toString()) : undefined);
  const own = await ownOf(
    raw.map(({ variable, type }) => ({ variable, facts: factsOf(type) })),
    known,
    limits,
    server,
    beside,
  );
  return raw.map(({ variable, type, rank, access, range, unit }, i) => {
    const facts = factsOf(type);
    const texts = facts?.texts ?? own[i];
    return {
      node: nodeText(variable.node, namespaces),
      path: variable.path,
      name: variable.name,
      type: `${type ? (facts?.name ?? nodeText(type, namespaces)) : 'unknown'}${dimensions(rank)}`,
      ...(unit !== undefined && { unit }),
      ...(range !== undefined && { range }),
      ...(texts !== undefined && { texts }),
      readable: typeof access === 'number' && (access & READABLE) !== 0,
    };
  });
}

/** The texts that variables have themselves, in the order given: one call more for those alone that have some. */
async function ownOf(
  variables: readonly { readonly variable: Variable; readonly facts: TypeFacts | undefined }[],
  { sets, asked }: Lexicon,
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<(Told | undefined)[]> {
  const wanted = variables.flatMap(({ variable, facts }, at) => {
    const among = facts === undefined || facts.texts !== undefined ? undefined : textsAmong(facts.base);
    const keys = among === undefined ? [] : KEYS[among];
    return keys.flatMap((key) => {
      const node = variable[key];
      return node === undefined ? [] : [{ at, key, node }];
    });
  });
  const result: (Told | undefined)[] = Array(variables.length);
  const values = new Map<(typeof wanted)[number], unknown>();
  const service = 'reading what numbers mean';
  const keyOf = ({ node }: (typeof wanted)[number]) => node.toString();
  await daring(asked, wanted, keyOf, (some) =>
    beside(service, some, keyOf, limits.read, async (portion) => {
      const ids = portion.map(({ node }) => ({ nodeId: node, attributeId: AttributeIds.Value }));
      const results = await server.once(service, (session) => session.read(ids));
      for (const [i, one] of portion.entries()) values.set(one, results[i]?.value.value);
    }),
  );
  for (const [at, group] of Map.groupBy(values.keys(), (one) => one.at)) {
    const found = Object.fromEntries(group.map((one) => [one.key, values.get(one)]));
    const isState = 'whenTrue' in found || 'whenFalse' in found;
    const texts = ownTexts(found);
    if (texts !== undefined) result[at] = shared(told(texts, isState), sets);
  }
  return result;
}

const KEYS = { numbers: ['strings', 'values'], states: ['whenFalse', 'whenTrue'] } as const;

function told(texts: Texts, isState: boolean): Told {
  const sorted = [...texts].sort(([a], [b]) => a - b).slice(0, MOST_TEXTS);
  return Object.fromEntries(sorted.map(([value, text]) => [isState ? String(value === 1) : String(value), text]));
}

/** One object for all that say the same; undefined when a server makes up more than one may keep. */
function shared(one: Told, sets: Lexicon['sets']): Told | undefined {
  const key = JSON.stringify(one);
  const known = sets.get(key);
  if (known !== undefined || sets.size >= MOST_SETS) return known;
  sets.set(key, one);
  return one;
}

async function read(
  wanted: readonly { nodeId: NodeId; attributeId: AttributeIds }[],
  limits: Limits,
  server: Calls,
): Promise<DataValue[]> {
  const values: DataValue[] = [];
  await server.portions(wanted, limits.read, async (portion) => {
    values.push(...(await server.once('reading what variables are', (session) => session.read([...portion]))));
  });
  return values;
}

/** Learns what is not known yet of these data types: each is asked for once. */
async function learn(
  types: readonly NodeId[],
  { types: known, asked }: Lexicon,
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<void> {
  const unknown = new Map<string, NodeId>();
  for (const type of types) {
    const key = type.toString();
    if (known.has(key)) continue;
    const builtIn = type.namespace === 0 && type.identifierType === NodeIdType.NUMERIC ? Number(type.value) : 0;
    // Beyond DiagnosticInfo come the abstract numbers and everything derived, which have nodes with names.
    if (builtIn > 0 && builtIn <= 25) known.set(key, { name: DataType[builtIn], base: builtIn });
    else unknown.set(key, type);
  }
  if (unknown.size === 0) return;
  const nodes = [...unknown.values()];
  const found = await read(
    nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.BrowseName })),
    limits,
    server,
  );
  let meant = new Map<string, TypeTexts>();
  await daring(asked, nodes, String, async (some) => {
    meant = await textsOfTypes(some, limits, server, beside);
  });
  for (const [i, key] of [...unknown.keys()].entries()) {
    const { name } = (found[i]?.value?.value ?? {}) as { name?: string };
    const { base = 0, texts } = meant.get(key) ?? {};
    known.set(key, { name: name || undefined, base, ...(texts !== undefined && { texts: told(texts, false) }) });
  }
}

/** `[]` for an array, `[,]` for a matrix; nothing for what may also be a scalar (OPC 10000-3 section 5.6.2). */
function dimensions(rank: unknown): string {
  if (typeof rank !== 'number' || rank < 0) return '';
  return `[${','.repeat(Math.max(0, rank - 1))}]`;
}

/** A node id as a mapping writes it, by the namespace's URI where that can be told from the rest. */
export function nodeText(node: NodeId, namespaces: readonly string[]): string {
  const bare = node.toString().replace(/^ns=\d+;/, '');
  if (node.namespace === 0) return bare;
  const uri = namespaces[node.namespace];
  return uri === undefined || uri.includes(';') ? `ns=${node.namespace};${bare}` : `nsu=${uri};${bare}`;
}
