// What is made of a value changes under a running gateway, and the value itself stands still: the server has nothing to
// say, and downstream must have it in the new terms all the same.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataType } from 'node-opcua-client';
import { afterAll, expect, it } from 'vitest';
import { smallServer } from '../adapters/opcua/rig.ts';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

it('a new scale or clamp is in the next reading, which comes soon', { timeout: 120_000 }, async () => {
  const folder = scratch();
  const file = join(folder, 'fieldgate.yaml');
  const readings = join(folder, 'readings.jsonl');
  const plc = await smallServer((space) => {
    const level = space.registerNamespace('urn:plc').addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'LEVEL',
      nodeId: 's=LEVEL',
      dataType: DataType.Double,
    });
    level.setValueFromSource({ dataType: DataType.Double, value: 50 });
  });
  ends.push(() => plc.stop());
  const write = (how: string) =>
    writeFileSync(
      file,
      `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${readings}, maxDelay: 50ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  plc:
    protocol: opcua
    endpoint: ${plc.endpoint}
    security: { policy: None, mode: None }
    insecure: { acceptedBy: test, until: 2999-12-31 }
    publishing: 100ms
    defaults: { sampling: 50ms }
    tags:
      LEVEL: { node: "nsu=urn:plc;s=LEVEL", heartbeat: 1s, ${how} }
`,
    );
  write('scale: { from: [0, 100], to: [0, 10] }');
  const agent = startAgent(['run', '--config', file]);
  ends.push(() => agent.end('SIGTERM'));
  const values = () =>
    existsSync(readings)
      ? readFileSync(readings, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { readonly tag?: string; readonly value?: unknown })
          .flatMap(({ tag, value }) => (tag === 'LEVEL' ? [value] : []))
      : [];
  const last = () => values().at(-1);
  const becomes = (value: number) =>
    until(`${value}, not ${last()}\n${agent.stderr().slice(-3_000)}`, () => last() === value, 20_000);
  await becomes(5);
  write('scale: { from: [0, 100], to: [0, 1000] }');
  process.kill(agent.pid, 'SIGHUP');
  await becomes(500);
  write('scale: { from: [0, 100], to: [0, 1000] }, range: [0, 400], clamp: true');
  process.kill(agent.pid, 'SIGHUP');
  await becomes(400);
  write('scale: { from: [0, 100], to: [0, 1000] }, range: [0, 300], clamp: true');
  process.kill(agent.pid, 'SIGHUP');
  await becomes(300);
  const steps = values().filter((value, i, all) => value !== all[i - 1]);
  expect(steps, 'none in former terms after one in the new').toEqual([5, 500, 400, 300]);
});
