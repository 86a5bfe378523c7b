// What can be asked at all: the four functions that read, and quantities that the specification allows.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Framing, READ } from '../../../agent/src/adapters/modbus/frame.ts';
import { mbap } from '../../../agent/src/adapters/modbus/mbap.ts';
import { rtu } from '../../../agent/src/adapters/modbus/rtu.ts';
import { query } from './vectors.ts';

const FRAMINGS: [string, Framing, at: number, length: number][] = [
  ['mbap', mbap(0), 7, 12],
  ['rtu', rtu, 1, 8],
];

test('there are four functions, and all of them read', () => {
  expect(Object.values(READ).sort()).toEqual([1, 2, 3, 4]);
});

describe.each(FRAMINGS)('%s', (_, framing, at, length) => {
  test('whatever is asked, the function is one that reads', () => {
    const anything = fc.record({
      unit: fc.nat(255),
      table: fc.constantFrom('coil', 'discrete', 'holding', 'input'),
      start: fc.nat(65_535),
      quantity: fc.integer({ min: 1, max: 125 }),
    });
    fc.assert(
      fc.property(anything, (asked) => {
        const { request } = framing(asked);
        expect(request.length).toBe(length);
        expect([1, 2, 3, 4]).toContain(request[at]);
        expect([request.readUInt16BE(at + 1), request.readUInt16BE(at + 3)]).toEqual([asked.start, asked.quantity]);
      }),
    );
  });

  test.each([
    ['holding', 0],
    ['holding', 126],
    ['input', 126],
    ['coil', 0],
    ['coil', 2_001],
    ['discrete', 65_536],
    ['holding', Number.NaN],
  ] as const)('%s, %d at once, cannot be asked', (table, quantity) => {
    expect(() => framing(query({ table, quantity }))).toThrow(RangeError);
  });

  test('a table that there is not cannot be asked', () => {
    expect(() => framing(query({ table: 'write' as 'coil' }))).toThrow();
  });
});
