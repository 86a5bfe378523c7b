// Whatever stands in a mapping or a tag file: the answer is never an exception, and every mistake has a place
// that exists and a message in words.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const samples = join(import.meta.dirname, '../../deploy/iot-edge/samples');
const yaml = readFileSync(join(samples, 'lavera.yaml'), 'utf8').replace('tags/flare-analysers.csv', 'tags.csv');
const csv = readFileSync(join(samples, 'tags/flare-analysers.csv'), 'utf8');
const options = { env: {}, hostname: 'edge-01', today: new Date('2026-11-22T12:00:00Z') };

/** Cuts a piece out of a text and puts another in its place. */
const damage = (text: string) =>
  fc
    .tuple(
      fc.nat({ max: text.length }),
      fc.nat({ max: 12 }),
      fc.oneof(
        fc.string({ unit: fc.constantFrom(...'{}[]:,&*!|>%@`"\'#-?\t\n\r ;.0a\u0000é😀'), maxLength: 5 }),
        fc.constantFrom(
          'null',
          '~',
          '<<: *x',
          '&x',
          '*x',
          '!!binary',
          '---\n',
          '__proto__: {}',
          'constructor: 1',
          '1e999',
        ),
      ),
    )
    .map(([at, length, insert]) => text.slice(0, at) + insert + text.slice(at + length));

async function load(mapping: string, tags: string): Promise<void> {
  writeFileSync(join(folder, 'm.yaml'), mapping);
  writeFileSync(join(folder, 'tags.csv'), tags);
  const loaded = await loadMapping(join(folder, 'm.yaml'), options);
  const texts = new Map([
    [join(folder, 'm.yaml'), mapping],
    [join(folder, 'tags.csv'), tags],
  ]);
  for (const mistake of 'mistakes' in loaded ? loaded.mistakes : loaded.warnings) {
    const lines = texts.get(mistake.file)!.split(/\r\n|\n|\r/);
    expect(mistake.line).toBeGreaterThan(0);
    expect(mistake.line).toBeLessThanOrEqual(lines.length);
    expect(mistake.column).toBeGreaterThan(0);
    expect(mistake.column).toBeLessThanOrEqual(mapping.length + tags.length + 1);
    expect(mistake.message).not.toMatch(/undefined|Invalid input|\[object/);
    expect(formatMistake(mistake)).toContain(mistake.message);
  }
  if ('mistakes' in loaded) expect(loaded.mistakes.length).toBeGreaterThan(0);
}

it('a damaged mapping (property)', () =>
  fc.assert(
    fc.asyncProperty(damage(yaml), (text) => load(text, csv)),
    { numRuns: 300 },
  ));

it('a damaged tag file (property)', () =>
  fc.assert(
    fc.asyncProperty(damage(csv), (text) => load(yaml, text)),
    { numRuns: 200 },
  ));

it('any value at any place (property)', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...yaml.matchAll(/(?<=: +)[^\s#{}[\],][^\n#{}[\],]*/g)),
      fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('', -1, 1e308, '0', '4', null)),
      (match, value) => {
        const end = match.index + match[0].length;
        return load(`${yaml.slice(0, match.index)}${JSON.stringify(value)}${yaml.slice(end)}`, csv);
      },
    ),
    { numRuns: 300 },
  ));
