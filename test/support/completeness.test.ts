// The consumer who trusts nobody is not to be fooled by a record that says of itself that it explains nothing.

import { expect, test } from 'vitest';
import type { GapRow, Row } from '../../sim/hub/decode.ts';
import { Completeness } from './completeness.ts';

const at = (second: number) => new Date(Date.UTC(2026, 10, 22, 10, 0, second)).toISOString();
const reading = (value: number, second: number): Row => {
  return { gateway: 'g', tag: 'n', ts: at(second), value, status: 'Good', seq: value };
};
const gap = (more: Partial<GapRow>): Row => {
  return { gateway: 'g', gap: 'source-down', source: 's', from: at(0), to: at(30), seq: 9, ...more };
};
const verdict = (rows: readonly Row[]) => {
  const seen = new Completeness(new Map([['n', 's']]));
  seen.see(rows);
  const { explained, unexplained } = seen.verdict();
  return { explained, unexplained: unexplained.length };
};
const HOLE = [reading(1, 0), reading(2, 10), reading(5, 30)];

test.each([
  ['no record', [], { explained: 0, unexplained: 1 }],
  ['a record that covers it', [gap({})], { explained: 2, unexplained: 0 }],
  ['one that says that nothing is missing', [gap({ complete: true })], { explained: 0, unexplained: 1 }],
  ['one whose recovery was partial', [gap({ complete: false })], { explained: 2, unexplained: 0 }],
  ['one that has not ended', [gap({ to: null })], { explained: 0, unexplained: 1 }],
  ['one of another source', [gap({ source: 't' })], { explained: 0, unexplained: 1 }],
])('a hole and %s', (_, gaps, expected) => {
  expect(verdict([...HOLE, ...gaps])).toEqual(expected);
});
