// OPC Publisher's publishednodes.json: endpoints with their nodes.

import type { Mistake } from '../mistake.ts';
import { type Fields, isFields } from '../protocols/protocol.ts';
import { formatDuration } from '../units.ts';
import type { Imported, ImportedSource, ImportedTag } from './imported.ts';

export function isPublishedNodes(value: unknown): value is readonly Fields[] {
  return Array.isArray(value) && value.some((entry) => isFields(entry) && 'EndpointUrl' in entry);
}

/** @param at a mistake at the first place in the file that has this text */
export function readPublishedNodes(
  entries: readonly unknown[],
  at: (text: string, message: string) => Mistake,
): Imported {
  const mistakes: Mistake[] = [];
  const notes = new Set<string>();
  const sources = new Map<string, { source: Omit<ImportedSource, 'tags'>; tags: ImportedTag[] }>();
  for (const entry of entries) {
    if (!isFields(entry) || typeof entry.EndpointUrl !== 'string') continue;
    const endpoint = entry.EndpointUrl;
    const known = sources.get(endpoint) ?? { source: sourceOf(entry, endpoint, notes), tags: [] };
    sources.set(endpoint, known);
    for (const node of Array.isArray(entry.OpcNodes) ? entry.OpcNodes : []) {
      if (!isFields(node)) continue;
      const id = node.Id ?? node.ExpandedNodeId;
      const given = node.DataSetFieldId ?? node.DisplayName ?? id;
      if (typeof id !== 'string' || typeof given !== 'string') {
        mistakes.push(at(endpoint, `a node of ${endpoint} has no Id`));
        continue;
      }
      if (node.EventFilter !== undefined || node.ModelChangeHandling !== undefined) {
        mistakes.push(at(id, `${given}: events are not taken from a list`));
        continue;
      }
      const value = {
        node: id,
        sampling: every(node.OpcSamplingInterval, node.OpcSamplingIntervalTimespan),
        heartbeat:
          typeof node.HeartbeatInterval === 'number' && node.HeartbeatInterval > 0
            ? `${node.HeartbeatInterval}s`
            : undefined,
      };
      known.tags.push({ name: given, value, mistake: (message) => at(id, message) });
    }
  }
  const all = [...sources.values()].map(({ source, tags }) => ({ ...source, tags }));
  return { kind: "OPC Publisher's published nodes", sources: all, mistakes, notes: [...notes] };
}

function sourceOf(entry: Fields, endpoint: string, notes: Set<string>): Omit<ImportedSource, 'tags'> {
  const host = /^[a-z.]+:\/\/([^/:]+)/i.exec(endpoint)?.[1];
  if (entry.UseSecurity === false || entry.EndpointSecurityMode === 'None') {
    notes.add(`${endpoint} was read without encryption; here that needs security and insecure (see docs/mapping.md)`);
  }
  if (entry.OpcAuthenticationMode === 'UsernamePassword')
    notes.add(`${endpoint} needs a user: add user with passwordFile`);
  return { name: host?.replace(/[^A-Za-z0-9_-]/g, '-'), protocol: 'opcua', connection: { endpoint } };
}

/** Milliseconds, or a time span like 00:00:01.5. */
function every(ms: unknown, span: unknown): string | undefined {
  if (typeof ms === 'number') return formatDuration(ms);
  const match = typeof span === 'string' ? /^(\d\d):(\d\d):(\d\d(?:\.\d+)?)$/.exec(span) : null;
  if (match === null) return undefined;
  return formatDuration(Math.round((Number(match[1]) * 3_600 + Number(match[2]) * 60 + Number(match[3])) * 1_000));
}
