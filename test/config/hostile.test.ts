// Whatever stands in a mapping or a tag file: the answer is never an exception and never takes long, every mistake has
// a place that exists and a message in words, what is clean can be wired, and what has a mistake starts nothing.
// The long form: FIELDGATE_FUZZ=10000.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';
import { wirer } from '../../agent/src/wiring.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const samples = join(import.meta.dirname, '../../deploy/iot-edge/samples');
const yaml = readFileSync(join(samples, 'lavera.yaml'), 'utf8').replace('tags/flare-analysers.csv', 'tags.csv');
const pumps = readFileSync(join(samples, 'pumps.yaml'), 'utf8').replace('tags/mcc-20-pumps.csv', 'tags.csv');
const rows = readFileSync(join(samples, 'tags/mcc-20-pumps.csv'), 'utf8');
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

/** What happens to whole lines under somebody's hands: twice, gone, moved in, in another place. */
const shuffled = (text: string) =>
  fc.tuple(fc.nat(), fc.nat(), fc.constantFrom('twice', 'gone', 'in', 'moved', 'cut')).map(([a, b, what]) => {
    const lines = text.split('\n');
    const at = a % lines.length;
    const line = lines[at]!;
    if (what === 'twice') lines.splice(at, 0, line);
    else if (what === 'in') lines[at] = `  ${line}`;
    else if (what === 'cut') lines.length = at + 1;
    else lines.splice(at, 1);
    if (what === 'moved') lines.splice(b % lines.length, 0, line);
    return lines.join('\n');
  });

/** One to four of these, one after the other. */
const worn = (text: string): fc.Arbitrary<string> =>
  fc
    .oneof(damage(text), shuffled(text))
    .chain((once) =>
      fc.oneof(
        { weight: 2, arbitrary: fc.constant(once) },
        { weight: 1, arbitrary: fc.oneof(damage(once), shuffled(once)) },
      ),
    );

/** Milliseconds of this process's own time, which a busy machine does not stretch. */
const MOST_CPU = 2_000;

async function load(mapping: string, tags: string): Promise<boolean> {
  writeFileSync(join(folder, 'm.yaml'), mapping);
  writeFileSync(join(folder, 'tags.csv'), tags);
  const before = process.cpuUsage();
  const loaded = await loadMapping(join(folder, 'm.yaml'), options);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(MOST_CPU);
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
  else for (const source of loaded.plant.sources) wirer(loaded.plant, join(folder, 'data/buffer.db')).wire(source);
  return 'mistakes' in loaded;
}

const runs = (usual: number) => ({ numRuns: Number(process.env.FIELDGATE_FUZZ ?? usual) });

it('a worn mapping (property)', () =>
  fc.assert(
    fc.asyncProperty(worn(yaml), (text) => load(text, csv).then(() => {})),
    runs(200),
  ));

it('a worn mapping with templates (property)', () =>
  fc.assert(
    fc.asyncProperty(worn(pumps), (text) => load(text, rows).then(() => {})),
    runs(100),
  ));

it('a worn file of tags or of instances (property)', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        worn(csv).map((text) => [yaml, text]),
        worn(rows).map((text) => [pumps, text]),
      ),
      ([mapping, text]) => load(mapping!, text!).then(() => {}),
    ),
    runs(150),
  ));

it('any value at any place (property)', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...yaml.matchAll(/(?<=: +)[^\s#{}[\],][^\n#{}[\],]*/g)),
      fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('', -1, 1e308, '0', '4', null)),
      (match, value) => {
        const end = match.index + match[0].length;
        return load(`${yaml.slice(0, match.index)}${JSON.stringify(value)}${yaml.slice(end)}`, csv).then(() => {});
      },
    ),
    runs(200),
  ));

it(
  'starts nothing with a mapping that has a mistake (property)',
  () =>
    fc.assert(
      fc.asyncProperty(worn(yaml.replace('path: data/', `path: ${folder}/data/`)), async (text) => {
        if (!(await load(text, csv))) return;
        const args = [join(import.meta.dirname, '../../agent/src/main.ts'), 'run', '--config', join(folder, 'm.yaml')];
        const env = { ...process.env, FIELDGATE_HTTP: 'off' };
        const { status, stdout, stderr } = spawnSync(process.execPath, args, {
          cwd: folder,
          env,
          encoding: 'utf8',
          timeout: 60_000,
        });
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toMatch(/the mapping has \d+ mistakes?; nothing was started\n$/);
        expect(existsSync(join(folder, 'data'))).toBe(false);
      }),
      { numRuns: Number(process.env.FIELDGATE_FUZZ ?? 400) / 100 },
    ),
  300_000,
);

it('a file that is too large is told so at once, whatever it holds', async () => {
  const large = join(folder, 'large.yaml');
  writeFileSync(large, '');
  truncateSync(large, 100_000_000);
  const before = process.cpuUsage();
  for (const file of [large, '/dev/zero']) {
    expect(await loadMapping(file, options)).toMatchObject({ mistakes: [{ file, message: 'is larger than 20 MB' }] });
  }
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(MOST_CPU);
});
