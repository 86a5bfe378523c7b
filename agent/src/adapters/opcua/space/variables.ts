// What a server says of the variables that a walk found: data type by name, whether this user may read them, range and
// unit. Asked for in large calls; a server that refuses one part of it leaves that part out.

import { AttributeIds, DataType, type DataValue, type NodeId } from 'node-opcua-client';
import { NodeIdType } from 'node-opcua-nodeid';
import type { Browsed } from '../../survey.ts';
import type { Calls, Limits } from '../link/calls.ts';
import { rangeOf, unitOf } from './facts.ts';
import type { Variable } from './walk.ts';

/** CurrentRead of the access level (OPC 10000-3 section 8.57). */
const READABLE = 1;

/** Names of data types that are not built in, by node id; shared by one walk. */
export type TypeNames = Map<string, string>;

/** What is known of each variable, in the order given. */
export async function describeVariables(
  variables: readonly Variable[],
  namespaces: readonly string[],
  names: TypeNames,
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
  await learn(
    raw.flatMap(({ type }) => type ?? []),
    names,
    limits,
    server,
  );
  return raw.map(({ variable, type, rank, access, range, unit }) => ({
    node: nodeText(variable.node, namespaces),
    path: variable.path,
    name: variable.name,
    type: `${type ? (names.get(type.toString()) ?? nodeText(type, namespaces)) : 'unknown'}${dimensions(rank)}`,
    ...(unit !== undefined && { unit }),
    ...(range !== undefined && { range }),
    readable: typeof access === 'number' && (access & READABLE) !== 0,
  }));
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

/** Names the data types that are not known yet. */
async function learn(types: readonly NodeId[], names: TypeNames, limits: Limits, server: Calls): Promise<void> {
  const unknown = new Map<string, NodeId>();
  for (const type of types) {
    const key = type.toString();
    if (names.has(key)) continue;
    const builtIn = type.namespace === 0 && type.identifierType === NodeIdType.NUMERIC ? Number(type.value) : 0;
    // Beyond DiagnosticInfo come the abstract numbers and everything derived, which have nodes with names.
    if (builtIn > 0 && builtIn <= 25) names.set(key, DataType[builtIn] as string);
    else unknown.set(key, type);
  }
  const nodes = [...unknown.values()];
  const found = await read(
    nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.BrowseName })),
    limits,
    server,
  );
  for (const [i, key] of [...unknown.keys()].entries()) {
    const { name } = (found[i]?.value?.value ?? {}) as { name?: string };
    if (name) names.set(key, name);
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
