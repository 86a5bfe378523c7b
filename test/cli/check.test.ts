// What `fieldgate check` writes for programs, and the mapping that it writes out. The text for people is in
// cli.test.ts and in the golden files of test/config/wrong.

import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { command } from '../../agent/src/cli/check.ts';
import { diffPlants, printDiff } from '../../agent/src/config/diff.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';
import type { Plant } from '../../agent/src/config/plant.ts';
import { output } from '../support/output.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const samples = join(import.meta.dirname, '../../deploy/iot-edge/samples');

async function check(...args: string[]) {
  const io = output();
  const code = await command.run(args, io);
  return { code, out: io.text(), err: io.errors() };
}

async function plant(file: string): Promise<Plant> {
  const loaded = await loadMapping(file, { env: {}, hostname: 'edge' });
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map((mistake) => formatMistake(mistake)).join('\n'));
  return loaded.plant;
}

const WRONG = `version: 1
site: lavera
hub: { type: iot-edge }
templates:
  pump: { parameters: { name: text }, tags: { "{name}.RUN": { adress: "100%" } } }
sources:
  plc, 1:
    protocol: modbus-tcp
    host: h
    use: [{ template: pump, name: 20P101 }]
    maxGapp: 01
`;

function wrong(): string {
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, WRONG);
  return file;
}

describe('check --format', () => {
  it('github: one annotation per mistake, with what its syntax escapes', async () => {
    const file = wrong();
    const { code, out } = await check(file, '--format', 'github');
    expect(code).toBe(1);
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.replaceAll(file, 'F'))).toEqual([
      '::error file=F,line=5,col=47,title=fieldgate check::20P101.RUN needs an address: write a reference like 400011, or table and offset like "holding:10" (in 20P101.RUN, made at F:10:11)',
      '::error file=F,line=5,col=63,title=fieldgate check::unknown key "adress"; did you mean "address"? (in 20P101.RUN, made at F:10:11)',
      '::error file=F,line=7,col=3,title=fieldgate check::source name "plc, 1": use letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit',
      '::error file=F,line=11,col=5,title=fieldgate check::unknown key "maxGapp"; did you mean "maxGap"?',
      '::warning file=F,line=11,col=14,title=fieldgate check::01: zeros in front mean nothing in YAML, this is 1',
      '4 mistakes, 1 warning',
    ]);
  });

  it('sarif: places, levels and the other end of a mistake', async () => {
    const file = wrong();
    const { code, out } = await check(file, '--format', 'sarif');
    expect(code).toBe(1);
    const [run] = JSON.parse(out).runs;
    expect(run.results).toHaveLength(5);
    expect(run.results[0]).toMatchObject({
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: `file://${file}` },
            region: { startLine: 5, startColumn: 47 },
          },
        },
      ],
      relatedLocations: [{ physicalLocation: { region: { startLine: 10, startColumn: 11 } } }],
    });
    expect(run.results[4]).toMatchObject({ level: 'warning', ruleId: 'mapping/odd' });
  });

  it('json, by either name', async () => {
    const one = await check(join(samples, 'lavera.yaml'), '--json');
    expect(one).toEqual(await check(join(samples, 'lavera.yaml'), '--format', 'json'));
    expect(JSON.parse(one.out)).toMatchObject({ ok: true, mistakes: [], summary: { sources: 2 } });
  });

  it('another word is wrong usage, with what was meant', async () => {
    await expect(check('x.yaml', '--format', 'sarfi')).rejects.toThrow('unknown format "sarfi"; did you mean "sarif"?');
    await expect(check('x.yaml', '--format', 'constructor')).rejects.toThrow('unknown format "constructor"');
  });
});

describe('check --expand', () => {
  it('writes a mapping without templates that reads the same', async () => {
    cpSync(samples, join(folder, 'samples'), { recursive: true });
    const file = join(folder, 'samples/pumps.yaml');
    const { code, out, err } = await check(file, '--expand');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toMatch(/templates:|use:|useFiles:|\{name\}/);
    expect(out).toContain('      20P101.AMPS: { address: input:100, type: float32, unit: A');
    const expanded = join(folder, 'samples/expanded.yaml');
    writeFileSync(expanded, out);
    const diff = diffPlants(await plant(file), await plant(expanded));
    expect(printDiff(diff)).toEqual([]);
  });

  it('leaves a mapping without templates as it is, but for blanks', async () => {
    const { out } = await check(join(samples, 'lavera.yaml'), '--expand');
    expect(out).toContain('# default: IOTEDGE_DEVICEID');
    expect(out).toContain('tagFiles: [ tags/flare-analysers.csv ]');
  });

  it('of a mapping with mistakes writes nothing but these', async () => {
    const { code, out, err } = await check(wrong(), '--expand');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('4 mistakes, 1 warning\n');
  });
});
