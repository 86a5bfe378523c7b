// What a server says of an analog signal: EURange and EngineeringUnits (OPC 10000-8 section 5.3.2), the properties
// that a percent deadband and a reading without a unit of its own need.

import { AttributeIds, type NodeId, resolveNodeId } from 'node-opcua-client';
import type { TagFacts } from '../../adapter.ts';
import { type Calls, type Limits, WITHOUT } from '../link/calls.ts';
import { browsePath } from './nodes.ts';

/** As in the mapping. */
const LONGEST_UNIT = 32;

/** Calls under way at once: they are many at a start, and wait for the way there and back. */
const WIDTH = 4;

const HAS_PROPERTY = resolveNodeId('i=46');

/** The range of each node, in the order given. Rejects only when the connection fails. */
export async function readRanges(nodes: readonly NodeId[], limits: Limits, server: Calls): Promise<TagFacts[]> {
  const ranges = await properties(nodes, 'EURange', limits, server);
  return ranges.map((value) => {
    const range = rangeOf(value);
    return range === undefined ? {} : { range };
  });
}

/** The engineering unit of each node, in the order given. Rejects only when the connection fails. */
export async function readUnits(
  nodes: readonly NodeId[],
  limits: Limits,
  server: Calls,
): Promise<(string | undefined)[]> {
  return (await properties(nodes, 'EngineeringUnits', limits, server)).map(unitOf);
}

/** The value of one property of each node; undefined where a node has none. Rejects only when the connection fails. */
export async function properties(
  nodes: readonly NodeId[],
  name: string,
  limits: Limits,
  server: Calls,
): Promise<unknown[]> {
  const found: { at: number; nodeId: NodeId }[] = [];
  await server.portions(
    nodes,
    limits.translate,
    async (portion, from) => {
      const paths = portion.map((node) => browsePath(node, HAS_PROPERTY, { namespace: 0, name }));
      const results = await server.once(`looking for ${name}`, (session) => session.translateBrowsePath(paths));
      for (const [i, result] of results.entries()) {
        const target = result.targets?.[0];
        if (target) found.push({ at: from + i, nodeId: target.targetId });
      }
    },
    WIDTH,
    WITHOUT,
  );
  const values: unknown[] = Array(nodes.length);
  await server.portions(
    found,
    limits.read,
    async (portion) => {
      const ids = portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
      const results = await server.once(`reading ${name}`, (session) => session.read(ids));
      for (const [i, { at }] of portion.entries()) values[at] = results[i]?.value.value;
    },
    WIDTH,
    WITHOUT,
  );
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
