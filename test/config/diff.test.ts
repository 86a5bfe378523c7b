// The difference between two plants: what a reload has to do, and what it prints.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diffKeys, diffPlants, isEmpty, printDiff } from '../../agent/src/config/diff.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import type { Plant } from '../../agent/src/config/plant.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const BEFORE = `version: 1
site: lavera
gateway: gw-1
hub: { type: iot-edge }
sources:
  dcs:
    protocol: opcua
    endpoint: opc.tcp://10.20.1.15:4840
    user: { name: fieldgate, passwordFile: /run/secrets/dcs }
    defaults: { sampling: 1s }
    tags:
      20FIC101.PV: { node: "nsu=urn:lavera:dcs;s=20FIC101.PV", unit: m3/h, deadband: 0.5%, range: [0, 250] }
      20TI105.PV: { node: "nsu=urn:lavera:dcs;s=20TI105.PV", deadband: 0.1 }
  plc:
    protocol: modbus-tcp
    host: 10.20.4.7
    tags:
      70PT201: { address: 400011, type: float32, order: CDAB }
      70LT310: { address: "holding:20", scale: { from: [0, 4095], to: [0, 100] } }
`;

async function plant(text: string): Promise<Plant> {
  const file = join(folder, 'm.yaml');
  writeFileSync(file, text);
  const loaded = await loadMapping(file, { env: {}, hostname: 'edge', today: new Date('2026-11-22') });
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  return loaded.plant;
}

/** The difference that replacing pieces of the text makes. */
async function changed(...edits: readonly (readonly [string, string])[]) {
  let text = BEFORE;
  for (const [from, to] of edits) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  return diffPlants(await plant(BEFORE), await plant(text));
}

const TI105 = '      20TI105.PV: { node: "nsu=urn:lavera:dcs;s=20TI105.PV", deadband: 0.1 }\n';

describe('the difference between two plants', () => {
  it('is empty when only the order and the way of writing differ', async () => {
    const diff = await changed(
      ['400011', '"holding:10"'],
      ['defaults: { sampling: 1s }', 'defaults: { sampling: 1000ms }'],
      [TI105, '      20TI105.PV: { deadband: 0.10, sampling: 1s, node: "nsu=urn:lavera:dcs;s=20TI105.PV" }\n'],
    );
    expect(isEmpty(diff)).toBe(true);
    expect(printDiff(diff)).toEqual([]);
  });

  it('a tag more, a tag less, a tag changed: the source stays connected, other sources are not named', async () => {
    const diff = await changed(
      [TI105, '      20TI106.PV: { node: "nsu=urn:lavera:dcs;s=20TI106.PV" }\n'],
      ['unit: m3/h, deadband: 0.5%', 'unit: t/h, deadband: 0.2, heartbeat: 60s'],
    );
    expect(diff.changed).toHaveLength(1);
    const [dcs] = diff.changed;
    expect(dcs).toMatchObject({ name: 'dcs', reconnects: false, settings: [] });
    expect(dcs!.changed).toMatchObject([{ name: '20FIC101.PV', reads: false }]);
    expect(printDiff(diff)).toEqual([
      '~ source dcs',
      '  - 20TI105.PV',
      '  + 20TI106.PV',
      '  ~ 20FIC101.PV: unit m3/h → t/h, deadband 0.5% → 0.2, heartbeat (none) → 1m',
    ]);
  });

  it('what is read of a tag, in contrast to what is done with its readings', async () => {
    const diff = await changed(
      ['400011, type: float32, order: CDAB', '400031, type: float64, poll: 500ms'],
      ['to: [0, 100]', 'to: [0, 50]'],
    );
    expect(diff.changed[0]!.changed.map(({ name, reads }) => [name, reads])).toEqual([
      ['70PT201', true],
      ['70LT310', false],
    ]);
    expect(printDiff(diff)).toEqual([
      '~ source plc',
      '  ~ 70PT201: address holding:10 → holding:30, type float32 → float64, order CDAB → ABCDEFGH, poll 1s → 500ms',
      '  ~ 70LT310: range 0..100 → 0..50, scale 0..4095 to 0..100 → 0..4095 to 0..50',
    ]);
  });

  it('a default that changes shows in the tags that it reaches', async () => {
    const diff = await changed(['sampling: 1s', 'sampling: 2s']);
    expect(diff.changed[0]).toMatchObject({ reconnects: false });
    expect(diff.changed[0]!.changed.map(({ name, reads }) => [name, reads])).toEqual([
      ['20FIC101.PV', true],
      ['20TI105.PV', true],
    ]);
  });

  it('text in place of a number is another reading of the tag', async () => {
    const diff = await changed(
      ['deadband: 0.1 }', 'deadband: 0, enumText: true }'],
      ['sampling: 1s', 'enumText: true'],
    );
    expect(diff.changed[0]!.changed.map(({ name, reads }) => [name, reads])).toEqual([
      ['20FIC101.PV', true],
      ['20TI105.PV', true],
    ]);
    expect(printDiff(diff).slice(1)).toEqual([
      '  ~ 20FIC101.PV: enumText (none) → true by default',
      '  ~ 20TI105.PV: deadband 0.1 → 0, enumText (none) → true',
    ]);
  });

  it('a faster tag makes the source publish faster, on the connection that stands', async () => {
    const diff = await changed(['deadband: 0.1 }', 'deadband: 0.1, sampling: 250ms }']);
    expect(diff.changed[0]).toMatchObject({
      reconnects: false,
      settings: [{ key: 'publishing', before: 1_000, after: 250 }],
    });
    expect(printDiff(diff)).toEqual([
      '~ source dcs',
      '    publishing 1s → 250ms',
      '  ~ 20TI105.PV: sampling 1s → 250ms',
    ]);
  });

  it('settings of the connection reconnect that source, and no secret is shown', async () => {
    const diff = await changed(['10.20.1.15', '10.20.1.16'], ['/run/secrets/dcs', '/run/secrets/dcs-2']);
    expect(diff.changed).toMatchObject([{ name: 'dcs', reconnects: true, added: [], removed: [], changed: [] }]);
    expect(printDiff(diff)).toEqual([
      '~ source dcs (reconnects)',
      '    endpoint opc.tcp://10.20.1.15:4840 → opc.tcp://10.20.1.16:4840',
      '    user {"name":"fieldgate","passwordFile":"/run/secrets/dcs"} → {"name":"fieldgate","passwordFile":"/run/secrets/dcs-2"}',
    ]);
  });

  it('sources added, removed, renamed; a tag that moves', async () => {
    const diff = await changed(
      ['  plc:\n', '  plc-2:\n'],
      [
        '      20TI105.PV: {',
        '  dcs-2:\n    protocol: opcua\n    endpoint: opc.tcp://h:1\n    tags:\n      20TI105.PV: {',
      ],
    );
    expect(diff.added.map(({ name }) => name)).toEqual(['dcs-2', 'plc-2']);
    expect(diff.removed.map(({ name }) => name)).toEqual(['plc']);
    expect(printDiff(diff)).toEqual([
      '- source plc (modbus-tcp, 2 tags)',
      '+ source dcs-2 (opcua, 1 tag)',
      '+ source plc-2 (modbus-tcp, 2 tags)',
      '~ source dcs',
      '  - 20TI105.PV',
    ]);
  });

  it('site and gateway are told apart: they need a restart', async () => {
    const diff = await changed(['gw-1', 'gw-2']);
    expect(diff).toMatchObject({ identity: [{ key: 'gateway', before: 'gw-1', after: 'gw-2' }], changed: [] });
    expect(isEmpty(diff)).toBe(false);
    expect(printDiff(diff)).toEqual(['~ gateway: "gw-1" → "gw-2"']);
  });

  it('a long list is counted', async () => {
    const many = Array.from({ length: 70 }, (_, i) => `      T${i}: { node: ns=2;i=${i} }\n`).join('');
    const lines = printDiff(await changed([TI105, TI105 + many]), 3);
    expect(lines).toEqual(['~ source dcs', '  + T0', '  + T1', '  + T2', '  … and 67 tags more added']);
  });
});

it('differences of any two settings, for the hub and the buffer', () => {
  expect(
    diffKeys({ type: 'mqtt', url: 'a', user: { name: 'n' } }, { type: 'mqtt', url: 'b', user: { name: 'n' } }),
  ).toEqual([{ key: 'url', before: 'a', after: 'b' }]);
  expect(diffKeys({ maxAge: 1, order: 'x' }, { order: 'x', drainLimit: 2 })).toEqual([
    { key: 'maxAge', before: 1, after: undefined },
    { key: 'drainLimit', before: undefined, after: 2 },
  ]);
});
