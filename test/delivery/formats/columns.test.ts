// The format `columns`: whatever the entries, a consumer gets back exactly the rows of format `rows`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns } from '../../../agent/src/delivery/formats/columns.ts';
import { decodeColumns } from '../../../agent/src/delivery/formats/columns-decode.ts';
import type { TagOf } from '../../../agent/src/delivery/formats/format.ts';
import { rows } from '../../../agent/src/delivery/formats/rows.ts';
import type { Numbered } from '../../../agent/src/delivery/queue.ts';
import { BatchBuilder, type Value } from '../../../agent/src/model/batch.ts';
import { fromMillis } from '../../../agent/src/model/time.ts';
import { numbered } from '../../model/readings.ts';
import { plantReadings } from '../../support/plant-readings.ts';

const GATEWAY = 'gw-cdu1-01';
const EPOCH = '20261122T100000-3fa2c1';
const TIME = fromMillis(Date.UTC(2026, 10, 22, 10, 0, 0, 123));

/** What a consumer of `rows` reads of these entries. */
const rowsOf = (parts: readonly Numbered[], tagOf: TagOf) =>
  rows(GATEWAY, tagOf).encode(parts).toString().split('\n').slice(0, -1);

const decoded = (parts: readonly Numbered[], tagOf: TagOf) =>
  decodeColumns(columns(GATEWAY, EPOCH, tagOf).encode(parts)).map((row) => JSON.stringify(row));

const plain: TagOf = (id) => ({ name: `20TI${100 + id}.PV`, source: 'cdu1-dcs', unit: 'degC' });

/** A body of one part, parsed. */
function bodyOf(readings: readonly (readonly [tag: number, value: Value, time?: number])[], tagOf = plain) {
  const builder = new BatchBuilder();
  for (const [tag, value, time = TIME] of readings) builder.add(tag, time, 0, value);
  const parts = [{ first: 7, batch: builder.take() }];
  expect(decoded(parts, tagOf)).toEqual(rowsOf(parts, tagOf));
  return JSON.parse(columns(GATEWAY, EPOCH, tagOf).encode(parts).toString());
}

test('whatever the entries, the rows come back, to the character', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[A-Z0-9.]{0,12}$/),
    fc.stringMatching(/^\d{0,40}$/),
  );
  const described = fc.record({ name, source: fc.string(), unit: fc.option(fc.string(), { nil: undefined }) });
  fc.assert(
    fc.property(numbered, fc.array(described, { minLength: 1, maxLength: 60 }), (parts, tags) => {
      const tagOf: TagOf = (id) => {
        const { unit, ...rest } = tags[id % tags.length]!;
        return unit === undefined ? rest : { ...rest, unit };
      };
      expect(decoded(parts, tagOf)).toEqual(rowsOf(parts, tagOf));
    }),
    { numRuns: 300 },
  );
});

test('quantised values come back, however they go up and down', () => {
  const value = fc
    .tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.nat({ max: 12 }))
    .map(([whole, digits]) => whole / 10 ** digits);
  const reading = fc.tuple(fc.nat({ max: 3 }), fc.oneof({ weight: 9, arbitrary: value }, fc.double()), fc.boolean());
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 40 }), (readings) => {
      const builder = new BatchBuilder();
      for (const [tag, value, float32] of readings) {
        builder.add(tag, TIME, 0, float32 ? Math.fround(value) : value, float32);
      }
      const parts = [{ first: 1, batch: builder.take() }];
      expect(decoded(parts, plain)).toEqual(rowsOf(parts, plain));
    }),
    { numRuns: 300 },
  );
});

test("the specification's example is what is written", () => {
  const builder = new BatchBuilder();
  const tags = [
    { name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h' },
    { name: '20FIC102.PV', source: 'cdu1-dcs', unit: 'm3/h' },
    { name: '20U001.MODE', source: 'cdu1-dcs' },
  ];
  builder.add(0, TIME, 0, 12.31);
  builder.add(1, TIME, 0, 40.2);
  builder.add(2, TIME, 0, 'NORMAL');
  builder.add(0, TIME + 10_000_000, 0, 12.34);
  builder.add(1, TIME + 10_000_000, 0x80310000, null);
  builder.gap({ reason: 'source-down', source: 'flare-plc', from: TIME, to: null });
  const page = readFileSync(join(import.meta.dirname, '../../../docs/columns.md'), 'utf8');
  const example = page.split('```json')[1]!.split('```')[0]!;
  const body = columns(GATEWAY, EPOCH, (id) => tags[id]!).encode([{ first: 120_031, batch: builder.take() }]);
  expect(body.toString()).toBe(JSON.stringify(JSON.parse(example)));
});

test('what is the same for all readings is written once', () => {
  const body = bodyOf([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect(body).toMatchObject({ family: 0, number: [101, 1, 1], tag: 1, ts: 0, status: 0, value: [1, 2, 3] });
});

test('steps are as coarse as the timestamps allow, and exact to 100 ns', () => {
  const at = (ticks: number) => [1, 1, TIME + ticks] as const;
  expect(bodyOf([at(0), at(20_000_000), at(50_000_000)])).toMatchObject({ step: 10_000_000, ts: [0, 2, 3] });
  expect(bodyOf([at(4_567), at(4_568)])).toMatchObject({ start: '2026-11-22T10:00:00.1234567Z', step: 1, ts: [0, 1] });
  expect(bodyOf([at(30_000), at(0)])).toMatchObject({ step: 30_000, ts: [0, -1] });
});

test('a timestamp that no double holds is text, and the others go on from the one before it', () => {
  const never = fromMillis(-11_644_473_600_000);
  expect(bodyOf([[1, 1, never]])).toMatchObject({ start: null, step: 1, ts: '1601-01-01T00:00:00.000Z' });
  expect(
    bodyOf([
      [1, 1],
      [1, 2, never],
      [1, 3, TIME + 10_000],
    ]),
  ).toMatchObject({ step: 10_000, ts: [0, '1601-01-01T00:00:00.000Z', 1] });
});

test('a number that is no short decimal stands as it is, and only its own tag with it', () => {
  const body = bodyOf([
    [1, 12.31],
    [2, Math.PI],
    [1, 12.5],
    [2, 1],
  ]);
  expect(body.families).toMatchObject([{ decimals: 2 }, { prefix: '20TI' }]);
  expect(body.families[1]).not.toHaveProperty('decimals');
  expect(body.value).toEqual([1231, Math.PI, 19, 1]);
});

test('a huge and a fine value of one family are not made one scale', () => {
  expect(
    bodyOf([
      [1, 1e12],
      [2, 0.123456789],
    ]).value,
  ).toEqual([1e12, 0.123456789]);
});

test('gaps alone make a message too', () => {
  const builder = new BatchBuilder();
  builder.gap({ reason: 'gateway-down', from: TIME, to: TIME });
  const parts = [{ first: 1, batch: builder.take() }];
  expect(decoded(parts, plain)).toEqual(rowsOf(parts, plain));
});

test('the same entries give the same bytes, whatever was encoded before', () => {
  const format = columns(GATEWAY, EPOCH, plain);
  fc.assert(
    fc.property(numbered, (parts) => {
      expect(format.encode(parts)).toEqual(columns(GATEWAY, EPOCH, plain).encode(parts));
    }),
    { numRuns: 50 },
  );
});

test('at 500 readings of the plant a reading costs less than 5 bytes, even when each is of another tag', () => {
  for (const tags of [50, 200, 1_000]) {
    const { parts, tagOf } = plantReadings(tags, 500);
    expect(decoded(parts, tagOf)).toEqual(rowsOf(parts, tagOf));
    expect(gzipSync(columns(GATEWAY, EPOCH, tagOf).encode(parts), { level: 3 }).length / 500).toBeLessThan(5);
  }
});

test('a body of another format or version is refused', () => {
  expect(() => decodeColumns(Buffer.from('{"columns":2}'))).toThrow('version 1');
  expect(() => decodeColumns(Buffer.from('{"gateway":"x"}'))).toThrow('format columns');
});
