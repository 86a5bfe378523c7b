// The shipped example runs: every tag of it, on the simulated plant with encryption and password, into the local hub.
// Only hosts, ports and the places of files are replaced.

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { loadMapping } from '../../agent/src/config/load.ts';
import { startHub } from '../../sim/hub/hub.ts';
import { startModbusServer } from '../../sim/refinery/modbus.ts';
import { startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const SAMPLES = fileURLToPath(new URL('../../deploy/iot-edge/samples', import.meta.url));
const folder = scratch();
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

function kept<T extends { close(): Promise<unknown> }>(sim: T): T {
  ends.push(() => sim.close());
  return sim;
}

it('delivers a Good reading of every tag', { timeout: 60_000 }, async () => {
  const dcs = kept(await startOpcUaServer({ folder: join(folder, 'dcs') }));
  const flare = kept(await startModbusServer({ site: 'flare' }));
  const hub = kept(await startHub({ folder: join(folder, 'hub') }));

  cpSync(SAMPLES, join(folder, 'samples'), { recursive: true });
  const file = join(folder, 'samples', 'lavera.yaml');
  const replaced = readFileSync(file, 'utf8')
    .replace('opc.tcp://10.20.1.15:4840', dcs.endpoint)
    .replace('/run/secrets/cdu1-dcs', join(folder, 'password'))
    .replace('host: 10.20.4.7', `host: ${flare.host}`)
    .replace('port: 502', `port: ${flare.port}`)
    .replace('path: data/buffer.db', `path: ${join(folder, 'data', 'buffer.db')}`);
  writeFileSync(file, replaced);
  writeFileSync(join(folder, 'password'), `${dcs.password}\n`);
  mkdirSync(join(folder, 'data/pki/trusted/certs'), { recursive: true });
  copyFileSync(dcs.certificateFile, join(folder, 'data/pki/trusted/certs/dcs.pem'));

  const loaded = await loadMapping(file);
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  const names = loaded.plant.sources.flatMap(({ tags }) => tags.map(({ name }) => name));
  expect(names.length).toBeGreaterThan(7);

  const agent = startAgent(['run', '--config', file], { ...hub.environment });
  ends.push(() => agent.end('SIGKILL'));
  const missing = () => names.filter((name) => hub.account.tag(name)?.status !== 'Good');
  await until('a Good reading of every tag', () => missing().length === 0, 30_000).catch((error: Error) => {
    throw new Error(`${error.message}; without one: ${missing().join(', ')}\n${agent.stderr()}`);
  });
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(hub.account.summary()).toMatchObject({ missing: 0, double: 0, malformed: 0 });
});
