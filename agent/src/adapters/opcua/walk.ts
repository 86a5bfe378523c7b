// The walk through a server's address space: level by level, many nodes in one call, every node once however many
// ways lead to it. Servers cap the nodes of a call and the references of an answer, and keep few continuation points
// (small PLCs one), so only one call is under way, and what was refused for want of them is asked again alone.

import {
  BrowseDirection,
  type BrowseResult,
  NodeClass,
  type NodeId,
  type ReferenceDescription,
  resolveNodeId,
} from 'node-opcua-client';
import { StatusCode } from '../../model/status.ts';
import type { Calls } from './calls.ts';

/** A variable, with where its facts are. */
export interface Variable {
  readonly node: NodeId;
  /** Below Root, as a mapping writes it. */
  readonly path: string;
  readonly name: string;
  /** The nodes of the properties EURange and EngineeringUnits, where it has them. */
  range?: NodeId;
  unit?: NodeId;
}

export interface WalkOptions {
  readonly from: { readonly node: NodeId; readonly path: string };
  /** Not gone into. */
  readonly without: ReadonlySet<string>;
  /** Most nodes in one call. */
  readonly most: number;
  /** Told how many nodes were seen, and how many could not be looked into. */
  readonly progress: (nodes: number, refused: number) => void;
  readonly signal: AbortSignal;
}

interface Open {
  readonly node: NodeId;
  readonly path: string;
  readonly variable?: Variable;
}

const HIERARCHICAL = resolveNodeId('i=33');
const HAS_PROPERTY = 'ns=0;i=46';
/** Reference type, node class, browse name; display names and type definitions would only make answers longer. */
const RESULT_MASK = 0x01 | 0x04 | 0x08;
/** What the gateway asks for at most in an answer about one node; the rest follows by continuation points. */
const MOST_REFERENCES = 1_000;

/** The variables below a node, in portions as they are found. Rejects with a Fault when the connection fails. */
export async function* walk(server: Calls, options: WalkOptions): AsyncGenerator<Variable[]> {
  const { from, most, progress, signal } = options;
  const seen = new Set<string>([from.node.toString(), ...options.without]);
  let open: Open[] = [from];
  let refused = 0;
  server.session.requestedMaxReferencesPerNode = MOST_REFERENCES;
  while (open.length > 0) {
    const next: Open[] = [];
    const alone: Open[] = [];
    const done: Variable[] = [];
    const look = async (portion: readonly Open[], patient: boolean) => {
      signal.throwIfAborted();
      const results = await browse(server, portion);
      for (const [i, parent] of portion.entries()) {
        const { references, status } = results[i] as Answer;
        if (status === StatusCode.BadNoContinuationPoints && patient) {
          alone.push(parent);
          continue;
        }
        if (status !== StatusCode.Good) refused++;
        for (const reference of references) {
          const child = childOf(parent, reference, seen);
          if (child) next.push(child);
        }
        if (parent.variable) done.push(parent.variable);
      }
      progress(seen.size - options.without.size, refused);
    };
    await server.portions(open, most, (portion) => look(portion, true));
    for (const one of alone) await look([one], false);
    if (done.length > 0) yield done;
    open = next;
  }
}

/** The child that a reference leads to, unless it was seen before or is a property; the facts of the parent are kept. */
function childOf(parent: Open, reference: ReferenceDescription, seen: Set<string>): Open | undefined {
  const { nodeId, browseName, nodeClass, referenceTypeId } = reference;
  // What lies on another server cannot be asked here.
  if ((nodeId as { serverIndex?: number }).serverIndex) return undefined;
  if (referenceTypeId.toString() === HAS_PROPERTY) {
    if (parent.variable && browseName.namespaceIndex === 0) {
      if (browseName.name === 'EURange') parent.variable.range = nodeId;
      if (browseName.name === 'EngineeringUnits') parent.variable.unit = nodeId;
    }
    return undefined;
  }
  const key = nodeId.toString();
  if (seen.has(key)) return undefined;
  seen.add(key);
  const name = browseName.name ?? '';
  const path = `${parent.path}/${inPath(name)}`;
  if (nodeClass !== NodeClass.Variable) return { node: nodeId, path };
  return { node: nodeId, path, variable: { node: nodeId, path, name } };
}

/** As OPC 10000-4 Annex A.2 wants it in a path. */
const inPath = (name: string) => name.replace(/[/&:]/g, '&$&');

interface Answer {
  readonly references: readonly ReferenceDescription[];
  readonly status: number;
}

/** The references of every node, with what comes by continuation points. */
async function browse(server: Calls, nodes: readonly Open[]): Promise<Answer[]> {
  const descriptions = nodes.map(({ node }) => ({
    nodeId: node,
    browseDirection: BrowseDirection.Forward,
    referenceTypeId: HIERARCHICAL,
    includeSubtypes: true,
    nodeClassMask: NodeClass.Object | NodeClass.Variable,
    resultMask: RESULT_MASK,
  }));
  const results = (await server.once('browsing', (session) => session.browse(descriptions))) as BrowseResult[];
  const answers = nodes.map((_, i) => ({
    references: [...(results[i]?.references ?? [])],
    status: results[i]?.statusCode.value ?? StatusCode.BadUnexpectedError,
    more: results[i]?.continuationPoint,
  }));
  for (;;) {
    const unfinished = answers.filter(({ more }) => more && more.length > 0);
    if (unfinished.length === 0) return answers;
    const points = unfinished.map(({ more }) => more as Buffer);
    const rest = (await server.once('browsing on', (session) => session.browseNext(points, false))) as BrowseResult[];
    for (const [i, answer] of unfinished.entries()) {
      answer.references.push(...(rest[i]?.references ?? []));
      answer.status = rest[i]?.statusCode.value ?? StatusCode.BadUnexpectedError;
      answer.more = rest[i]?.continuationPoint;
    }
  }
}
