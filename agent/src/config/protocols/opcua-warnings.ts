// What is legal among the tags of an OPC UA source, and odd: a node that is read twice, sampling that the publishing
// holds back.

import { placeOf } from '../origin.ts';
import type { ResolvedOpcUaTag } from '../plant.ts';
import type { OpcUaSource } from '../schema/opcua.ts';
import { formatDuration } from '../units.ts';
import { warnOfHeartbeats } from './heartbeats.ts';
import type { Placed, Warn } from './protocol.ts';

export function warnOfTags(tags: readonly Placed[], { publishing }: OpcUaSource, warn: Warn): void {
  const first = new Map<string, Placed>();
  for (const placed of tags) {
    const { name, node, path } = placed.tag as ResolvedOpcUaTag;
    const key = node === undefined ? 'path' : 'node';
    const where = `${key} ${node ?? path}`;
    const other = first.get(where);
    if (other === undefined) first.set(where, placed);
    else warn(placed.origin, [key], `${name} reads the ${key} of ${other.tag.name}, at ${placeOf(other.origin)}`);
  }
  if (publishing !== undefined) warnOfPublishing(tags, publishing, warn);
  warnOfHeartbeats(tags, 'sampling', warn);
}

function warnOfPublishing(tags: readonly Placed[], publishing: number, warn: Warn): void {
  const faster = tags.map(({ tag }) => tag as ResolvedOpcUaTag).filter(({ sampling }) => sampling < publishing);
  if (faster.length === 0) return;
  const { name, sampling } = faster.reduce((least, tag) => (tag.sampling < least.sampling ? tag : least));
  const every = formatDuration(publishing);
  const who = faster.length === 1 ? `${name} is` : `${faster.length} tags are`;
  const how = faster.length === 1 ? formatDuration(sampling) : `${formatDuration(sampling)}: ${name}`;
  const message = `publishing is ${every}, and ${who} sampled faster (${how}): values arrive together every ${every}`;
  warn('source', ['publishing'], message);
}
