// Structures by a hostile server's description: every one ends in a value or an error, soon, and never in a crash.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeStructure, type Known } from '../../../../agent/src/adapters/opcua/values/structures.ts';
import { valueIn } from '../../../../agent/src/adapters/opcua/values/values.ts';

const BYTE = 'byte';
const field = (name: string, type: string, rank = -1, optional = false) => ({ name, type, rank, optional });
const TYPES: Record<string, Known> = {
  byte: { kind: 'built-in', id: 3 },
  text: { kind: 'built-in', id: 12 },
  variant: { kind: 'built-in', id: 24 },
  empty: { kind: 'structure', name: 'empty', fields: [] },
  endless: { kind: 'structure', name: 'endless', fields: [field('a', 'endless'), field('b', 'endless')] },
  list: { kind: 'structure', name: 'list', fields: [field('items', 'empty', 1)] },
  matrix: { kind: 'structure', name: 'matrix', fields: [field('items', BYTE, 2)] },
  union: { kind: 'union', name: 'union', fields: [field('one', BYTE)] },
  odd: { kind: 'structure', name: 'odd', fields: [field('__proto__', BYTE), field('constructor', BYTE)] },
  broken: { kind: 'failed', reason: 'nobody knows it' },
  holder: { kind: 'structure', name: 'holder', fields: [field('it', 'broken')] },
  lost: { kind: 'structure', name: 'lost', fields: [field('it', 'nowhere')] },
  all: {
    kind: 'optional',
    name: 'all',
    fields: [field('u', 'union'), field('t', 'text', 1, true), field('v', 'variant', -1, true), field('l', 'list')],
  },
};
const decode = (type: string, bytes: readonly number[] | Buffer) =>
  decodeStructure(TYPES[type]!, Buffer.from(bytes), (id) => TYPES[id], valueIn);

test.each([
  ['endless', [], 'values than bytes|too deep'],
  ['list', [0xff, 0xff, 0xff, 0x7f], 'longer than its bytes'],
  ['matrix', [2, 0, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0], 'bytes'],
  ['union', [2, 0, 0, 0, 1], 'chooses field 2 of 1'],
  ['union', [1, 0, 0, 0], ''],
  ['union', [1, 0, 0, 0, 5, 6], '1 of its 6 bytes are left over'],
  ['holder', [], 'nobody knows it'],
  ['lost', [], 'is not known'],
] as const)('%s of %j is refused', (type, bytes, reason) => {
  expect(() => decode(type, bytes)).toThrow(new RegExp(reason));
});

test('names with a meaning in the language are names', () => {
  const value = decode('odd', [1, 2]) as Record<string, unknown>;
  expect(Object.entries(value)).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

test('a matrix and a union of nothing', () => {
  expect(decode('matrix', [2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6])).toEqual({
    items: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  expect(decode('union', [0, 0, 0, 0])).toBeNull();
});

test('whatever the bytes, there is a value or an error (property)', () => {
  const anything = fc.tuple(fc.constantFrom(...Object.keys(TYPES)), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(anything, ([type, bytes]) => {
      try {
        decode(type, Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 2_000 },
  );
});
