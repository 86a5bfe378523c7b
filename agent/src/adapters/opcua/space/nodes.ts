// Where the tags are in the server's address space: node ids whose namespace is given by URI are resolved against
// the namespaces the server has at this connect (the index shifts when the server's project is rebuilt), browse paths
// level by level. A tag that cannot be found says why and harms no other.

import { NodeId, type QualifiedNameOptions, resolveNodeId } from 'node-opcua-client';
import { NodeIdType } from 'node-opcua-nodeid';
import { StatusCode, statusName } from '../../../model/status.ts';
import type { Calls, Limits } from '../link/calls.ts';
import { failure } from '../source/faults.ts';
import type { OpcUaTag } from '../source/options.ts';

/** A tag's node, or the status that its reading gets and the reason in words. */
export type Resolved =
  | { readonly node: NodeId }
  /** `failed`: the server fails the whole call over it. */
  | { readonly status: number; readonly reason: string; readonly failed?: boolean };

/**
 * Resolves every tag, in the order given. Rejects only when the connection fails.
 * @param positions of the tags in their source, where a hang-up is to be held against them
 */
export async function resolveNodes(
  tags: readonly OpcUaTag[],
  namespaces: readonly string[],
  limits: Limits,
  server: Calls,
  positions: readonly number[] = [],
): Promise<Resolved[]> {
  const paths: { at: number; segments: Segment[] }[] = [];
  const resolved = tags.map((tag, at): Resolved => {
    if (tag.node !== undefined) return parseNode(tag.node, namespaces);
    const segments = parsePath(tag.path ?? '');
    if (segments === undefined) return bad(StatusCode.BadBrowseNameInvalid, `"${tag.path}" is no browse path`);
    paths.push({ at, segments });
    return bad(StatusCode.BadNoMatch, `nothing is at ${tag.path}`);
  });
  if (paths.length > 0) {
    const found = await walk(paths, namespaces.length, limits, server, positions);
    for (const [at, result] of found) resolved[at] = result;
  }
  return resolved;
}

const bad = (status: number, reason: string): Resolved => ({ status, reason: `${statusName(status)}: ${reason}` });

/** A node id as the mapping writes it (OPC 10000-6 section 5.1.12), with `nsu=` for the namespace's URI. */
export function parseNode(text: string, namespaces: readonly string[]): Resolved {
  const match = /^(?:nsu=([^;]+);|ns=(\d+);)?([isgb])=(.+)$/s.exec(text);
  if (!match) return bad(StatusCode.BadNodeIdInvalid, `"${text}" is no node id`);
  const [, uri, given, type, id = ''] = match;
  const index = uri === undefined ? Number(given ?? 0) : namespaces.indexOf(uri);
  if (index < 0) {
    const known = namespaces.map((known) => `"${known}"`).join(', ');
    return bad(StatusCode.BadNodeIdUnknown, `the server has no namespace "${uri}"; it has ${known}`);
  }
  if (index > 0xffff) return bad(StatusCode.BadNodeIdInvalid, `"${text}" is no node id`);
  switch (type) {
    case 's':
      return { node: new NodeId(NodeIdType.STRING, id, index) };
    case 'i':
      if (/^\d{1,10}$/.test(id) && Number(id) <= 0xffff_ffff) {
        return { node: new NodeId(NodeIdType.NUMERIC, Number(id), index) };
      }
      break;
    case 'g':
      if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
        return { node: new NodeId(NodeIdType.GUID, id.toUpperCase(), index) };
      }
      break;
    default:
      return { node: new NodeId(NodeIdType.BYTESTRING, Buffer.from(id, 'base64'), index) };
  }
  return bad(StatusCode.BadNodeIdInvalid, `"${text}" is no node id`);
}

/** One step of a browse path; without a namespace any will do. */
interface Segment {
  readonly namespace: number | undefined;
  readonly name: string;
}

/**
 * `/Objects/2:Crude unit/FIC101`. A name that holds one of the characters / & : writes `&` before it
 * (OPC 10000-4 Annex A.2).
 */
export function parsePath(path: string): Segment[] | undefined {
  const steps = path.match(/\/(?:&.|[^/&])+/gs);
  if (!steps || steps.join('') !== path) return undefined;
  return steps.map((step) => {
    const [, index, name = ''] = /^\/(?:(\d+):)?(.+)$/s.exec(step) ?? [];
    return { namespace: index === undefined ? undefined : Number(index), name: name.replace(/&(.)/gs, '$1') };
  });
}

const ROOT = resolveNodeId('i=84');
const HIERARCHICAL = resolveNodeId('i=33');
const WHOLE_PATH = 0xffff_ffff;

/**
 * All paths at once, one level after the other, and every distinct step once: 50,000 tags below one folder ask for
 * that folder once. A step without a namespace tries the namespace of the step before it first, as servers keep a
 * subtree in one namespace, and the others only where that finds nothing; if then several fit, the tag must say which.
 */
async function walk(
  paths: readonly { at: number; segments: readonly Segment[] }[],
  namespaces: number,
  limits: Limits,
  server: Calls,
  positions: readonly number[],
): Promise<Map<number, Resolved>> {
  const results = new Map<number, Resolved>();
  let active = paths.map(({ at, segments }) => ({ at, segments, node: ROOT, namespace: 0 }));
  for (let depth = 0; active.length > 0; depth += 1) {
    const first = new Map<string, Step>();
    for (const path of active) {
      const key = keyOf(path.node, path.segments[depth] as Segment);
      const step = first.get(key) ?? stepOf(path.node, path.segments[depth] as Segment, path.namespace);
      const position = positions[path.at];
      if (position !== undefined) step.positions.push(position);
      first.set(key, step);
    }
    await translate([...first.values()], `resolving step ${depth}`, limits, server);
    const open = [...first].filter(([, step]) => !step.target && !step.failed && step.free);
    const second = open.flatMap(([key, step]) =>
      others(namespaces, step.namespace).map((namespace) => ({ key, step: { ...step, namespace } })),
    );
    await translate(
      second.map(({ step }) => step),
      `resolving step ${depth} elsewhere`,
      limits,
      server,
    );
    const found = new Map<string, Step[]>();
    for (const { key, step } of second) if (step.target) found.set(key, [...(found.get(key) ?? []), step]);

    const next: typeof active = [];
    for (const path of active) {
      const segment = path.segments[depth] as Segment;
      const key = keyOf(path.node, segment);
      const step = first.get(key) as Step;
      const hits = step.target ? [step] : (found.get(key) ?? []);
      const [hit] = hits;
      const where = path.segments
        .slice(0, depth + 1)
        .map(text)
        .join('');
      if (step.failed) results.set(path.at, { ...step.failed, failed: true });
      else if (!hit?.target) results.set(path.at, bad(StatusCode.BadNoMatch, `nothing is at ${where}`));
      else if (hits.length > 1) {
        const choice = hits.map((h) => `${h.namespace}:${h.name}`).join(' or ');
        results.set(path.at, bad(StatusCode.BadBrowseNameDuplicated, `several are at ${where}; write ${choice}`));
      } else if (depth + 1 === path.segments.length) results.set(path.at, { node: hit.target });
      else next.push({ ...path, node: hit.target, namespace: hit.namespace });
    }
    active = next;
  }
  return results;
}

interface Step {
  readonly from: NodeId;
  readonly namespace: number;
  readonly name: string;
  /** Whether other namespaces may be tried. */
  readonly free: boolean;
  /** Tags that lie beyond. */
  readonly positions: number[];
  target?: NodeId;
  /** The server fails every call that asks for this step. */
  failed?: { readonly status: number; readonly reason: string };
}

const stepOf = (from: NodeId, { namespace, name }: Segment, near: number): Step => ({
  from,
  namespace: namespace ?? near,
  name,
  free: namespace === undefined,
  positions: [],
});

const keyOf = (from: NodeId, { namespace, name }: Segment) => `${from} ${namespace ?? ''}:${name}`;

const text = ({ namespace, name }: Segment) => `/${namespace === undefined ? '' : `${namespace}:`}${name}`;

const others = (namespaces: number, not: number) => [...Array(namespaces).keys()].filter((i) => i !== not);

/**
 * Sets the target of every step that has exactly one.
 * @param doing what a hang-up is held against: the answer to another step acquits nobody of this one
 */
async function translate(steps: readonly Step[], doing: string, limits: Limits, server: Calls): Promise<void> {
  const send = async (portion: readonly Step[]) => {
    const paths = portion.map((step) => browsePath(step.from, HIERARCHICAL, step));
    const results = await server.once('resolving browse paths', (session) => session.translateBrowsePath(paths));
    for (const [i, step] of portion.entries()) {
      const [target, more] = results[i]?.targets ?? [];
      if (target && !more && target.remainingPathIndex === WHOLE_PATH) step.target = localId(target.targetId);
    }
  };
  await server.portions(steps, limits.translate, send, 1, {
    alone(step, fault) {
      const { status, failure: reason } = failure(fault);
      step.failed = { status, reason };
    },
    asking: (portion) =>
      server.asking(
        doing,
        portion.flatMap(({ positions }) => positions),
      ),
  });
}

/** One step from a node by reference type (or its subtypes) and browse name. */
export function browsePath(from: NodeId, reference: NodeId, { namespace, name }: { namespace: number; name: string }) {
  const targetName: QualifiedNameOptions = { namespaceIndex: namespace, name };
  const step = { referenceTypeId: reference, isInverse: false, includeSubtypes: true, targetName };
  return { startingNode: from, relativePath: { elements: [step] } };
}

const localId = (id: NodeId) => new NodeId(id.identifierType, id.value, id.namespace);
