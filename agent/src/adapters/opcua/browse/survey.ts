// What the commands `browse`, `read`, `plan` and `doctor` ask of an OPC UA source, over a session of their own that is
// closed at the end, whatever happened. The same checks stand before it as before the gateway's: no credential leaves
// for a server that is refused.

import { AttributeIds, NodeClass, resolveNodeId } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { Browsed, BrowseWish, Planned, Survey } from '../../survey.ts';
import type { Calls } from '../link/calls.ts';
import { staying, type Visit, visiting } from '../link/visit.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { resolveNodes } from '../space/nodes.ts';
import { describeVariables, lexicon } from '../space/variables.ts';
import { type Variable, walk } from '../space/walk.ts';
import { examine } from './examine.ts';
import { readTags } from './read.ts';
import { visitingAny } from './visits.ts';

/** @param endpoints of servers that serve the same; the first that lets us in and has data is asked. Default: that of the options */
export function opcuaSurvey(options: OpcUaOptions, endpoints: readonly string[] = [options.endpoint]): Survey {
  const visitingOne = (signal: AbortSignal) => visitingAny(options, endpoints, signal);
  return {
    plan: () => plan(options),
    read: async (tags, signal) => {
      const wanted = new Set(tags);
      const chosen = options.tags.filter(({ index }) => wanted.has(index));
      for await (const visit of visitingOne(signal)) {
        const answer = await readTags(chosen, visit);
        return visit.choice === undefined ? answer : { ...answer, server: visit.choice };
      }
      throw new Fault('internal.unexpected', `${options.name}: nothing was read`);
    },
    browse: (wish, signal) => browse(options, wish, () => visitingOne(signal), signal),
    examine: (signal) => examine(options, endpoints, signal, (more) => visiting({ ...options, ...more }, signal)),
  };
}

/** Monitored items by how often they are sampled. */
function plan({ tags, publishing }: OpcUaOptions): Planned[] {
  const groups = Map.groupBy(tags, ({ sampling }) => sampling);
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([sampling, group]) => ({
      every: Math.max(sampling, 1),
      text: `${group.length} monitored item${group.length === 1 ? '' : 's'} sampled every ${sampling} ms, sent every ${publishing} ms`,
      tags: group.map(({ index }) => index),
      facts: { sampling, publishing, items: group.length },
    }));
}

const OBJECTS = { node: resolveNodeId('i=85'), path: '/Objects', name: 'Objects', isVariable: false };
/** The server's own diagnostics: no signal of the plant, and endless on some servers. Browsed when asked for. */
const SERVER = resolveNodeId('i=2253').toString();
const MAX_NODES_PER_BROWSE = 'i=11710';
/** More in one call gains nothing measurable. */
const MOST_NODES = 500;
/** How long a server that was there a moment ago may be gone in the middle of a walk, ms. */
const PATIENCE = 60_000;
/** Far more than a gateway reads; each node that was seen costs memory. */
const MOST_ALTOGETHER = 1_500_000;

async function* browse(
  options: OpcUaOptions,
  wish: BrowseWish,
  open: () => AsyncGenerator<Visit>,
  signal: AbortSignal,
): AsyncGenerator<Browsed> {
  const { patience = PATIENCE, broken = () => {} } = wish;
  const stay = staying(options.name, open, signal, patience, broken);
  try {
    const { from, mapped, most } = await stay.use(async (visit) => ({
      from: wish.under === undefined ? OBJECTS : await beginning(options.name, wish.under, visit),
      mapped: await mappedNodes(options, visit),
      most: await nodesPerBrowse(visit.server),
    }));
    const known = lexicon();
    const variables = walk((work) => stay.use(({ server }) => work(server)), {
      from,
      without: new Set(wish.under === undefined ? [SERVER] : []),
      most,
      progress: wish.progress,
      signal,
      bound: MOST_ALTOGETHER,
    });
    const describe = async (portion: readonly Variable[]): Promise<Browsed[]> => {
      const described = await stay.use(({ server, limits, namespaces }) =>
        describeVariables(portion, namespaces, known, limits, server),
      );
      return described.map((one, i) => {
        const tags = mapped.get(portion[i]?.node.toString() ?? '');
        return tags === undefined ? one : { ...one, tags };
      });
    };
    // One portion is described while the walk looks for the next: two calls under way, never more.
    let describing: Promise<Browsed[]> = Promise.resolve([]);
    for await (const portion of variables) {
      const before = await describing;
      describing = describe(portion);
      describing.catch(() => {}); // told when it is waited for
      yield* before;
    }
    yield* await describing;
  } finally {
    await stay.end();
  }
}

async function nodesPerBrowse({ once }: Calls): Promise<number> {
  const node = { nodeId: MAX_NODES_PER_BROWSE, attributeId: AttributeIds.Value };
  const value = (await once('reading its limits', (session) => session.read(node))).value?.value as unknown;
  return typeof value === 'number' && value > 0 ? Math.min(value, MOST_NODES) : MOST_NODES;
}

/** Where `--under` points to. */
async function beginning(source: string, under: string, { server, limits, namespaces }: Visit) {
  if (!under.startsWith('/') && !/(^|;)[isgb]=/.test(under)) {
    throw new Fault(
      'source.configuration',
      `${source}: "${under}" is neither a browse path, like /Objects/Crude unit, nor a node id, like nsu=urn:vendor:plc;s=Area`,
    );
  }
  const place = under.startsWith('/') ? { path: under } : { node: under };
  const tag = { index: 0, name: under, sampling: 0, wantsRange: false, ...place };
  const [found] = await resolveNodes([tag], namespaces, limits, server);
  if (found === undefined || !('node' in found)) {
    throw new Fault(
      'source.configuration',
      `${source}: ${under} cannot be browsed: ${found?.reason ?? 'it is not there'}`,
    );
  }
  const { node } = found;
  const wanted = [AttributeIds.NodeClass, AttributeIds.BrowseName].map((attributeId) => ({
    nodeId: node,
    attributeId,
  }));
  const [kind, called] = await server.once('looking where to begin', (session) => session.read(wanted));
  const name = ((called?.value?.value ?? {}) as { name?: string }).name ?? '';
  const path = under.startsWith('/') ? under : `…/${name}`;
  return { node, path, name, isVariable: kind?.value?.value === NodeClass.Variable };
}

/** The tags of the mapping by the node that they are read from. */
async function mappedNodes(
  { tags }: OpcUaOptions,
  { server, limits, namespaces }: Visit,
): Promise<Map<string, number[]>> {
  const mapped = new Map<string, number[]>();
  const resolved = await resolveNodes(tags, namespaces, limits, server);
  for (const [i, one] of resolved.entries()) {
    if (!('node' in one)) continue;
    const key = one.node.toString();
    const index = tags[i]?.index as number;
    const known = mapped.get(key);
    if (known) known.push(index);
    else mapped.set(key, [index]);
  }
  return mapped;
}
