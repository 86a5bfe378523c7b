// Type dictionaries of servers before OPC UA 1.04: what they can say is decoded, what a hostile or broken one says becomes
// a Bad reading with a reason, soon, and other tags go on.

import type { AddressSpace } from 'node-opcua-address-space';
import { DataType, DataValue, StatusCodes, Variant } from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { readDictionary } from '../../../../agent/src/adapters/opcua/values/dictionary.ts';
import type { Value } from '../../../../agent/src/model/batch.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { structureOf } from '../raw-structure.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const HEAD = [
  '<opc:TypeDictionary xmlns:opc="http://opcfoundation.org/BinarySchema/" xmlns:ua="http://opcfoundation.org/UA/"',
  'xmlns:tns="urn:plc" xmlns:lib="urn:library" DefaultByteOrder="LittleEndian" TargetNamespace="urn:plc">',
].join(' ');
const whole = (body: string) => `<?xml version="1.0" encoding="utf-8"?>\n${HEAD}${body}</opc:TypeDictionary>`;
const struct = (name: string, fields: string, base = 'ua:ExtensionObject') =>
  `<opc:StructuredType Name="${name}" BaseType="${base}">${fields}</opc:StructuredType>`;
const field = (name: string, type: string, more = '') => `<opc:Field Name="${name}" TypeName="${type}" ${more}/>`;

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const double = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]);
const bytes = (...values: number[]) => Buffer.from(values);

interface Case {
  readonly name: string;
  readonly xml: string | Buffer;
  /** Of the type T. */
  readonly body: Buffer;
  /** The value, or what `/status` says. */
  readonly expected: Value | RegExp;
  readonly status?: string;
}

const OPTIONAL =
  field('NoteSpecified', 'opc:Bit') +
  field('LimitSpecified', 'opc:Bit') +
  field('Reserved1', 'opc:Bit', 'Length="30"') +
  field('Number', 'opc:UInt32') +
  field('Note', 'opc:String', 'SwitchField="NoteSpecified"') +
  field('Limit', 'opc:Double', 'SwitchField="LimitSpecified"');
const UNION =
  field('SwitchField', 'opc:UInt32') +
  field('Text', 'opc:String', 'SwitchField="SwitchField" SwitchValue="1"') +
  field('Level', 'opc:Double', 'SwitchField="SwitchField" SwitchValue="2"');
const PADDING = '<!-- x -->'.repeat(40_000);

const GOOD: readonly Case[] = [
  { name: 'optional, there', xml: whole(struct('T', OPTIONAL)), body: Buffer.concat([bytes(1, 0, 0, 0), int32(7), text('late')]), expected: { Number: 7, Note: 'late' } }, // biome-ignore format: one line
  { name: 'optional, absent', xml: whole(struct('T', OPTIONAL)), body: Buffer.concat([bytes(0, 0, 0, 0), int32(8)]), expected: { Number: 8 } }, // biome-ignore format: one line
  { name: 'optional, the other', xml: whole(struct('T', OPTIONAL)), body: Buffer.concat([bytes(2, 0, 0, 0), int32(9), double(1.5)]), expected: { Number: 9, Limit: 1.5 } }, // biome-ignore format: one line
  { name: 'union', xml: whole(struct('T', UNION, 'ua:Union')), body: Buffer.concat([int32(2), double(12.5)]), expected: { Level: 12.5 } }, // biome-ignore format: one line
  { name: 'union without its base', xml: whole(struct('T', UNION)), body: Buffer.concat([int32(1), text('x')]), expected: { Text: 'x' } }, // biome-ignore format: one line
  { name: 'union of nothing', xml: whole(struct('T', UNION, 'ua:Union')), body: int32(0), expected: null },
  { name: 'enumeration', xml: whole(`<opc:EnumeratedType Name="E" LengthInBits="32"><opc:EnumeratedValue Name="A" Value="0"/></opc:EnumeratedType>${struct('T', field('State', 'tns:E'))}`), body: int32(3), expected: { State: 3 } }, // biome-ignore format: one line
  { name: 'bits', xml: whole(struct('T', field('On', 'opc:Bit') + field('Mode', 'opc:Bit', 'Length="3"') + field('Reserved', 'opc:Bit', 'Length="4"') + field('Count', 'opc:Byte'))), body: bytes(0b1011, 9), expected: { On: true, Mode: 5, Count: 9 } }, // biome-ignore format: one line
  { name: 'fixed array', xml: whole(struct('T', field('Three', 'opc:Int16', 'Length="3"'))), body: bytes(1, 0, 2, 0, 255, 255), expected: { Three: [1, 2, -1] } }, // biome-ignore format: one line
  { name: 'array of structures', xml: whole(struct('P', field('X', 'opc:Byte')) + struct('T', field('NoOfP', 'opc:Int32') + field('P', 'tns:P', 'LengthField="NoOfP"'))), body: Buffer.concat([int32(2), bytes(4, 5)]), expected: { P: [{ X: 4 }, { X: 5 }] } }, // biome-ignore format: one line
  { name: 'null array', xml: whole(struct('T', field('NoOfP', 'opc:Int32') + field('P', 'opc:Byte', 'LengthField="NoOfP"'))), body: int32(-1), expected: { P: null } }, // biome-ignore format: one line
  { name: 'standard structure', xml: whole(struct('T', field('Limits', 'ua:Range') + field('Unit', 'ua:EUInformation'))), body: Buffer.concat([double(-1), double(2.5), text('urn:u'), int32(5), bytes(2), text('bar'), bytes(0)]), expected: { Limits: { Low: -1, High: 2.5 }, Unit: { NamespaceUri: 'urn:u', UnitId: 5, DisplayName: 'bar', Description: null } } }, // biome-ignore format: one line
  { name: 'derived, fields repeated', xml: whole(struct('B', field('Id', 'opc:Byte')) + struct('T', field('Id', 'opc:Byte', 'SourceType="tns:B"') + field('X', 'opc:Byte'), 'tns:B')), body: bytes(1, 2), expected: { Id: 1, X: 2 } }, // biome-ignore format: one line
  { name: 'derived, fields not repeated', xml: whole(struct('B', field('Id', 'opc:Byte')) + struct('T', field('X', 'opc:Byte'), 'tns:B')), body: bytes(1, 2), expected: { Id: 1, X: 2 } }, // biome-ignore format: one line
  { name: 'another dictionary', xml: whole(`<opc:Import Namespace="urn:library"/>${struct('T', field('Valve', 'lib:Valve'))}`), body: double(0.25), expected: { Valve: { Opening: 0.25 } } }, // biome-ignore format: one line
  { name: 'ended as C does', xml: Buffer.concat([Buffer.from(whole(struct('T', field('X', 'opc:Byte')))), bytes(0)]), body: bytes(7), expected: { X: 7 } }, // biome-ignore format: one line
  { name: 'large', xml: whole(PADDING + struct('T', field('X', 'opc:Byte'))), body: bytes(7), expected: { X: 7 } },
];

const LAUGHS = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>';
const BAD: readonly Case[] = [
  { name: 'no XML', xml: 'TypeDictionary: yes', body: bytes(1), expected: /it is no XML/ },
  {
    name: 'cut off',
    xml: whole(struct('T', field('X', 'opc:Byte'))).slice(0, -30),
    body: bytes(1),
    expected: /it is no XML/,
  },
  { name: 'empty', xml: '', body: bytes(1), expected: /is empty/ },
  { name: 'another document', xml: '<html><body/></html>', body: bytes(1), expected: /no TypeDictionary but a html/ },
  { name: 'a billion laughs', xml: `${LAUGHS}${HEAD}${struct('T', field('&c;', 'opc:Byte'))}</opc:TypeDictionary>`, body: bytes(1), expected: /has a DTD/ }, // biome-ignore format: one line
  { name: 'an external entity', xml: `<!DOCTYPE d SYSTEM "file:///etc/passwd">${whole('').slice(39)}`, body: bytes(1), expected: /has a DTD/ }, // biome-ignore format: one line
  { name: 'an unknown entity', xml: whole(struct('&unknown;', '')), body: bytes(1), expected: /it is no XML/ },
  { name: 'deep', xml: whole('<a>'.repeat(10_000)), body: bytes(1), expected: /nested too deep/ },
  { name: 'huge', xml: whole('<!-- -->'.repeat(600_000)), body: bytes(1), expected: /has \d{7} bytes/ },
  { name: 'many fields', xml: whole(struct('T', '<opc:Field/>'.repeat(110_000))), body: bytes(1), expected: /more than \d+ types and fields/ }, // biome-ignore format: one line
  { name: 'without the type', xml: whole(struct('Other', '')), body: bytes(1), expected: /has no type T/ },
  { name: 'of itself', xml: whole(struct('T', field('X', 'tns:T') + field('Y', 'tns:T'))), body: bytes(1), expected: /does not fit it: it is nested too deep/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'derived from itself', xml: whole(struct('T', field('X', 'opc:Byte'), 'tns:T')), body: bytes(1, 2), expected: /1 of its 2 bytes are left over/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'unknown type', xml: whole(struct('T', field('X', 'tns:Nobody'))), body: bytes(1), expected: /the type of its field X is not known/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'unknown namespace', xml: whole(`<opc:Import Namespace="urn:nowhere"/>${struct('T', field('X', 'lib:Y'))}`), body: bytes(1), expected: /the type of its field X is not known/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'endless array', xml: whole(struct('T', field('N', 'opc:Int32') + field('X', 'tns:Empty', 'LengthField="N"')) + struct('Empty', '')), body: int32(0x7fff_ffff), expected: /longer than its bytes/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'length of nobody', xml: whole(struct('T', field('X', 'opc:Byte', 'LengthField="N"'))), body: bytes(1), expected: /longer than its bytes/, status: 'BadDecodingError' }, // biome-ignore format: one line
  { name: 'too many bits', xml: whole(struct('T', field('X', 'opc:Bit', 'Length="999999999"'))), body: bytes(1), expected: /length 999999999/ }, // biome-ignore format: one line
  { name: 'big end first', xml: whole(struct('T', '')).replace('LittleEndian', 'BigEndian'), body: bytes(), expected: /BigEndian/ }, // biome-ignore format: one line
];
const CASES = [...GOOD, ...BAD];

const LIBRARY = [
  '<opc:TypeDictionary xmlns:opc="http://opcfoundation.org/BinarySchema/" TargetNamespace="urn:library">',
  struct('Valve', field('Opening', 'opc:Double')),
  '</opc:TypeDictionary>',
].join('');

/** The bytes that this server gives of a ByteString at once. */
const MOST_AT_ONCE = 100_000;

let small: SmallServer;
let sink: Recorder;
let run: Promise<void>;
const stop = new AbortController();
const nodes = [...CASES.map(({ name }) => name), 'plain'];

function fill(space: AddressSpace): void {
  const namespace = space.registerNamespace('urn:plc');
  const book = (name: string, uri: string, xml: string | Buffer) => {
    const value = Buffer.from(xml);
    const large = value.length > MOST_AT_ONCE && name === 'large';
    const made = namespace.addVariable({
      componentOf: space.findNode('i=93')!,
      browseName: `dictionary ${name}`,
      nodeId: `s=dictionary ${name}`,
      dataType: DataType.ByteString,
      ...(!large && { value: { dataType: DataType.ByteString, value } }),
    } as never);
    if (large) {
      // As a server does that cannot send so much at once.
      made.readValue = (_context, range) => {
        const { value: ends } = (range ?? {}) as { value?: [number, number] };
        const good = ends !== undefined && ends[1] - ends[0] < MOST_AT_ONCE;
        const part = good ? value.subarray(ends[0], ends[1] + 1) : null;
        const statusCode = part === null ? StatusCodes.BadEncodingLimitsExceeded : StatusCodes.Good;
        const answer = new DataValue(null);
        answer.statusCode = part?.length === 0 ? StatusCodes.BadIndexRangeNoData : statusCode;
        answer.value = new Variant({ dataType: DataType.ByteString, value: part });
        return answer;
      };
    }
    namespace.addVariable({
      propertyOf: made,
      browseName: { name: 'NamespaceUri', namespaceIndex: 0 },
      dataType: DataType.String,
      value: { dataType: DataType.String, value: uri },
    });
    return made;
  };
  book('library', 'urn:library', LIBRARY);
  for (const { name, xml, body } of CASES) {
    const description = namespace.addVariable({
      componentOf: book(name, 'urn:plc', xml),
      browseName: 'T',
      nodeId: `s=description ${name}`,
      dataType: DataType.String,
      value: { dataType: DataType.String, value: 'T' },
    });
    // No type has it as its encoding: the library's client, in the same process, would know the type from its server.
    const encoding = namespace.addObject({
      browseName: { name: 'Default Binary', namespaceIndex: 0 },
      nodeId: `s=encoding ${name}`,
    });
    encoding.addReference({ referenceType: 'HasDescription', nodeId: description });
    namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: name,
      nodeId: `s=${name}`,
      dataType: 'Structure',
      minimumSamplingInterval: 50,
      value: { timestamped_get: () => structureOf(encoding.nodeId, body) },
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

const troubleOf = (name: string) => [...sink.parts].find(([key]) => key.endsWith(`s=encoding ${name}`))?.[1];

test.each(GOOD.map(({ name }) => name))('%s', (name) => {
  const reading = sink.of(nodes.indexOf(name))[0]!;
  expect(troubleOf(name)).toBeUndefined();
  expect(statusName(reading.status)).toBe('Good');
  expect(reading.value).toEqual(GOOD.find((one) => one.name === name)!.expected);
});

test.each(BAD)('$name: Bad, and why', ({ name, expected, status = 'BadDataTypeIdUnknown' }) => {
  const reading = sink.of(nodes.indexOf(name))[0]!;
  expect(troubleOf(name)).toMatch(expected as RegExp);
  expect(statusName(reading.status)).toBe(status);
  expect(reading.value).toBeNull();
});

test('others are not disturbed', async () => {
  const plain = nodes.indexOf('plain');
  const before = sink.of(plain).length;
  await until('more readings', () => sink.of(plain).length > before + 3);
  expect(sink.gaps).toEqual([]);
});

describe('a large dictionary', () => {
  test('lets others have their turn', async () => {
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const many = Array.from({ length: 20_000 }, (_, i) => struct(`S${i}`, field('X', 'opc:Byte'))).join('');
    const { types } = await readDictionary(Buffer.from(whole(many)), 'self', 100_000);
    clearInterval(count);
    expect(types.size).toBe(20_000);
    expect(turns).toBeGreaterThan(5);
  });
});
