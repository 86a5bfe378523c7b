// What a server says of an analog signal: EURange and EngineeringUnits (OPC 10000-8 section 5.3.2), the properties
// that a percent deadband and a reading without a unit of its own need.

import { AttributeIds, type NodeId, resolveNodeId } from 'node-opcua-client';
import type { TagFacts } from '../adapter.ts';
import type { Calls, Limits } from './calls.ts';
import { browsePath } from './nodes.ts';

const HAS_PROPERTY = resolveNodeId('i=46');

/** The facts of each node, in the order given; an empty object for a node without. Rejects only when the connection fails. */
export async function readFacts(nodes: readonly NodeId[], limits: Limits, server: Calls): Promise<TagFacts[]> {
  const ranges = await properties(nodes, 'EURange', limits, server);
  const units = await properties(nodes, 'EngineeringUnits', limits, server);
  return nodes.map((_, i) => {
    const range = rangeOf(ranges[i]);
    const unit = unitOf(units[i]);
    return { ...(range && { range }), ...(unit && { unit }) };
  });
}

/** The value of one property of each node; undefined where a node has none. */
async function properties(nodes: readonly NodeId[], name: string, limits: Limits, server: Calls): Promise<unknown[]> {
  const found: { at: number; nodeId: NodeId }[] = [];
  await server.portions(nodes, limits.translate, async (portion, from) => {
    const paths = portion.map((node) => browsePath(node, HAS_PROPERTY, { namespace: 0, name }));
    const results = await server.once(`looking for ${name}`, (session) => session.translateBrowsePath(paths));
    for (const [i, result] of results.entries()) {
      const target = result.targets?.[0];
      if (target) found.push({ at: from + i, nodeId: target.targetId });
    }
  });
  const values: unknown[] = Array(nodes.length);
  await server.portions(found, limits.read, async (portion) => {
    const ids = portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
    const results = await server.once(`reading ${name}`, (session) => session.read(ids));
    for (const [i, { at }] of portion.entries()) values[at] = results[i]?.value.value;
  });
  return values;
}

export function rangeOf(value: unknown): [number, number] | undefined {
  const { low, high } = (value ?? {}) as { low?: unknown; high?: unknown };
  return typeof low === 'number' && typeof high === 'number' && low < high ? [low, high] : undefined;
}

export function unitOf(value: unknown): string | undefined {
  const { displayName } = (value ?? {}) as { displayName?: { text?: string | null } };
  return displayName?.text || undefined;
}
