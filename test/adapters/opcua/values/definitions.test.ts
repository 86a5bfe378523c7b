// What a hostile server says of its types in DataTypeDefinition: a value that it cannot mean is Bad, with a reason, and
// other tags go on.

import type { AddressSpace } from 'node-opcua-address-space';
import { AttributeIds, DataType, DataValue, NodeId, resolveNodeId, StatusCodes, Variant } from 'node-opcua-client';
import { EnumDefinition, StructureDefinition } from 'node-opcua-types';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import type { Value } from '../../../../agent/src/model/batch.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { structureOf } from '../raw-structure.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const structure = (fields: object[] | null) => {
  const made = new StructureDefinition({ baseDataType: resolveNodeId('i=22') });
  (made as { fields: unknown }).fields = fields?.map((one) => Object.assign(new (fieldClass())(), one)) ?? null;
  return made;
};
/** The library exports no class of its own for a field; a definition makes one. */
const fieldClass = () =>
  new StructureDefinition({ fields: [{}] }).fields?.[0]?.constructor as new () => { dataType: NodeId };
const byte = (name: string | null, more: object = {}) => ({
  name,
  dataType: resolveNodeId('i=3'),
  valueRank: -1,
  ...more,
});
const variant = (value: object | null) => new Variant({ dataType: DataType.ExtensionObject, value });

interface Case {
  readonly name: string;
  readonly definition: (self: NodeId) => Variant | undefined;
  readonly body: number[];
  /** The value, or what `/status` says. */
  readonly expected: Value | RegExp;
}

const CASES: readonly Case[] = [
  { name: 'honest', definition: () => variant(structure([byte('X')])), body: [7], expected: { X: 7 } },
  { name: 'fields without names', definition: () => variant(structure([byte(null)])), body: [7], expected: { '': 7 } },
  {
    name: 'no fields',
    definition: () => variant(structure(null)),
    body: [7],
    expected: /1 of its 1 bytes are left over/,
  },
  { name: 'of itself', definition: (dataType) => variant(structure([byte('X', { dataType })])), body: [7], expected: /nested too deep/ }, // biome-ignore format: one line
  { name: 'a list of itself', definition: (dataType) => variant(structure([byte('X', { dataType, valueRank: 1 })])), body: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], expected: /ends|bounds|range/ }, // biome-ignore format: one line
  { name: 'a field of nothing', definition: () => variant(structure([byte('X', { dataType: new NodeId() })])), body: [7], expected: /its field X/ }, // biome-ignore format: one line
  { name: 'a field of nobody', definition: () => variant(structure([byte('X', { dataType: resolveNodeId('ns=2;i=424242') })])), body: [7], expected: /its field X: the server does not say what .* is derived from/ }, // biome-ignore format: one line
  { name: 'many fields', definition: () => variant(structure(Array.from({ length: 20_000 }, () => byte('X')))), body: [7], expected: /has 20000 fields/ }, // biome-ignore format: one line
  { name: 'any rank', definition: () => variant(structure([byte('X', { valueRank: 0x7fff_ffff })])), body: [255, 255, 255, 127], expected: /longer than its bytes/ }, // biome-ignore format: one line
  { name: 'an enumeration', definition: () => variant(new EnumDefinition({ fields: [{ name: 'A' }] })), body: [7], expected: /does not describe its type/ }, // biome-ignore format: one line
  { name: 'a text', definition: () => new Variant({ dataType: DataType.String, value: 'X: Byte' }), body: [7], expected: /does not describe its type/ }, // biome-ignore format: one line
  { name: 'null', definition: () => variant(null), body: [7], expected: /does not describe its type/ },
  { name: 'denied', definition: () => undefined, body: [7], expected: /does not describe its type/ },
];

let small: SmallServer;
let sink: Recorder;
let run: Promise<void>;
const stop = new AbortController();
const nodes = [...CASES.map(({ name }) => name), 'plain'];

function fill(space: AddressSpace): void {
  const namespace = space.registerNamespace('urn:plc');
  for (const { name, definition, body } of CASES) {
    const type = namespace.createDataType({
      browseName: name,
      nodeId: `s=type ${name}`,
      isAbstract: false,
      subtypeOf: 'Structure',
    });
    const encoding = namespace.addObject({
      browseName: { name: 'Default Binary', namespaceIndex: 0 },
      nodeId: `s=encoding ${name}`,
      encodingOf: type,
    });
    const honest = type.readAttribute.bind(type);
    type.readAttribute = (context, attributeId, ...more) => {
      if (attributeId !== AttributeIds.DataTypeDefinition) return honest(context, attributeId, ...more);
      const answer = new DataValue(null);
      const told = definition(type.nodeId);
      answer.statusCode = told === undefined ? StatusCodes.BadUserAccessDenied : StatusCodes.Good;
      if (told) answer.value = told;
      return answer;
    };
    namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: name,
      nodeId: `s=${name}`,
      dataType: 'Structure',
      minimumSamplingInterval: 50,
      value: { timestamped_get: () => structureOf(encoding.nodeId, Buffer.from(body)) },
    });
  }
  let count = 0;
  namespace.addVariable({
    organizedBy: space.rootFolder.objects,
    browseName: 'plain',
    nodeId: 's=plain',
    dataType: DataType.Int32,
    minimumSamplingInterval: 50,
    value: { get: () => new Variant({ dataType: DataType.Int32, value: ++count }) },
  });
}

beforeAll(async () => {
  small = await smallServer(fill);
  const tags = tagsOf(nodes.map((name) => `nsu=urn:plc;s=${name}`));
  const adapter = opcuaAdapter(openly(small.endpoint, scratch(), tags), { ...QUICK, keepAlive: 5_000 });
  sink = recorder();
  await adapter.connect(stop.signal);
  run = adapter.run(sink, stop.signal).finally(() => adapter.close());
  await Promise.race([run, until('a reading of every tag', () => nodes.every((_, tag) => sink.last(tag)), 60_000)]);
}, 90_000);
afterAll(async () => {
  stop.abort();
  await run;
  await small?.stop();
});

test.each(CASES)('$name', ({ name, expected }) => {
  const reading = sink.of(nodes.indexOf(name))[0]!;
  const trouble = [...sink.parts].find(([key]) => key.endsWith(`s=encoding ${name}`))?.[1];
  if (expected instanceof RegExp) {
    expect(trouble).toMatch(expected);
    expect(statusName(reading.status)).toMatch(/^Bad(DataTypeIdUnknown|DecodingError)$/);
    expect(reading.value).toBeNull();
  } else {
    expect(trouble).toBeUndefined();
    expect(reading.value).toEqual(expected);
  }
});

test('others are not disturbed', async () => {
  const plain = nodes.indexOf('plain');
  const before = sink.of(plain).length;
  await until('more readings', () => sink.of(plain).length > before + 3);
  expect(sink.gaps).toEqual([]);
});
