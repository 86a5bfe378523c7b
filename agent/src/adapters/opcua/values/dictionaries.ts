// The type dictionaries of a server (OPC 10000-5 section 6.3 in version 1.03): from the id of an encoding by its
// description to the dictionary that tells the type. Each is fetched once in a connection, in parts where it does not come
// whole, and bounded in bytes, in fields and in number.

import { AttributeIds, BrowseDirection, type NodeId, ReadValueId, resolveNodeId } from 'node-opcua-client';
import { isBad, statusName } from '../../../model/status.ts';
import type { Session } from '../source/session.ts';
import { NotDescribed, readDictionary } from './dictionary.ts';
import type { Known } from './structures.ts';

/** One service call; rejects with a Fault. */
export type Once = <T>(doing: string, work: (session: Session) => Promise<T>) => Promise<T>;

export interface Dictionaries {
  /** The type behind the id of an encoding. Rejects with NotDescribed, or with a Fault when the connection fails. */
  describe(encoding: NodeId): Promise<Known>;
  /** A type that a field of another one refers to; undefined: no dictionary has it. */
  look(reference: string): Known | undefined;
}

const MOST_BYTES = 4 * 1024 * 1024;
const MOST_DICTIONARIES = 64;
/** Fields of all dictionaries. */
const MOST_FIELDS = 100_000;
/** A part of one that does not come whole, and the smallest that is worth a call. */
const PART = 65_536;
const SMALLEST_PART = 1_024;

const HAS_DESCRIPTION = resolveNodeId('i=39');
const HAS_COMPONENT = resolveNodeId('i=47');
const HAS_PROPERTY = resolveNodeId('i=46');
/** The folder of all dictionaries in OPC Binary. */
const OPC_BINARY = resolveNodeId('i=93');

/** @param tooMuch whether a call failed because of the size of its answer; @param late throws when it takes too long */
export function dictionaries(once: Once, tooMuch: (error: unknown) => boolean, late: () => void): Dictionaries {
  const types = new Map<string, Known>();
  /** By their node; the reason of one that cannot be used. */
  const loaded = new Map<string, NotDescribed | undefined>();
  let fields = 0;

  async function neighbour(node: NodeId, reference: NodeId, direction: BrowseDirection): Promise<NodeId[]> {
    late();
    const { references } = await once('asking for a type dictionary', (session) =>
      session.browse({
        nodeId: node,
        referenceTypeId: reference,
        browseDirection: direction,
        includeSubtypes: true,
        resultMask: 0,
      }),
    );
    return (references ?? []).map(({ nodeId }) => nodeId);
  }

  async function value(nodeId: NodeId, indexRange?: string): Promise<unknown> {
    late();
    const wish = { nodeId, attributeId: AttributeIds.Value, ...(indexRange && { indexRange: indexRange as never }) };
    const answer = await once('reading a type dictionary', (session) => session.read(new ReadValueId(wish)));
    const status = answer?.statusCode?.value ?? 0;
    if (isBad(status)) throw new NotDescribed(`the server says ${statusName(status)} of ${nodeId}`);
    return answer?.value?.value;
  }

  /** The bytes of a dictionary, in parts where it does not come whole. */
  async function fetch(node: NodeId): Promise<Uint8Array> {
    let whole: unknown;
    try {
      whole = await value(node);
    } catch (error) {
      if (!(error instanceof NotDescribed) && !tooMuch(error)) throw error;
      whole = await inParts(node, error);
    }
    if (!Buffer.isBuffer(whole) || whole.length === 0) throw new NotDescribed(`its type dictionary ${node} is empty`);
    if (whole.length > MOST_BYTES) throw new NotDescribed(`its type dictionary ${node} has ${whole.length} bytes`);
    return whole;
  }

  async function inParts(node: NodeId, reason: unknown): Promise<Buffer> {
    const parts: Buffer[] = [];
    let size = PART;
    for (let at = 0; at <= MOST_BYTES; ) {
      let part: unknown;
      try {
        part = await value(node, `${at}:${at + size - 1}`);
      } catch (error) {
        // The end, where the length is a whole number of parts.
        if (error instanceof NotDescribed && at > 0) break;
        if (size / 2 < SMALLEST_PART) throw reason;
        size /= 2;
        continue;
      }
      if (!Buffer.isBuffer(part) || part.length > size) throw reason;
      parts.push(part);
      at += part.length;
      if (part.length < size) break;
    }
    return Buffer.concat(parts);
  }

  /** Reads a dictionary and those that it refers to. */
  async function load(first: NodeId): Promise<void> {
    const queue = [first];
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      const key = String(node);
      const before = loaded.get(key);
      if (before !== undefined && node === first) throw before;
      if (loaded.has(key)) continue;
      if (loaded.size >= MOST_DICTIONARIES)
        throw new NotDescribed(`the server has more than ${MOST_DICTIONARIES} type dictionaries`);
      loaded.set(key, undefined);
      try {
        const imports = await keep(node);
        for (const uri of imports) if (!isKnown(uri)) queue.push(...(await dictionariesOf(uri)));
      } catch (error) {
        if (!(error instanceof NotDescribed)) {
          loaded.delete(key);
          throw error;
        }
        loaded.set(key, error);
        // One that is merely referred to lacks at those that need it.
        if (node === first) throw error;
      }
    }
  }

  /** Reads one dictionary; the namespaces that it refers to. */
  async function keep(node: NodeId): Promise<readonly string[]> {
    const bytes = await fetch(node);
    late();
    const read = await readDictionary(bytes, String(node), MOST_FIELDS - fields).catch((error: unknown) => {
      if (!(error instanceof NotDescribed)) throw error;
      throw new NotDescribed(`its type dictionary ${node} cannot be used: ${error.message}`);
    });
    fields += read.fields;
    for (const [name, known] of read.types) {
      types.set(`${node}#${name}`, known);
      // As other dictionaries refer to it.
      const reference = `${read.namespace}#${name}`;
      if (!types.has(reference)) types.set(reference, known);
    }
    namespaces.set(String(node), read.namespace);
    return read.imports;
  }

  /** Namespaces of dictionaries, by their node. */
  const namespaces = new Map<string, string>();
  const isKnown = (uri: string) => uri === 'http://opcfoundation.org/UA/' || [...namespaces.values()].includes(uri);

  /** The dictionaries of a namespace, by their property NamespaceUri. */
  async function dictionariesOf(uri: string): Promise<NodeId[]> {
    const all = (await neighbour(OPC_BINARY, HAS_COMPONENT, BrowseDirection.Forward)).slice(0, MOST_DICTIONARIES);
    const found: NodeId[] = [];
    for (const node of all) {
      for (const property of await neighbour(node, HAS_PROPERTY, BrowseDirection.Forward))
        if ((await value(property).catch(unless)) === uri) found.push(node);
    }
    return found;
  }

  return {
    look: (reference) => types.get(reference),
    async describe(encoding) {
      const [description] = await neighbour(encoding, HAS_DESCRIPTION, BrowseDirection.Forward);
      if (description === undefined) throw new NotDescribed('it stands in no type dictionary (OPC UA 1.03)');
      const name = await value(description);
      const [dictionary] = await neighbour(description, HAS_COMPONENT, BrowseDirection.Inverse);
      if (typeof name !== 'string' || dictionary === undefined)
        throw new NotDescribed(`the server does not say which type ${description} describes`);
      await load(dictionary);
      const known = types.get(`${dictionary}#${name}`);
      if (known === undefined)
        throw new NotDescribed(`its type dictionary ${dictionary} has no type ${name.slice(0, 100)}`);
      return known;
    },
  };
}

/** What cannot be read is not what is looked for. */
function unless(error: unknown): undefined {
  if (!(error instanceof NotDescribed)) throw error;
}
