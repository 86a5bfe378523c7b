// What a server says of an analog signal: EURange and EngineeringUnits (OPC 10000-8 section 5.3.2), the properties
// that a percent deadband and a reading without a unit of its own need.

import { AttributeIds, type NodeId, resolveNodeId } from 'node-opcua-client';
import type { TagFacts } from '../../adapter.ts';
import type { Beside } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Item } from '../source/item.ts';
import { browsePath } from './nodes.ts';

/** As in the mapping. */
const LONGEST_UNIT = 32;

const HAS_PROPERTY = resolveNodeId('i=46');

/** The range of each, in the order given. Rejects only when the connection fails. */
export async function readRanges(
  items: readonly Item[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<TagFacts[]> {
  const ranges = await properties(items.map(named), 'EURange', limits, server, beside);
  return ranges.map((value) => {
    const range = rangeOf(value);
    return range === undefined ? {} : { range };
  });
}

/** The engineering unit of each, in the order given. Rejects only when the connection fails. */
export async function readUnits(
  items: readonly Item[],
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<(string | undefined)[]> {
  return (await properties(items.map(named), 'EngineeringUnits', limits, server, beside)).map(unitOf);
}

const named = ({ tag, node }: Item): Named => ({ name: tag.name, node });

/** A node, and the name under which it is told that it goes without. */
export interface Named {
  readonly name: string;
  readonly node: NodeId;
}

/** The value of one property of each node; undefined where a node has none. Rejects only when the connection fails. */
export async function properties(
  nodes: readonly Named[],
  property: string,
  limits: Limits,
  server: Calls,
  beside: Beside,
): Promise<unknown[]> {
  const values: unknown[] = Array(nodes.length);
  const [looking, reading] = [`looking for ${property}`, `reading ${property}`];
  const nameOf = ({ at }: { readonly at: number }) => (nodes[at] as Named).name;
  const found: { at: number; nodeId: NodeId }[] = [];
  const all = nodes.map(({ node }, at) => ({ at, node }));
  await beside(looking, all, nameOf, limits.translate, async (portion) => {
    const paths = portion.map(({ node }) => browsePath(node, HAS_PROPERTY, { namespace: 0, name: property }));
    const results = await server.once(looking, (session) => session.translateBrowsePath(paths));
    for (const [i, result] of results.entries()) {
      const target = result.targets?.[0];
      const one = portion[i];
      if (target && one) found.push({ at: one.at, nodeId: target.targetId });
    }
  });
  await beside(reading, found, nameOf, limits.read, async (portion) => {
    const ids = portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
    const results = await server.once(reading, (session) => session.read(ids));
    for (const [i, { at }] of portion.entries()) values[at] = results[i]?.value.value;
  });
  return values;
}

export function rangeOf(value: unknown): [number, number] | undefined {
  const { low, high } = (value ?? {}) as { low?: unknown; high?: unknown };
  return Number.isFinite(low) && Number.isFinite(high) && (low as number) < (high as number)
    ? [low as number, high as number]
    : undefined;
}

export function unitOf(value: unknown): string | undefined {
  const { displayName } = (value ?? {}) as { displayName?: { text?: string | null } };
  return displayName?.text?.slice(0, LONGEST_UNIT) || undefined;
}
