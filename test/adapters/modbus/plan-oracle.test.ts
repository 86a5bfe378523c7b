// The plan beside Telegraf's: its best strategy (max_insert) restated as a rule, and cases whose outcome its tests
// publish. Source: influxdata/telegraf b272631, plugins/inputs/modbus/request.go and configuration_request_test.go.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plan } from '../../../agent/src/adapters/modbus/plan.ts';
import { tag } from './tags.ts';

const TYPES = { uint16: 1, float32: 2, float64: 4 } as const;
type Type = keyof typeof TYPES;

interface Span {
  readonly start: number;
  readonly type: Type;
}

/** max_insert: in the order of addresses, a new request where the hole is too wide or the request would be too long. */
function maxInsert(spans: readonly Span[], most: number, fill: number): [requests: number, registers: number] {
  let requests = 0;
  let registers = 0;
  let start = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const next = span.start + TYPES[span.type];
    if (span.start - end > fill || next - start > most) {
      requests++;
      start = span.start;
    } else registers -= end - start;
    end = next;
    registers += end - start;
  }
  return [requests, registers];
}

function ours(spans: readonly Span[], maxRegisters: number, maxGap: number): [requests: number, registers: number] {
  const tags = spans.map(({ start, type }, i) => tag(i, `holding:${start}`, { type }));
  const { requests } = plan(tags, { maxRegisters, maxGap });
  return [requests.length, requests.reduce((sum, { quantity }) => sum + quantity, 0)];
}

/** Values side by side, most of them with holes between; none overlap. */
const anySpans = fc
  .array(
    fc.record({
      hole: fc.oneof(fc.constant(0), fc.nat(60)),
      type: fc.constantFrom<Type>('uint16', 'float32', 'float64'),
    }),
    {
      minLength: 1,
      maxLength: 300,
    },
  )
  .map((list) => {
    let at = 0;
    return list.map(({ hole, type }): Span => {
      const start = at + hole;
      at = start + TYPES[type];
      return { start, type };
    });
  });

test('never more requests than max_insert on the same input, and with as many never more registers', () => {
  fc.assert(
    fc.property(anySpans, fc.integer({ min: 4, max: 125 }), fc.nat(60), (spans, most, fill) => {
      const [requests, registers] = ours(spans, most, fill);
      const [theirs, theirRegisters] = maxInsert(spans, most, fill);
      expect(requests).toBeLessThanOrEqual(theirs);
      if (requests === theirs) expect(registers).toBeLessThanOrEqual(theirRegisters);
    }),
    { numRuns: 500 },
  );
});

test('and sometimes fewer registers', () => {
  // 0..99, 115..124 and 130..229: max_insert fills the wider hole because it comes last.
  const spans = [...Array(100).keys(), ...[...Array(10).keys()].map((i) => 115 + i), ...[...Array(100).keys()].map((i) => 130 + i)]; // biome-ignore format: one line
  const values = spans.map((start): Span => ({ start, type: 'uint16' }));
  expect(maxInsert(values, 125, 50)).toEqual([2, 225]);
  expect(ours(values, 125, 50)).toEqual([2, 215]);
});

describe('published cases', () => {
  const lines = (spans: readonly Span[], maxGap: number) => {
    const tags = spans.map(({ start, type }, i) => tag(i, `holding:${start}`, { type }));
    return plan(tags, { maxRegisters: 125, maxGap }).requests.map(({ start, quantity }) => `${start}+${quantity}`);
  };
  const run = (start: number, count: number) =>
    Array.from({ length: count }, (_, i): Span => ({ start: start + i, type: 'uint16' }));

  test.each<[name: string, spans: readonly Span[], maxGap: number, expected: readonly string[]]>([
    ['large gaps', [...run(18, 3), ...run(123, 5), ...run(167, 2)], 5, ['18+3', '123+5', '167+2']],
    ['large gaps, one value at 0', [...run(0, 1), ...run(18, 3), ...run(123, 5), ...run(167, 2)], 5, ['0+1', '18+3', '123+5', '167+2']],
    ['overlapping fields', [{ start: 1, type: 'float32' }, { start: 3, type: 'float64' }, { start: 5, type: 'float32' }, { start: 7, type: 'float32' }], 16, ['1+8']],
  ])('%s', (_, spans, maxGap, expected) => {
    expect(lines(spans, maxGap)).toEqual(expected);
  }); // biome-ignore format: one line
});
