// Engineering units that the mapping does not say are asked of the server, and travel with the readings.

import { makeEUInformation } from 'node-opcua-data-access';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import type { ResolvedSource } from '../../../../agent/src/config/plant.ts';
import { wirer } from '../../../../agent/src/wiring.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

let small: SmallServer;
beforeAll(async () => {
  small = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:test:units');
    for (const [name, unit] of [
      ['flow', 'm3/h'],
      ['long', 'x'.repeat(100)],
    ] as const)
      namespace.addAnalogDataItem({
        browseName: name,
        nodeId: `s=${name}`,
        organizedBy: space.rootFolder.objects,
        dataType: 'Double',
        engineeringUnitsRange: { low: 0, high: 250 },
        engineeringUnits: makeEUInformation('MQH', unit, unit),
        value: { dataType: 'Double', value: 1 },
      });
    namespace.addVariable({
      browseName: 'plain',
      nodeId: 's=plain',
      organizedBy: space.rootFolder.objects,
      dataType: 'Double',
      value: { dataType: 'Double', value: 2 },
    });
  });
});
afterAll(() => small?.stop());

test('a unit is told once it is known, bounded, and only where it is wanted', async () => {
  const nodes = ['flow', 'long', 'plain', 'missing'].map((name) => `nsu=urn:test:units;s=${name}`);
  const [flow, long, plain, missing] = tagsOf(nodes, { wantsUnit: true });
  const [unwanted] = tagsOf(nodes);
  const stop = new AbortController();
  const sink = recorder();
  const tags = [{ ...flow!, index: 0 }, long!, plain!, missing!, { ...unwanted!, index: 4, name: 'unwanted' }];
  const adapter = opcuaAdapter(openly(small.endpoint, scratch(), tags), QUICK);
  await adapter.connect(stop.signal);
  const run = adapter.run(sink, stop.signal);
  await until('the units', () => sink.facts.has(0) && sink.facts.has(1));
  expect(sink.facts.get(0)).toEqual({ unit: 'm3/h' });
  expect(sink.facts.get(1)?.unit).toHaveLength(32);
  await until('readings', () => sink.last(4));
  expect([...sink.facts.keys()].sort()).toEqual([0, 1]);
  stop.abort();
  await run;
  await adapter.close();
});

test("a mapping's unit wins, and one that was learned is changed by what the source tells later", () => {
  const numbering = wirer({ site: 's', gateway: 'g' }, 'data/buffer.db');
  numbering.wire({
    name: 'plc',
    protocol: 'opcua',
    config: { endpoints: ['opc.tcp://127.0.0.1:1'], publishing: 250 },
    tags: [
      { name: 'A', priority: 'normal', sampling: 100, unit: 'barg' },
      { name: 'B', priority: 'normal', sampling: 100 },
    ],
  } as unknown as ResolvedSource);
  expect(numbering.learnUnit(0, 'bar')).toBeUndefined();
  expect(numbering.learnUnit(1, 'degC')).toMatchObject({ name: 'B', index: 1, unit: 'degC' });
  expect(numbering.learnUnit(1, 'degC')).toBeUndefined();
  expect(numbering.learnUnit(1, 'K')).toMatchObject({ index: 1, unit: 'K' });
  expect(numbering.learnUnit(7, 'K')).toBeUndefined();
  expect(numbering.tags.map(({ unit }) => unit)).toEqual(['barg', 'K']);
});
