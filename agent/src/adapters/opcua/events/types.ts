// Event types with their subtypes, for servers that cannot filter by type themselves, or only by one type exactly.

import { BrowseDirection, type NodeId, resolveNodeId } from 'node-opcua-client';
import type { Calls } from '../link/calls.ts';

/** A type tree beyond this is cut: no companion specification comes near. */
const MOST_TYPES = 5_000;
const HAS_SUBTYPE = resolveNodeId('i=45');

/** The types and everything derived from them, by their texts. Rejects when the connection fails. */
export async function subtypesOf(types: readonly NodeId[], server: Calls): Promise<ReadonlyMap<string, NodeId>> {
  const known = new Map(types.map((type) => [type.toString(), type]));
  let level = [...types];
  while (level.length > 0 && known.size < MOST_TYPES) {
    const next: NodeId[] = [];
    await server.portions(level, 100, async (portion) => {
      const results = await server.once('looking for types of events', (session) =>
        session.browse(
          portion.map((nodeId) => ({
            nodeId,
            referenceTypeId: HAS_SUBTYPE,
            browseDirection: BrowseDirection.Forward,
            includeSubtypes: true,
            resultMask: 0,
          })),
        ),
      );
      for (const { references } of results) {
        for (const { nodeId } of references ?? []) {
          if (known.has(nodeId.toString()) || known.size >= MOST_TYPES) continue;
          known.set(nodeId.toString(), nodeId);
          next.push(nodeId);
        }
      }
    });
    level = next;
  }
  return known;
}
