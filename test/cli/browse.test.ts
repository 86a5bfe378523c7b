// `fieldgate browse` from an empty mapping to one that is in use, against the simulated DCS.

import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPki } from '../../agent/src/adapters/opcua/pki.ts';
import { names } from '../../agent/src/cli/browse/names.ts';
import { command } from '../../agent/src/cli/browse.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { scratch } from '../support/scratch.ts';

let sim: OpcUaSim;
let file: string;

beforeAll(async () => {
  sim = await startOpcUaServer({ folder: scratch(), tags: 60, ticking: false });
  const folder = scratch();
  file = join(folder, 'site.yaml');
  writeFileSync(join(folder, 'password'), sim.password);
  await openPki(join(folder, 'pki')).add(sim.certificate, 'trusted');
});
afterAll(() => sim?.close());

function mapping(tags: string): string {
  const folder = dirname(file);
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw1
hub: { type: jsonl, path: "-" }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  dcs:
    protocol: opcua
    endpoint: ${sim.endpoint}
    user: { name: ${sim.user}, passwordFile: ${join(folder, 'password')} }
    tags:
${tags.replace(/^/gm, '      ')}
`,
  );
  return file;
}

async function browse(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += chunk;
        done();
      },
    });
  const code = await command.run(args, { out: stream('out'), err: stream('err'), env: {} });
  return { code, ...texts };
}

test('an empty mapping becomes one that is clean and has every tag', async () => {
  const first = await browse(mapping('{}'), 'dcs');
  expect(first).toMatchObject({ code: 0, err: '60 variables\n' });
  const loaded = await loadMapping(mapping(first.out), {});
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes));
  const [source] = loaded.plant.sources;
  expect(source?.tags.map(({ name }) => name).sort()).toEqual(sim.signals.map(({ name }) => name).sort());
  const analog = sim.signals.find(({ range }) => range !== undefined);
  const tag = source?.tags.find(({ name }) => name === analog?.name);
  expect(tag).toMatchObject({ unit: analog?.unit, range: analog?.range });

  const again = await browse(file, 'dcs');
  expect(again.out).toBe('# added: 0, removed: 0, changed: 0\n');
});

test('what has come, gone and changed', async () => {
  const node = (name: string) => `"nsu=${sim.namespace};s=${name}"`;
  const analog = sim.signals.find(({ unit }) => unit === 'm3/h')!.name;
  mapping(`A: { node: ${node(analog)}, unit: kg/h, range: [0, 7] }
B: { node: ${node('GONE')} }
C: { path: /Objects/Nowhere }
T: { node: "i=2258" }`);
  const { out } = await browse(file, 'dcs');
  expect(out).toContain('# added: 59, removed: 2, changed: 2');
  expect(out).toContain('# A: unit: the mapping says kg/h, the server m3/h');
  expect(out).toContain('# A: range: the mapping says 0 to 7');
  expect(out).toContain('# B: the server says BadNodeIdUnknown');
  expect(out).toContain('# C: BadNoMatch');
  expect(out).not.toContain('# T:'); // beside what is walked, but there
  const json = JSON.parse((await browse(file, 'dcs', '--json')).out) as { added: unknown[]; found: unknown[] };
  expect([json.added.length, json.found.length]).toEqual([59, 60]);
});

test('filters', async () => {
  mapping('{}');
  const lines = async (...args: string[]) =>
    (await browse(file, 'dcs', ...args)).out.split('\n').filter((line) => line);
  const pvs = sim.signals.filter(({ name }) => name.endsWith('.PV'));
  expect(await lines('--match', '*.pv')).toHaveLength(pvs.length);
  expect(await lines('--type', 'boolean')).toHaveLength(
    sim.signals.filter(({ type, length }) => type === 'Boolean' && !length).length,
  );
  expect(await lines('--match', '/Objects/Crude*/*')).toHaveLength(60);
  expect(await lines('--match', 'no?such')).toEqual([]);
  expect((await browse(file, 'dcs', '--under', '/Objects/Nowhere')).err).toContain('nothing is at /Objects/Nowhere');
});

test('names are as short as tells them apart', () => {
  const at = (path: string, node = path) => ({ path, node, name: path.split('/').at(-1)! });
  expect(names([at('/Objects/A/PV'), at('/Objects/B/PV'), at('/Objects/C'), at('/Objects/D&/E')], ['C'])).toEqual([
    'A.PV',
    'B.PV',
    '/Objects/C',
    'D/E',
  ]);
  expect(new Set(names([at('/Objects/A', 's=1'), at('/Objects/A', 's=2')], [])).size).toBe(2);
});
