// 50,000 tags: the figures are printed, for docs/mapping.md; nothing fails on time.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Loaded, loadMapping } from '../../agent/src/config/load.ts';
import { scratch } from '../support/scratch.ts';

const TAGS = 50_000;
const folder = scratch();
const HEAD = 'version: 1\nsite: lavera\nhub: { type: iot-edge }\n';
const head = `${HEAD}sources:
  dcs:
    protocol: opcua
    endpoint: opc.tcp://h:4840
`;

const row = (i: number) => `20FIC${i}.PV,nsu=urn:lavera:dcs;s=20FIC${i}.PV,m3/h,0.5%,500ms\n`;
const line = (i: number) =>
  `      20FIC${i}.PV: { node: "nsu=urn:lavera:dcs;s=20FIC${i}.PV", unit: m3/h, deadband: 0.5%, sampling: 500ms }\n`;

const block = (i: number) =>
  `      20FIC${i}.PV:\n        node: "nsu=urn:lavera:dcs;s=20FIC${i}.PV"\n        unit: m3/h\n        deadband: 0.5%\n        sampling: 500ms\n`;

async function measured(what: string, file: string): Promise<Loaded> {
  const start = performance.now();
  const before = process.cpuUsage();
  const loaded = await loadMapping(file);
  const { user, system } = process.cpuUsage(before);
  const ms = Math.round(performance.now() - start);
  console.log(`${what}: checked in ${ms} ms, ${Math.round((user + system) / 1000)} ms of CPU`);
  return loaded;
}

async function timed(what: string, inCsv: number, written = line): Promise<void> {
  const tags = Array.from({ length: TAGS }, (_, i) => i);
  const csv = `name,node,unit,deadband,sampling\n${tags.slice(0, inCsv).map(row).join('')}`;
  const rest = tags.slice(inCsv);
  const file = join(folder, `${what}.yaml`);
  writeFileSync(join(folder, `${what}.csv`), csv);
  const list = rest.length > 0 ? `    tags:\n${rest.map(written).join('')}` : '';
  writeFileSync(file, `${head}    tagFiles: [${what}.csv]\n${list}`);
  const loaded = await measured(`${TAGS} tags, ${what}`, file);
  expect(loaded).not.toHaveProperty('mistakes');
  if ('plant' in loaded) expect(loaded.plant.sources[0]!.tags).toHaveLength(TAGS);
}

it('all in CSV', () => timed('csv', TAGS));
it('a tenth in YAML', () => timed('mixed', TAGS * 0.9));
it('all in YAML', () => timed('yaml', 0));
it('all in YAML, a key on each line', () => timed('block', 0, block));
it('all in YAML, references of Modbus', async () => {
  const lines = Array.from(
    { length: 30_000 },
    (_, i) => `      T${i}: { address: ${400_001 + 2 * i}, type: float32 }\n`,
  );
  const file = join(folder, 'modbus.yaml');
  writeFileSync(file, `${HEAD}sources:\n  plc:\n    protocol: modbus-tcp\n    host: h\n    tags:\n${lines.join('')}`);
  expect(await measured('30000 tags, modbus', file)).not.toHaveProperty('mistakes');
});
it('every tag wrong, in CSV', async () => {
  const rows = Array.from({ length: TAGS }, (_, i) => `T${i},nod=${i},1,5%%\n`).join('');
  writeFileSync(join(folder, 'wrong.csv'), `name,node,sampling,deadband\n${rows}`);
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, `${head}    tagFiles: [wrong.csv]\n`);
  const loaded = await measured('50000 tags, csv, three mistakes each', file);
  expect('mistakes' in loaded && loaded.mistakes.length).toBe(3 * TAGS);
});
