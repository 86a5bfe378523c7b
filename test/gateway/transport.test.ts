// A gateway, as a process, beside an edgeHub that loses the MQTT CONNECT, as 1.6.0 and 1.6.1 do: left to itself it
// delivers over AMQP within a minute, with twin and methods, and says so; held to MQTT it never does.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { freePort } from '../support/free-port.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

interface Status {
  readonly store: { readonly forwarder: { readonly hub: { readonly state: string; readonly transport?: string } } };
}

const folder = scratch();
const agents: Agent[] = [];
let hub: LocalHub;
let plc: ModbusSim;

/** A gateway whose hub has these keys besides its type. */
function start(name: string, keys: string, http = 'off'): Agent {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: ${name}
hub: { type: iot-edge, maxDelay: 50ms${keys} }
buffer: { path: ${join(folder, name, 'buffer.db')} }
sources:
  plc:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    defaults: { poll: 100ms }
    tags: { ${name}.PV: { address: 400001 } }
`,
  );
  const agent = startAgent(['run', '--config', file], { ...hub.environment, FIELDGATE_HTTP: http });
  agents.push(agent);
  return agent;
}

beforeAll(async () => {
  hub = await startHub({ folder: join(folder, 'hub') });
  plc = await startModbusServer({ site: 'flare' });
  hub.faults.loseConnect('hold');
}, 60_000);
afterAll(async () => {
  for (const agent of agents) await agent.end('SIGKILL');
  await plc.close();
  await hub.close();
});

it('an edgeHub without an answer over MQTT: readings, twin and methods go over AMQP', {
  timeout: 180_000,
}, async () => {
  const held = start('held', ', transport: mqtt');
  const http = `127.0.0.1:${await freePort()}`;
  const free = start('free', '', http);
  await until(`a reading\n${free.stderr()}`, () => hub.account.tag('free.PV')?.status === 'Good', 120_000);
  await until('a report', () => hub.twin.reported.version, 20_000);
  expect(await hub.invoke('ping', {}, 20_000)).toMatchObject({ status: 200 });
  // The page is a moment behind.
  const used = await until('the status', async () => {
    const status = (await (await fetch(`http://${http}/status`)).json()) as Status;
    const { hub: line } = status.store.forwarder;
    return line.state === 'connected' && line.transport;
  });
  expect(used).toBe('amqp');
  expect(free.stderr()).toContain('does not answer over MQTT; the next attempt is over AMQP');
  // The other one has had as long and has delivered nothing: all of it waits on its disk.
  expect(hub.account.tag('held.PV')).toBeUndefined();
  expect(held.stderr()).not.toContain('hub connected');
});
