// The format `rows`: what consumers build on, line by line.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rows } from '../../../agent/src/delivery/formats/rows.ts';
import { shortFloat32 } from '../../../agent/src/delivery/formats/value.ts';
import { BatchBuilder, entries, gapBatch, type Value } from '../../../agent/src/model/batch.ts';
import { StatusCode } from '../../../agent/src/model/status.ts';
import { fromMillis } from '../../../agent/src/model/time.ts';
import { batchOf, gap, reading } from '../../model/readings.ts';

const TAGS = [
  { name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h' },
  { name: 'odd "name"\\', source: 'flare-plc' },
];
const format = rows('gw-cdu1-01', (id) => TAGS[id] ?? { name: `#${id}`, source: '' });
const TIME = fromMillis(Date.UTC(2026, 10, 22, 10, 0, 0, 123));

function line(value: Value, { status = 0, time = TIME, float32 = false, tag = 0 } = {}): string {
  const builder = new BatchBuilder();
  builder.add(tag, time, status, value, float32);
  return format.encode([{ first: 120_031, batch: builder.take() }]).toString();
}

const HEAD = '{"gateway":"gw-cdu1-01","tag":"20FIC101.PV","ts":"2026-11-22T10:00:00.123Z",';
const TAIL = '"unit":"m3/h","seq":120031}\n';

const values: readonly [string, Value, string][] = [
  ['a number', 12.31, '"value":12.31,"status":"Good",'],
  ['a whole number', 42, '"value":42,"status":"Good",'],
  ['a tiny number', 1e-300, '"value":1e-300,"status":"Good",'],
  ['a boolean', true, '"value":true,"status":"Good",'],
  ['a false', false, '"value":false,"status":"Good",'],
  ['a string', 'a "b" \n \u2028 é', `"value":${JSON.stringify('a "b" \n \u2028 é')},"status":"Good",`],
  ['a 64-bit integer', 2n ** 64n - 1n, '"value":"18446744073709551615","status":"Good",'],
  ['an array', [1, null, 'x', true], '"value":[1,null,"x",true],"status":"Good",'],
  [
    'a matrix',
    [
      [1, 2],
      [3, 4],
    ],
    '"value":[[1,2],[3,4]],"status":"Good",',
  ],
  ['an array of 64-bit integers', [2n ** 60n], '"value":["1152921504606846976"],"status":"Good",'],
  ['a structure', { low: 1, high: { x: null } }, '"value":{"low":1,"high":{"x":null}},"status":"Good",'],
  ['no value', null, '"value":null,"status":"Good",'],
  ['NaN', Number.NaN, '"value":null,"status":"UncertainSubstituteValue",'],
  ['infinity', Number.POSITIVE_INFINITY, '"value":null,"status":"UncertainSubstituteValue",'],
  ['an array with NaN', [1, Number.NaN], '"value":[1,null],"status":"UncertainSubstituteValue",'],
];
for (const [what, value, text] of values) {
  test(`${what} is written as it is specified`, () => {
    expect(line(value)).toBe(HEAD + text + TAIL);
    JSON.parse(line(value));
  });
}

test('a 32-bit float is as short as it was meant, a NaN of 32 bits is null', () => {
  expect(line(Math.fround(12.31), { float32: true })).toContain('"value":12.31,');
  expect(line(Math.fround(12.31))).toContain('"value":12.3100004196');
  expect(line(Number.NaN, { float32: true })).toContain('"value":null,"status":"UncertainSubstituteValue"');
});

test('a status is its name; info bits come as the whole code beside it', () => {
  expect(line(null, { status: StatusCode.BadNoCommunication })).toContain('"status":"BadNoCommunication","unit"');
  expect(line(1, { status: 0x480 })).toContain('"status":"Good","statusCode":1152,"unit"');
  expect(line(1, { status: 0x80ab0000 })).toMatch(/"status":"\w+",/);
  expect(line(Number.NaN, { status: StatusCode.BadSensorFailure }), 'a worse status stays').toContain(
    '"BadSensorFailure"',
  );
});

test('a time below the millisecond has seven decimals', () => {
  expect(line(1, { time: TIME + 4_567 })).toContain('"ts":"2026-11-22T10:00:00.1234567Z"');
  expect(line(1, { time: TIME + 5 })).toContain('"ts":"2026-11-22T10:00:00.1230005Z"');
});

test('a tag without a unit has no unit, and its name is escaped', () => {
  expect(line(1, { tag: 1 })).toBe(
    '{"gateway":"gw-cdu1-01","tag":"odd \\"name\\"\\\\","ts":"2026-11-22T10:00:00.123Z","value":1,"status":"Good","seq":120031}\n',
  );
});

test('gaps are lines too, numbered after the readings of their batch', () => {
  const builder = new BatchBuilder();
  builder.add(0, TIME, 0, 1);
  builder.gap({ reason: 'source-down', source: 'flare-plc', from: TIME, to: null });
  builder.gap({
    reason: 'buffer-full',
    from: TIME,
    to: TIME + 10_000,
    count: 9,
    tags: ['a'],
    range: { epoch: 'e', first: 1, last: 9 },
  });
  const lines = format
    .encode([{ first: 7, batch: builder.take() }])
    .toString()
    .trimEnd()
    .split('\n');
  expect(lines.slice(1)).toEqual([
    '{"gateway":"gw-cdu1-01","gap":"source-down","source":"flare-plc","from":"2026-11-22T10:00:00.123Z","to":null,"seq":8}',
    '{"gateway":"gw-cdu1-01","gap":"buffer-full","tags":["a"],"from":"2026-11-22T10:00:00.123Z","to":"2026-11-22T10:00:00.124Z","count":9,"range":{"epoch":"e","first":1,"last":9},"seq":9}',
  ]);
});

test('with an epoch, the first row of a message names it, reading or gap, and no other row does', () => {
  const withEpoch = rows('gw-cdu1-01', (id) => TAGS[id]!, '20261122T100000-3fa2c1');
  const builder = new BatchBuilder();
  builder.add(0, TIME, 0, 1);
  builder.add(0, TIME, 0, 2);
  const batch = builder.take();
  const [head, next] = withEpoch
    .encode([{ first: 7, batch }])
    .toString()
    .split('\n');
  expect(head).toBe(`${HEAD}"value":1,"status":"Good","unit":"m3/h","seq":7,"epoch":"20261122T100000-3fa2c1"}`);
  expect(next).toBe(`${HEAD}"value":2,"status":"Good","unit":"m3/h","seq":8}`);
  const gapAlone = gapBatch([{ reason: 'gateway-down', from: TIME, to: null }]);
  expect(JSON.parse(withEpoch.encode([{ first: 9, batch: gapAlone }]).toString())).toMatchObject({
    gap: 'gateway-down',
    seq: 9,
    epoch: '20261122T100000-3fa2c1',
  });
  expect(withEpoch.encode([]).toString()).toBe('');
});

test('every line is JSON, and its seq is the first number plus its place, over all parts', () => {
  const part = fc.tuple(fc.array(reading, { maxLength: 20 }), fc.array(gap, { maxLength: 2 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), fc.nat(2 ** 40), (made, first) => {
      let next = first;
      const parts = made.map(([rs, gaps]) => {
        const batch = batchOf(rs, gaps);
        const numbered = { first: next, batch };
        next += entries(batch);
        return numbered;
      });
      const lines = format.encode(parts).toString().split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.map((text) => JSON.parse(text).seq)).toEqual(
        Array.from({ length: next - first }, (_, i) => first + i),
      );
      for (const text of lines)
        expect(JSON.parse(text).ts ?? JSON.parse(text).from).toMatch(
          /^([+-]\d{6}|\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{4})?Z$/,
        );
    }),
    { numRuns: 200 },
  );
});

test('a number that is sent comes back as the same double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(JSON.parse(line(value)).value + 0).toBe(value + 0);
    }),
  );
});

test('a 32-bit float is the same float again, with at most nine digits', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = shortFloat32(value);
      expect(Math.fround(Number(text)) + 0).toBe(value + 0);
      if (Math.abs(value) < 1e6)
        expect(
          text
            .replace(/e.*$/, '')
            .replace(/^-?[0.]*/, '')
            .replace('.', '').length,
        ).toBeLessThan(10);
    }),
    { numRuns: 2_000 },
  );
});

test('three decimals of a transmitter come back as they were set', () => {
  fc.assert(
    fc.property(fc.integer({ min: -999_999, max: 999_999 }), (thousandths) => {
      const meant = thousandths / 1_000;
      expect(shortFloat32(Math.fround(meant))).toBe(String(meant));
    }),
  );
});

test('a status is written right, however many others a server made up before', () => {
  for (let i = 0; i < 5_000; i++) line(null, { status: (0x80000000 + i * 4_000) >>> 0 });
  expect(line(null, { status: StatusCode.BadNoCommunication })).toContain('"status":"BadNoCommunication","unit"');
});
