// The walk through a server's address space: level by level, many nodes in one call, every node once however many
// ways lead to it. Servers cap the nodes of a call and the references of an answer, and keep few continuation points
// (small PLCs one), so only one call is under way, and what was refused for want of them is asked again alone. An
// address space may have no end (a server that makes up nodes as it is asked): depth, nodes and answers are bounded.

import {
  BrowseDirection,
  type BrowseResult,
  NodeClass,
  type NodeId,
  type ReferenceDescription,
  resolveNodeId,
} from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import { StatusCode, statusName } from '../../../model/status.ts';
import type { Calls } from '../link/calls.ts';

/** A variable, with where its facts are. */
export interface Variable {
  readonly node: NodeId;
  /** Below Root, as a mapping writes it. */
  readonly path: string;
  readonly name: string;
  /** The nodes of its properties EURange and EngineeringUnits, and of those that have texts, where it has them. */
  range?: NodeId;
  unit?: NodeId;
  strings?: NodeId;
  values?: NodeId;
  whenTrue?: NodeId;
  whenFalse?: NodeId;
}

/** Which property is kept where. */
const KEPT = new Map<string, 'range' | 'unit' | 'strings' | 'values' | 'whenTrue' | 'whenFalse'>([
  ['EURange', 'range'],
  ['EngineeringUnits', 'unit'],
  ['EnumStrings', 'strings'],
  ['EnumValues', 'values'],
  ['TrueState', 'whenTrue'],
  ['FalseState', 'whenFalse'],
]);

export interface WalkOptions {
  readonly from: Variable & { readonly isVariable: boolean };
  /** Not gone into. */
  readonly without: ReadonlySet<string>;
  /** Most nodes in one call. */
  readonly most: number;
  /** Told how many nodes were seen, and how many could not be looked into, by why. */
  readonly progress: (nodes: number, refused: ReadonlyMap<string, number>) => void;
  readonly signal: AbortSignal;
  /** Most nodes altogether. */
  readonly bound: number;
}

/** A node to look into. */
interface Open extends Variable {
  readonly depth: number;
  readonly isVariable: boolean;
}

/** Deeper than any plant's; a server that goes on below makes it up. */
const DEEPEST = 100;
/** Identifiers and names that are longer are not of OPC UA (OPC 10000-3 sections 8.2.3 and 8.3), characters. */
const LONGEST = 4_096;
/** Answers without a reference, one after the other, that only promise more. */
const MOST_EMPTY = 10;

const HIERARCHICAL = resolveNodeId('i=33');
const HAS_PROPERTY = 'ns=0;i=46';
/** Reference type, node class, browse name; display names and type definitions would only make answers longer. */
const RESULT_MASK = 0x01 | 0x04 | 0x08;
/** What the gateway asks for at most in an answer about one node; the rest follows by continuation points. */
const MOST_REFERENCES = 1_000;

/**
 * The variables below a node, in portions as they are found. Rejects with a Fault when the connection fails.
 * @param use does work with the server, again from the beginning when the link broke meanwhile
 */
export async function* walk(
  use: (work: (server: Calls) => Promise<void>) => Promise<void>,
  options: WalkOptions,
): AsyncGenerator<Variable[]> {
  const { from, most, progress, signal, bound } = options;
  const seen = new Set<string>([from.node.toString(), ...options.without]);
  const refused = new Map<string, number>();
  const refuse = (why: string) => refused.set(why, (refused.get(why) ?? 0) + 1);

  /** Looks into nodes; `alone` takes those that could not be answered among others, for a second time. */
  async function look(nodes: readonly Open[], alone: Open[] | undefined, next: Portions): Promise<Variable[]> {
    const left = new Set(nodes);
    const done: Variable[] = [];
    await use(async (server) => {
      server.session.requestedMaxReferencesPerNode = MOST_REFERENCES;
      await server.portions([...left], most, async (portion) => {
        signal.throwIfAborted();
        take(portion, await browse(server, portion, bound), alone, next, done);
        for (const one of portion) left.delete(one);
      });
    });
    return done;
  }

  function take(
    portion: readonly Open[],
    results: readonly Answer[],
    alone: Open[] | undefined,
    next: Portions,
    done: Variable[],
  ): void {
    for (const [i, parent] of portion.entries()) {
      const { references, status, endless } = results[i] as Answer;
      if (status === StatusCode.BadNoContinuationPoints && alone) {
        alone.push(parent);
        continue;
      }
      if (endless) refuse('its answer does not end');
      else if (status !== StatusCode.Good) refuse(statusName(status));
      for (const reference of references) {
        const child = childOf(parent, reference, seen);
        if (child && child.depth > DEEPEST) refuse(`below ${DEEPEST} levels`);
        else if (child) next.add(child);
      }
      if (parent.isVariable) done.push(parent);
    }
    progress(seen.size - options.without.size, refused);
    if (seen.size > bound) {
      throw new Fault(
        'source.configuration',
        `the server has more than ${bound.toLocaleString('en')} nodes there; begin further down, with --under`,
      );
    }
  }

  let open = portions(most);
  open.add({ ...from, depth: 0 });
  while (!open.empty) {
    const next = portions(most);
    const alone: Open[] = [];
    // A portion at a time, so that what is found can be described, and forgotten, while the walk goes on.
    for (let portion = open.take(); portion !== undefined; portion = open.take()) {
      const done = await look(portion, alone, next);
      if (done.length > 0) yield done;
    }
    for (const one of alone) {
      const done = await look([one], undefined, next);
      if (done.length > 0) yield done;
    }
    open = next;
  }
}

/** Nodes in the order they were added, taken out in portions: what was taken is not kept. */
interface Portions {
  add(one: Open): void;
  take(): Open[] | undefined;
  readonly empty: boolean;
}

function portions(most: number): Portions {
  const all: Open[][] = [];
  return {
    add(one) {
      const last = all.at(-1);
      if (last !== undefined && last.length < most) last.push(one);
      else all.push([one]);
    },
    take: () => all.shift(),
    get empty() {
      return all.length === 0;
    },
  };
}

/** The child that a reference leads to, unless it was seen before or is a property; the facts of the parent are kept. */
function childOf(parent: Open, reference: ReferenceDescription, seen: Set<string>): Open | undefined {
  const { nodeId, browseName, nodeClass, referenceTypeId } = reference;
  // What lies on another server cannot be asked here.
  if ((nodeId as { serverIndex?: number }).serverIndex) return undefined;
  if (referenceTypeId.toString() === HAS_PROPERTY) {
    if (parent.isVariable && browseName.namespaceIndex === 0) {
      const place = KEPT.get(browseName.name ?? '');
      if (place !== undefined) parent[place] = nodeId;
    }
    return undefined;
  }
  const key = nodeId.toString();
  const name = browseName.name ?? '';
  if (seen.has(key) || key.length > LONGEST || name.length > LONGEST) return undefined;
  seen.add(key);
  const path = `${parent.path}/${inPath(name)}`;
  return { node: nodeId, path, name, depth: parent.depth + 1, isVariable: nodeClass === NodeClass.Variable };
}

/** As OPC 10000-4 Annex A.2 wants it in a path. */
const inPath = (name: string) => name.replace(/[/&:]/g, '&$&');

interface Answer {
  readonly references: readonly ReferenceDescription[];
  readonly status: number;
  /** It was cut, because it would not end. */
  readonly endless: boolean;
}

/** The references of every node, with what comes by continuation points; none has more than `bound`. */
async function browse(server: Calls, nodes: readonly Open[], bound: number): Promise<Answer[]> {
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
    empty: 0,
    endless: false,
  }));
  for (;;) {
    const unfinished = answers.filter(({ more, endless }) => more && more.length > 0 && !endless);
    if (unfinished.length === 0) return answers;
    const points = unfinished.map(({ more }) => more as Buffer);
    const rest = (await server.once('browsing on', (session) => session.browseNext(points, false))) as BrowseResult[];
    for (const [i, answer] of unfinished.entries()) {
      const references = rest[i]?.references ?? [];
      for (const each of references) answer.references.push(each);
      answer.empty = references.length === 0 ? answer.empty + 1 : 0;
      answer.status = rest[i]?.statusCode.value ?? StatusCode.BadUnexpectedError;
      answer.more = rest[i]?.continuationPoint;
      answer.endless = answer.references.length > bound || answer.empty >= MOST_EMPTY;
    }
  }
}
