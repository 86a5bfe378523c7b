// Lines read without the YAML library mean what the library says they mean, and stand where it says they stand. A file
// that holds the mark of such lines is read by the library alone: a comment with it turns one way into the other.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../agent/src/config/document.ts';
import type { Path } from '../../agent/src/config/mistake.ts';
import { plainLines } from '../../agent/src/config/plainlines.ts';

const BY_LIBRARY = '# \ue000\n';
const BY_BOTH = '# x\n';

function paths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, [...path, 'none'], ...Object.entries(value).flatMap(([key, inner]) => paths(inner, [...path, key]))];
}

/** The comment that differs may be shown: an empty document begins there. */
const shown = <T extends { readonly excerpt?: string }>(mistake: T): T =>
  mistake.excerpt?.startsWith('# ') ? { ...mistake, excerpt: '#' } : mistake;

/** Reads a text both ways, and gives the number of lines that were read without the library. */
function compare(text: string): number {
  const ours = readYaml('m.yaml', BY_BOTH + text);
  const theirs = readYaml('m.yaml', BY_LIBRARY + text);
  expect(ours.value).toEqual(theirs.value);
  expect(ours.mistakes.map(shown)).toEqual(theirs.mistakes.map(shown));
  for (const path of paths(theirs.value).slice(0, 300)) {
    expect(ours.source(path), path.join('.')).toBe(theirs.source(path));
    for (const part of ['key', 'value'] as const) {
      expect(shown(ours.mistake(path, part, 'm')), `${part} ${path.join('.')}`).toEqual(
        shown(theirs.mistake(path, part, 'm')),
      );
    }
  }
  return plainLines(text).runs.reduce((sum, run) => sum + run.entries.length, 0);
}

const TAGS = `tags:
  20FIC101.PV: { node: "nsu=urn:lavera:dcs;s=20FIC101.PV", unit: m3/h, deadband: 0.5% } # feed
  20TI105.PV:  { node: 'ns=2;s=20TI105.PV', unit: °C, deadband: 0.1, sampling: 500ms }

  # the flare
  70PT201: { address: 400011, type: float32, order: CDAB, range: [0, 250], on: true }
  70LT310: { address: holding:20, scale: { from: [ 0, 4095 ], to: [0, 100.0] }, description: Level of the drum }
  70FI410:
    address: holding:30  # m3/h
    # what it was before: t/h
    unit: m3/h

    range: [0, 250]
    description: Flow to the flare
  "007": {}
  007b: { address: 00011, x: -5, y: +7, z: -0 }
end: 1
`;

describe('plain lines', () => {
  it('mean what YAML means', () => {
    expect(compare(TAGS)).toBe(7);
    expect(compare(TAGS.replaceAll('\n', '\r\n'))).toBe(7);
    expect(compare(TAGS.trimEnd().replace(/\nend: 1$/, ''))).toBe(7);
  });

  it.each([
    ['in a block of text', 'a: |\n  x: { b: 1 }\n  y: { b: 2 }\nc: { d: 1 }\n'],
    ['in text over several lines', 'a: "one\n  x: { b: 1 }\n  two"\nc: 2\n'],
    ['in a map in braces', 'a: {\n  x: { b: 1 }\n  }\n'],
    ['in a list in brackets', 'a: [\n  x: { b: 1 }\n  ]\n'],
    ['in a list', 'a:\n  - x: { b: 1 }\n    y: { b: 2 }\n'],
    ['followed by more of the value', 'a:\n  x: { b: 1 }\n    more\nc: 1\n'],
    ['followed by deeper keys', 'a:\n  x: { b: 1 }\n    y: { b: 2 }\n'],
    ['followed by shallower keys', 'a:\n    x: { b: 1 }\n  y: { b: 2 }\n'],
    ['under a key with an anchor and its alias', 'a: &x\n  x: { b: 1 }\n  y: { c: 2 }\nb: *x\n'],
    ['in a key', '? x: { b: 1 }\n: 2\n'],
    ['twice', 'a:\n  x: { b: 1 }\n  y: { b: 1 }\n  x: { b: 2 }\n  z: 1\n  z: { b: 1 }\n'],
    ['in two documents', 'x: { b: 1 }\n---\ny: { b: 1 }\n'],
    ['as a block', 'a:\n  x:\n    b: 1\n    c: "d"\n  y:\n    b: { e: 1 }\nz: 1\n'],
    ['as blocks of other depths', 'a:\n   x:\n     b: 1\n   y:\n         b: 1\n'],
    ['as a block with a line that goes on', 'a:\n  x:\n    b: one\n      two\n  y:\n    b: 1\n'],
    ['as a block with a shallower line', 'a:\n  x:\n      b: 1\n    c: 1\n'],
    ['as a block with an empty value', 'a:\n  x:\n    b:\n    c: 1\n'],
    ['as a block without keys', 'a:\n  x:\n  y:\n    b: 1\n'],
    ['as a block that ends the file', 'a:\n  x:\n    b: 1'],
    ['as a block with a list', 'a:\n  x:\n    - 1\n  y:\n  - 1\n'],
    ['as a block with a key twice', 'a:\n  x:\n    b: 1\n    b: 2\n'],
    ['as a block in a list', 'a:\n  - x:\n      b: 1\n    y:\n      b: 1\n'],
    ['as a block in a block of text', 'a: |\n  x:\n    b: 1\nc:\n  d: 1\n'],
    ['as a block after a value that goes on', 'a: one\n  x:\n    b: 1\n'],
    ['with a key twice', 'x: { b: 1, b: 2 }\n'],
    ['with __proto__', 'a:\n  __proto__: { b: 1 }\n  x: { __proto__: 1 }\n'],
    ['with names of every object', 'a:\n  constructor: { toString: 1 }\n  x: { constructor: 1 }\n'],
    ['with escapes', "a: { b: \"x\\n\", c: 'it''s' }\n"],
    [
      'with numbers of every form',
      'a: { b: 0x1F, c: 0o17, d: 1e3, e: .5, f: 1., g: 017, h: 12345678901234567890, i: 1.10 }\n',
    ],
    [
      'with constants',
      'a: { b: null, c: ~, d: True, e: FALSE, f: yes, g: .inf, h: -.INF, i: .NaN }\nc: { d: true, e: yes }\n',
    ],
    [
      'with text that begins like a number',
      'a: { b: 500ms, c: 1.2.3, d: 2027-03-31, e: 12:30, f: 1e, g: 0.5%, h: 1e5x }\n',
    ],
    ['with "#" and ":" inside', 'a: { b: x#y, c: x:y, d: "x # y" }\nb: { c: x #y }\n'],
    ['at the top', 'a: { b: 1 }\nb: { c: 1 }'],
    ['with a tab', 'a: { b:\t1 }\n\tb: { c: 1 }\n'],
    ['after a byte that nobody sees', 'a: { b: 1 }\u0085\nc: { d: x\u00a0y }\n'],
  ])('%s', (_what, text) => {
    compare(text);
  });

  it('any lines (property)', () => {
    const word = fc.constantFrom(
      ...['1', '-1', '0.5', 'abc', 'a b', '"q"', "'s'", '[0, 1]', '{ x: 1 }', '{}', '[]', 'true', 'null', '0x1', '1e3'],
      ...[
        '*x',
        '&x 1',
        '|',
        '>',
        '?',
        '- 1',
        'a: b',
        '#',
        '"',
        "'",
        '{',
        '}',
        '0.5%',
        'holding:1',
        'ns=2;s=A',
        '1.',
        '.5',
        '',
      ],
    );
    const pair = fc
      .tuple(fc.constantFrom('node', 'type', 'a', 'a', '<<'), word)
      .map(([key, value]) => `${key}: ${value}`);
    const flow = fc.array(pair, { maxLength: 3 }).map((pairs) => `{ ${pairs.join(', ')} }`);
    const line = fc
      .tuple(
        fc.constantFrom('', '  ', '  ', '  ', '    '),
        fc.constantFrom('A', 'B', 'C.PV', '"D"', '- E', ''),
        fc.oneof(flow, flow, word),
      )
      .map(([indent, name, value]) => (name === '' ? `${indent}${value}` : `${indent}${name}: ${value}`));
    const deeper = fc
      .tuple(fc.constantFrom('  ', '    ', '      '), fc.constantFrom('b', 'c', '"d"', '- e'), word)
      .map(([indent, name, value]) => `${indent}${name}: ${value}`);
    const end = fc.constantFrom('\n', '\n', '\r\n', ' # c\n', '\n\n');
    const text = fc
      .array(fc.tuple(fc.oneof(line, deeper), end), { maxLength: 9 })
      .map((lines) => lines.flat().join(''));
    fc.assert(
      fc.property(text, (given) => void compare(given)),
      { numRuns: Number(process.env.FIELDGATE_FUZZ ?? 600) },
    );
  });
});
