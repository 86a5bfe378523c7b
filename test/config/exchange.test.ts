// Tag lists in and out: what is exported is read back as the same plant, whatever stands in a cell; lists of other
// products become what test/config/lists says. After a change on purpose: vitest run test/config/exchange.test.ts -u.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { command } from '../../agent/src/cli/tags.ts';
import { diffPlants, printDiff } from '../../agent/src/config/diff.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';
import type { Plant } from '../../agent/src/config/plant.ts';
import { output } from '../support/output.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const samples = join(import.meta.dirname, '../../deploy/iot-edge/samples');
const lists = join(import.meta.dirname, 'lists');

async function plant(file: string): Promise<Plant> {
  const loaded = await loadMapping(file, { env: {}, hostname: 'edge' });
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map((mistake) => formatMistake(mistake)).join('\n'));
  return loaded.plant;
}

async function tags(...args: string[]) {
  const io = output();
  const code = await command.run(args, io);
  return { code, out: io.text(), err: io.errors() };
}

const head = (protocol: string) =>
  `version: 1\nsite: s\nhub: { type: iot-edge }\nsources:\n  x:\n    ${
    protocol === 'opcua' ? 'protocol: opcua\n    endpoint: opc.tcp://h:4840' : 'protocol: modbus-tcp\n    host: h'
  }\n`;

/** Exports the tags of a mapping and reads them back in place of those of the YAML. */
async function roundTrip(protocol: string, written: Record<string, unknown>, excel: boolean): Promise<void> {
  const before = join(folder, 'before.yaml');
  writeFileSync(before, `${head(protocol)}    tags: ${JSON.stringify(written)}\n`);
  const { code, out } = await tags('export', before, ...(excel ? ['--excel'] : []));
  expect(code).toBe(0);
  writeFileSync(join(folder, 'tags.csv'), out);
  const after = join(folder, 'after.yaml');
  writeFileSync(after, `${head(protocol)}    tagFiles: [tags.csv]\n`);
  expect((await plant(after)).sources[0]!.tags).toEqual((await plant(before)).sources[0]!.tags);
}

const text = (minLength: number) =>
  fc.string({ unit: fc.constantFrom(...'aZ09,;"\'|=:#{}[]%+- \téß°\n\u00a0'), minLength, maxLength: 12 });
const name = text(1).filter((given) => !/^ | $|[\t\n]/.test(given) && !['__proto__', '<<'].includes(given));
const number = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((given) => (given === 0 ? 0 : given));
const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const range = fc
  .tuple(number, positive)
  .map(([lo, width]) => [lo, lo + width])
  .filter(([lo, hi]) => lo! < hi!);
const optional = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const common = {
  unit: optional(text(1).filter((given) => given.trim() !== '')),
  description: optional(text(0)),
  priority: optional(fc.constantFrom('normal', 'high')),
  heartbeat: optional(fc.constantFrom('100ms', '1.5m', '2h')),
  deadband: optional(fc.oneof(positive, fc.constantFrom(0, '0.5%', '12%', '0.05%'))),
};
const modbus = fc.record({
  ...common,
  range,
  address: fc.oneof(fc.constantFrom('holding:20', 'input:65530', 400011), fc.integer({ min: 40001, max: 49999 })),
  type: optional(fc.constantFrom('int16', 'float32', 'uint64', 'bcd32')),
  order: optional(fc.constantFrom('ABCD', 'CDAB', 'DCBA')),
  scale: optional(fc.record({ from: range, to: range })),
  unitId: optional(fc.integer({ min: 0, max: 255 })),
  notImplemented: optional(fc.constantFrom('1234', [0, '12'], 7)),
  sensorFailure: optional(fc.constantFrom('9999', [8, '99'], 98)),
  poll: optional(fc.constantFrom('10ms', '1s')),
});
const opcua = fc.record({
  ...common,
  range: optional(range),
  node: text(1)
    .map((id) => `nsu=urn:a;s=${id}`)
    .filter((id) => /^\S[\s\S]*\S$/.test(id) && !/[\n]/.test(id)),
  sampling: optional(fc.constantFrom('0ms', '250ms')),
});
const named = (tag: fc.Arbitrary<unknown>) =>
  fc.uniqueArray(fc.tuple(name, tag), { selector: ([one]) => one, minLength: 1, maxLength: 4 }).map(Object.fromEntries);

const runs = { numRuns: Number(process.env.FIELDGATE_FUZZ ?? 80) };
/** For the long form. */
const TIMEOUT = 300_000;

describe('tags export', () => {
  it(
    'is read back as the same tags, Modbus (property)',
    () =>
      fc.assert(
        fc.asyncProperty(named(modbus), fc.boolean(), (all, excel) => roundTrip('modbus', all, excel)),
        runs,
      ),
    TIMEOUT,
  );

  it(
    'is read back as the same tags, OPC UA (property)',
    () =>
      fc.assert(
        fc.asyncProperty(named(opcua), fc.boolean(), (all, excel) => roundTrip('opcua', all, excel)),
        runs,
      ),
    TIMEOUT,
  );

  it('takes the tags of templates and of tag files, too', async () => {
    const before = join(samples, 'pumps.yaml');
    const { out } = await tags('export', before, 'mcc-20');
    expect(out.split('\n')).toHaveLength(1 + 321 + 1);
    writeFileSync(join(folder, 'mcc.csv'), out);
    const yaml = readFileSync(before, 'utf8').replace(/ {4}use:[\s\S]*?20MCC.VOLTS.*\n/, '    tagFiles: [mcc.csv]\n');
    writeFileSync(join(folder, 'pumps.yaml'), yaml);
    expect(printDiff(diffPlants(await plant(before), await plant(join(folder, 'pumps.yaml'))))).toEqual([]);
  });

  it('of several sources asks for one, and knows what was meant', async () => {
    const file = join(samples, 'lavera.yaml');
    await expect(tags('export', file)).rejects.toThrow('has several sources, name one: cdu1-dcs, flare-plc');
    await expect(tags('export', file, 'flare-pcl')).rejects.toThrow('did you mean "flare-plc"?');
    await expect(tags('exprot', file)).rejects.toThrow('write export or import, not "exprot"');
  });

  it('of a mapping with a mistake is the mistake', async () => {
    const { code, out, err } = await tags('export', join(import.meta.dirname, 'wrong/unknown-key.yaml'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('unknown-key.yaml:');
  });
});

describe('tags import', () => {
  const names = readdirSync(lists).filter((one) => !one.includes('.golden.'));

  it.each(names)('%s', async (one) => {
    const { code, out, err } = await tags('import', join(lists, one));
    const shown = `${out}---\n${err}exit ${code}\n`.replaceAll(`${lists}/`, '');
    await expect(shown).toMatchFileSnapshot(join(lists, `${one}.golden.txt`));
  });

  it.each(['kepware.csv', 'telegraf.conf', 'publishednodes.json'])('of %s gives a clean mapping', async (one) => {
    const { out } = await tags('import', join(lists, one), '--source', 'x');
    const file = join(folder, 'imported.yaml');
    writeFileSync(file, `version: 1\nsite: s\nhub: { type: iot-edge }\n${out}`);
    expect((await plant(file)).sources.length).toBeGreaterThan(0);
  });
});
