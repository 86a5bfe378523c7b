// Values of every built-in type travel from a real server to a batch and stay exact, with status and time to 100 ns.

import {
  DataType,
  DataValue,
  LocalizedText,
  QualifiedName,
  resolveNodeId,
  type StatusCode,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { Kind, type Value } from '../../../../agent/src/model/batch.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { formatTime, now } from '../../../../agent/src/model/time.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

type Case = readonly [name: string, type: DataType, given: unknown, expected: Value, dimensions?: readonly number[]];

const CASES: readonly Case[] = [
  ['Boolean', DataType.Boolean, true, true],
  ['SByte', DataType.SByte, -128, -128],
  ['Byte', DataType.Byte, 255, 255],
  ['Int16', DataType.Int16, -32_768, -32_768],
  ['UInt16', DataType.UInt16, 65_535, 65_535],
  ['Int32', DataType.Int32, -2_147_483_648, -2_147_483_648],
  ['UInt32', DataType.UInt32, 4_294_967_295, 4_294_967_295],
  ['Int64 small', DataType.Int64, [0xffff_ffff, 0xffff_fffb], -5],
  ['Int64 edge', DataType.Int64, [0x001f_ffff, 0xffff_ffff], 9_007_199_254_740_991],
  ['Int64 least', DataType.Int64, [0x8000_0000, 0], -(2n ** 63n)],
  ['Int64 large', DataType.Int64, [0x7fff_ffff, 0xffff_ffff], 2n ** 63n - 1n],
  ['UInt64 small', DataType.UInt64, [1, 0], 4_294_967_296],
  ['UInt64 large', DataType.UInt64, [0xffff_ffff, 0xffff_ffff], 2n ** 64n - 1n],
  ['Float', DataType.Float, 12.31, Math.fround(12.31)],
  ['Double', DataType.Double, 0.1, 0.1],
  ['Double NaN', DataType.Double, Number.NaN, Number.NaN],
  ['Double infinite', DataType.Double, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ['String', DataType.String, 'Ölstand 5 µm 🛢', 'Ölstand 5 µm 🛢'],
  ['String empty', DataType.String, '', ''],
  ['String null', DataType.String, null, null],
  ['DateTime', DataType.DateTime, new Date('2026-11-22T10:00:00.123Z'), '2026-11-22T10:00:00.123Z'],
  ['Guid', DataType.Guid, '72962B91-FA75-4AE6-8D28-B404DC7DAF63', '72962B91-FA75-4AE6-8D28-B404DC7DAF63'],
  ['ByteString', DataType.ByteString, Buffer.from([0, 1, 254, 255]), 'AAH+/w=='],
  ['XmlElement', DataType.XmlElement, '<a b="c"/>', '<a b="c"/>'],
  ['NodeId', DataType.NodeId, resolveNodeId('ns=3;s=A/B'), 'ns=3;s=A/B'],
  ['StatusCode', DataType.StatusCode, StatusCodes.BadSensorFailure, 'BadSensorFailure'],
  ['QualifiedName', DataType.QualifiedName, new QualifiedName({ namespaceIndex: 2, name: 'PV' }), '2:PV'],
  ['LocalizedText', DataType.LocalizedText, new LocalizedText({ locale: 'fr', text: 'Débit' }), 'Débit'],
  ['Float array', DataType.Float, new Float32Array([1.5, -2.25]), [1.5, -2.25]],
  ['Boolean array', DataType.Boolean, [true, false], [true, false]],
  ['UInt64 array', DataType.UInt64, [[0, 7], [0xffff_ffff, 0]], [7, 0xffff_ffff_0000_0000n]], // biome-ignore format: one line
  ['String array', DataType.String, ['a', null, ''], ['a', null, '']],
  ['empty array', DataType.Double, new Float64Array(0), []],
  ['Byte array', DataType.Byte, new Uint8Array([1, 2]), [1, 2]],
  ['matrix', DataType.Int32, new Int32Array([1, 2, 3, 4, 5, 6]), [[1, 2, 3], [4, 5, 6]], [2, 3]], // biome-ignore format: one line
  ['cube', DataType.Int32, new Int32Array([1, 2, 3, 4, 5, 6, 7, 8]), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [2, 2, 2]], // biome-ignore format: one line
  ['Variant array', DataType.Variant, [new Variant({ dataType: DataType.Int32, value: 5 }), new Variant({ dataType: DataType.String, value: 'x' })], [5, 'x']], // biome-ignore format: one line
  ['null', DataType.Null, null, null],
];

const TIMES: readonly (readonly [name: string, value: () => DataValue, expected: string])[] = [
  ['to 100 ns', () => stamped('2026-11-22T10:00:00.123Z', 456_700_000), '2026-11-22T10:00:00.1234567Z'],
  ['one tick', () => stamped('2026-11-22T10:00:00.000Z', 100_000), '2026-11-22T10:00:00.0000001Z'],
  ['before 1970', () => stamped('1969-12-31T23:59:59.999Z', 0), '1969-12-31T23:59:59.999Z'],
];

const STATUSES: readonly StatusCode[] = [
  StatusCodes.Good,
  StatusCodes.GoodLocalOverride,
  StatusCodes.UncertainLastUsableValue,
  StatusCodes.UncertainSensorNotAccurate,
];

/** OPC 10000-3 section 5.6.2: a scalar or an array of any number of dimensions. */
const ANY_RANK = -2;

let small: SmallServer;
let sink: Recorder;
const stop = new AbortController();
const tags = [
  ...CASES.map(([name]) => name),
  ...TIMES.map(([name]) => `time ${name}`),
  ...STATUSES.map(({ name }) => `status ${name}`),
  'bad with value',
  'structure',
  'missing',
  'DateTime ticks',
];

beforeAll(async () => {
  small = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:test:values');
    const add = (name: string, dataType: DataType, valueRank: number, value: () => DataValue) => {
      namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: dataType === DataType.Null || dataType === DataType.Variant ? DataType.Variant : dataType,
        valueRank,
        minimumSamplingInterval: 50,
        value: { timestamped_get: value },
      });
    };
    for (const [name, dataType, given, , dimensions] of CASES) {
      const variant = new Variant(null);
      variant.dataType = dataType;
      const isArray = (Array.isArray(given) && !name.includes('64 ')) || name.includes('array') || dimensions;
      variant.arrayType = dimensions
        ? VariantArrayType.Matrix
        : isArray
          ? VariantArrayType.Array
          : VariantArrayType.Scalar;
      if (dimensions) variant.dimensions = [...dimensions];
      variant.value = given;
      add(name, dataType, ANY_RANK, () => dataValue(variant));
    }
    for (const [name, value] of TIMES) add(`time ${name}`, DataType.Double, -1, value);
    for (const status of STATUSES) {
      add(`status ${status.name}`, DataType.Double, -1, () => dataValue(double(1), status));
    }
    add('bad with value', DataType.Double, -1, () => dataValue(double(1), StatusCodes.BadSensorFailure));
    const ticks = Object.assign(new Date('2026-11-22T10:00:00.123Z'), { picoseconds: 456_700_000 });
    add('DateTime ticks', DataType.DateTime, -1, () =>
      dataValue(new Variant({ dataType: DataType.DateTime, value: ticks })),
    );
    const range = space.constructExtensionObject(space.findDataType('Range')!, { low: -1, high: 2.5 });
    add('structure', DataType.ExtensionObject, -1, () =>
      dataValue(new Variant({ dataType: DataType.ExtensionObject, value: range })),
    );
  });
  const nodes = tags.map((name) => `nsu=urn:test:values;s=${name}`);
  sink = recorder();
  const adapter = opcuaAdapter(openly(small.endpoint, scratch(), tagsOf(nodes)), QUICK);
  await adapter.connect(stop.signal);
  void adapter.run(sink, stop.signal).then(() => adapter.close());
  await until('a reading of every tag', () => tags.every((_, tag) => sink.last(tag) !== undefined));
});
afterAll(async () => {
  stop.abort();
  await small?.stop();
});

const reading = (name: string) => sink.last(tags.indexOf(name))!;
const double = (value: number) => new Variant({ dataType: DataType.Double, value });

function dataValue(value: Variant, statusCode: StatusCode = StatusCodes.Good): DataValue {
  const made = new DataValue(null);
  made.value = value;
  made.statusCode = statusCode;
  made.sourceTimestamp = new Date();
  made.serverTimestamp = made.sourceTimestamp;
  return made;
}

function stamped(time: string, picoseconds: number): DataValue {
  const made = dataValue(double(1));
  made.sourceTimestamp = new Date(time);
  made.sourcePicoseconds = picoseconds;
  return made;
}

for (const [name, type, , expected] of CASES) {
  test(name, () => {
    expect(statusName(reading(name).status)).toBe('Good');
    expect(reading(name).value).toEqual(expected);
    if (typeof expected === 'number')
      expect(reading(name).kind).toBe(type === DataType.Float ? Kind.Float32 : Kind.Number);
  });
}

describe('time', () => {
  test.each(TIMES)('%s', (name, _, expected) => {
    expect(formatTime(reading(`time ${name}`).time)).toBe(expected);
  });

  test('a DateTime value keeps its 100 ns too', () => {
    expect(reading('DateTime ticks').value).toBe('2026-11-22T10:00:00.1234567Z');
  });
});

describe('status', () => {
  test.each(STATUSES.map(({ name }) => name))('%s', (name) => {
    expect(statusName(reading(`status ${name}`).status)).toBe(name);
    expect(reading(`status ${name}`).value).toBe(1);
  });

  test('a value that comes with a Bad status is left out', () => {
    expect(statusName(reading('bad with value').status)).toBe('BadSensorFailure');
    expect(reading('bad with value').value).toBeNull();
  });

  test('a node that does not exist is Bad, and says so, and harms no other', () => {
    expect(statusName(reading('missing').status)).toBe('BadNodeIdUnknown');
    expect(reading('missing').time).toBeLessThanOrEqual(now());
    expect(sink.parts.get('nsu=urn:test:values;s=missing')).toContain('BadNodeIdUnknown');
    expect(sink.parts.size).toBe(1);
  });
});

test('a structure is an object with its fields', () => {
  expect(reading('structure').value).toEqual({ low: -1, high: 2.5 });
});
