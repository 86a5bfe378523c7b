// The data types of a server, learned when the first value of a type comes: what is behind the id that an encoded
// structure carries, and how its fields are encoded. What a server says of its types is bounded in number, in depth and
// in time; a type that cannot be learned is remembered with the reason, and asked for again at the next connect.

import { AttributeIds, BrowseDirection, type NodeId, resolveNodeId } from 'node-opcua-client';
import { NodeIdType } from 'node-opcua-nodeid';
import type { Value } from '../../../model/batch.ts';
import { Fault } from '../../../model/fault.ts';
import { StatusCode } from '../../../model/status.ts';
import type { Courtesy } from '../source/courtesy.ts';
import { dictionaries, type Once } from './dictionaries.ts';
import { NotDescribed } from './dictionary.ts';
import { standardStructure, standardType } from './standard.ts';
import { decodeStructure, type Known, type StructureField } from './structures.ts';
import { Undecodable, type ValueTypes } from './values.ts';

export interface Types extends ValueTypes {
  /** Whether a value came whose type is not known yet. */
  readonly wanting: boolean;
  /** Learns what is wanting. Rejects when the connection fails. */
  learn(): Promise<void>;
  /** Told why a type cannot be decoded; undefined: it can after all. */
  onFailure: (type: string, reason: string | undefined) => void;
}

const MOST_TYPES = 2_000;
const MOST_FIELDS = 5_000;
/** Supertypes of a type. */
const HIGHEST = 32;
/** Longest that learning may hold up the messages of a subscription, ms. */
const PATIENCE = 12_000;
/** When a type is asked for again that the server did not describe in that time, ms. */
const LATER = 300_000;

const HAS_ENCODING = resolveNodeId('i=38');
const HAS_SUBTYPE = resolveNodeId('i=45');
const DEFAULT_BINARY = 'Default Binary';
/** BrowseName of BrowseResultMask (OPC 10000-4 section 7.6). */
const RESULT_BROWSE_NAME = 8;

/** Faults of a server that is there. */
const ANSWERED: readonly string[] = ['source.protocol', 'source.timeout', 'source.refused'];

const HANGS_UP = 'the server hangs up when it is asked for its type';

const STRUCTURE = 22;
const VARIANT = 24;
const INT32 = 6;

/** Abstract types of namespace 0 and how their values are encoded. */
const ABSTRACT = new Map([
  [26, VARIANT],
  [27, VARIANT],
  [28, VARIANT],
  [29, INT32],
]);

/** StructureType (OPC 10000-3 section 8.48): plain is 0. */
const OPTIONAL = 1;
const UNION = 2;
const SUBTYPED = 3;
const UNION_SUBTYPED = 4;

/** StructureDefinition, whose class the library does not export. */
interface Definition {
  readonly structureType: number;
  readonly fields:
    | readonly {
        readonly name: string | null;
        readonly dataType: NodeId;
        readonly valueRank: number;
        readonly isOptional: boolean;
      }[]
    | null;
}

const isStructure = (value: unknown): value is Definition =>
  (value as { schema?: { name?: string } } | null)?.schema?.name === 'StructureDefinition';

const failed = (reason: string): Known => ({ kind: 'failed', reason });
const builtIn = (id: number): Known => ({ kind: 'built-in', id });

/**
 * @param tooMuch whether a call failed because of the size of its answer
 * @param courtesy knows the types over which the server hung up
 */
export function serverTypes(once: Once, tooMuch: (error: unknown) => boolean, courtesy?: Courtesy): Types {
  const encodings = new Map<string, Known>();
  const types = new Map<string, Known>();
  const wanting = new Map<string, NodeId>();
  /** When those are asked for again that there was no time for. */
  const again = new Map<string, number>();
  let until = 0;
  const late = () => {
    if (performance.now() > until) throw new Error('it took too long to learn its type');
  };
  const books = dictionaries(once, tooMuch, late);

  async function parent(node: NodeId, reference: NodeId): Promise<NodeId | undefined> {
    late();
    const { references } = await once('asking for the type of a value', (session) =>
      session.browse({
        nodeId: node,
        referenceTypeId: reference,
        browseDirection: BrowseDirection.Inverse,
        includeSubtypes: true,
        resultMask: 0,
      }),
    );
    return references?.[0]?.nodeId;
  }

  /** The built-in type that a type is derived from. */
  async function baseOf(type: NodeId): Promise<number | undefined> {
    let node: NodeId | undefined = type;
    for (let i = 0; node !== undefined && i < HIGHEST; i++) {
      const id = node.namespace === 0 && node.identifierType === NodeIdType.NUMERIC ? Number(node.value) : 0;
      if (id > 0 && id <= 25) return id;
      const known = ABSTRACT.get(id);
      if (known !== undefined) return known;
      node = await parent(node, HAS_SUBTYPE);
    }
    return undefined;
  }

  async function definitionOf(type: NodeId) {
    const ids = [AttributeIds.DataTypeDefinition, AttributeIds.IsAbstract, AttributeIds.BrowseName];
    const values = await once('reading what a type is made of', (session) =>
      session.read(ids.map((attributeId) => ({ nodeId: type, attributeId }))),
    );
    const [definition, abstract, name] = values.map(({ value }) => value.value as unknown);
    return { definition, isAbstract: abstract === true, name: String((name as { name?: unknown })?.name ?? type) };
  }

  /** The type as a dictionary has it: servers before OPC UA 1.04 have nothing else. */
  async function byDictionary(type: NodeId, name: string, given: NodeId | undefined): Promise<Known> {
    try {
      const encoding = given ?? (await encodingOf(type));
      if (encoding === undefined) throw new NotDescribed('it has no binary encoding');
      return await books.describe(encoding);
    } catch (error) {
      if (!(error instanceof NotDescribed)) throw error;
      const reason = `${type} has no DataTypeDefinition (OPC UA 1.04), and ${error.message}`;
      return failed(`the server does not describe its type ${name}: ${reason}`);
    }
  }

  async function encodingOf(type: NodeId): Promise<NodeId | undefined> {
    late();
    const { references } = await once('asking for the type of a value', (session) =>
      session.browse({
        nodeId: type,
        referenceTypeId: HAS_ENCODING,
        browseDirection: BrowseDirection.Forward,
        includeSubtypes: true,
        resultMask: RESULT_BROWSE_NAME,
      }),
    );
    return references?.find(({ browseName }) => browseName.name === DEFAULT_BINARY)?.nodeId;
  }

  /** What one type is, and the types of its fields. @param encoding of it, where that is known */
  async function describe(type: NodeId, encoding?: NodeId): Promise<{ known: Known; needs: readonly NodeId[] }> {
    const base = await baseOf(type);
    if (base === undefined) return { known: failed(`the server does not say what ${type} is derived from`), needs: [] };
    if (base !== STRUCTURE) return { known: builtIn(base), needs: [] };
    const { definition, isAbstract, name } = await definitionOf(type);
    // Some servers call types abstract of which they have values.
    if (
      (isAbstract && encoding === undefined) ||
      String(type) === `i=${STRUCTURE}` ||
      String(type) === `ns=0;i=${STRUCTURE}`
    )
      return { known: builtIn(STRUCTURE), needs: [] };
    if (!isStructure(definition))
      return { known: standardStructure(type) ?? (await byDictionary(type, name, encoding)), needs: [] };
    const fields = definition.fields ?? [];
    if (fields.length > MOST_FIELDS)
      return { known: failed(`its type ${name} has ${fields.length} fields`), needs: [] };
    const { structureType } = definition;
    const subtyped = structureType >= SUBTYPED;
    const union = structureType === UNION || structureType === UNION_SUBTYPED;
    const optional = structureType === OPTIONAL;
    const needs: NodeId[] = [];
    const list: StructureField[] = [];
    for (const { name, dataType, valueRank, isOptional } of fields) {
      // Where subtypes are allowed, a field says itself what it is (OPC 10000-3 section 8.51).
      const open = subtyped && isOptional;
      const derived = open ? await baseOf(dataType) : undefined;
      const type = open ? `i=${derived === STRUCTURE ? STRUCTURE : VARIANT}` : String(dataType);
      if (!open) needs.push(dataType);
      list.push({ name: name ?? '', type, rank: valueRank, optional: optional && isOptional });
    }
    return { known: { kind: union ? 'union' : optional ? 'optional' : 'structure', name, fields: list }, needs };
  }

  /** A type with all that it is made of; types that contain themselves are described once. */
  async function resolve(root: NodeId, encoding: NodeId): Promise<Known> {
    const queue = [root];
    const learned: string[] = [];
    try {
      for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
        const key = String(type);
        if (types.has(key)) continue;
        if (types.size >= MOST_TYPES) return failed(`the server has more than ${MOST_TYPES} types`);
        const { known, needs } = await describe(type, type === root ? encoding : undefined);
        types.set(key, known);
        learned.push(key);
        queue.push(...needs);
      }
    } catch (error) {
      // Half of it would be taken for the whole the next time.
      for (const key of learned) types.delete(key);
      throw error;
    }
    return types.get(String(root)) ?? failed('it is of no type');
  }

  async function encoded(encoding: NodeId): Promise<Known> {
    const type = await parent(encoding, HAS_ENCODING);
    if (type !== undefined) return await resolve(type, encoding);
    try {
      return await books.describe(encoding);
    } catch (error) {
      if (!(error instanceof NotDescribed)) throw error;
      return failed(`the server does not say of which type ${encoding} is, and ${error.message}`);
    }
  }

  /** What ends the link is held against the type. */
  async function unended<T>(key: string, work: Promise<T>): Promise<T> {
    const answered = courtesy?.asking('asking for a type', [key]);
    try {
      const known = await work;
      answered?.();
      return known;
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'source.closed')) answered?.();
      throw error;
    }
  }

  const look = (type: string): Known | undefined => {
    const standard = /^(?:ns=0;)?i=(\d+)$/.exec(type);
    const id = Number(standard?.[1] ?? 0);
    return id > 0 && id <= 25 ? builtIn(id) : (types.get(type) ?? books.look(type) ?? standardType(type));
  };

  const self: Types = {
    onFailure: () => {},
    get wanting() {
      return wanting.size > 0;
    },
    decode(encoding, body, plain): Value {
      const key = String(encoding);
      const known = encodings.get(key);
      if (known === undefined) {
        if (encodings.size + wanting.size < MOST_TYPES) wanting.set(key, encoding);
        throw new Undecodable(StatusCode.BadDataTypeIdUnknown);
      }
      if (known.kind === 'failed') {
        if (performance.now() > (again.get(key) ?? Number.POSITIVE_INFINITY)) wanting.set(key, encoding);
        throw new Undecodable(StatusCode.BadDataTypeIdUnknown);
      }
      try {
        return decodeStructure(known, body, look, plain);
      } catch (error) {
        if (error instanceof Undecodable) throw error;
        self.onFailure(key, `a value of this type does not fit it: ${(error as Error).message}`);
        throw new Undecodable(StatusCode.BadDecodingError);
      }
    },
    async learn() {
      until = performance.now() + PATIENCE;
      for (const [key, encoding] of wanting) {
        let known: Known;
        again.delete(key);
        try {
          known = courtesy?.manner(key) === 'not' ? failed(HANGS_UP) : await unended(key, encoded(encoding));
        } catch (error) {
          // A type that cannot be asked for harms nobody else; whether the link is broken others will tell.
          if (error instanceof Fault && !ANSWERED.includes(error.code)) throw error;
          known = failed((error as Error).message);
          again.set(key, performance.now() + LATER);
        }
        wanting.delete(key);
        const before = encodings.get(key);
        encodings.set(key, known);
        if (known.kind === 'failed') self.onFailure(key, known.reason);
        else if (before !== undefined) self.onFailure(key, undefined);
      }
    },
  };
  return self;
}
