// Lines from pieces: the cuts between pieces never show, and no line fills the memory.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Line, linesOf } from '../../agent/src/audit/lines.ts';

async function* pieces(...texts: string[]) {
  yield* texts;
}

async function collect(texts: readonly string[], longest?: number): Promise<Line[]> {
  return Array.fromAsync(linesOf(pieces(...texts), longest));
}

test('wherever a text is cut, the lines and their numbers are the same', async () => {
  const text = fc.array(fc.constantFrom('a', 'b', '\n', '\n'), { maxLength: 30 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (texts) => {
      const whole = texts.join('');
      const expected = whole
        .split('\n')
        .map((line, i, all) => ({ text: line, number: i + 1, ...(i === all.length - 1 && { flaw: 'torn' }) }))
        .filter((line) => line.text !== '');
      expect(await collect(texts)).toEqual(expected);
    }),
  );
});

test('a line that is too long is left out, and what follows is read', async () => {
  expect(await collect(['12345', '6789\nabc\n', '1234567'], 6)).toEqual([
    { text: '', number: 1, flaw: 'long' },
    { text: 'abc', number: 2 },
    { text: '', number: 3, flaw: 'long' },
  ]);
});
