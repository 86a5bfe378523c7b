// A gateway that is killed and started again: what the plant did meanwhile is read from the server's history, and the gap
// of the downtime is closed with it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UAVariable } from 'node-opcua-address-space';
import { DataType } from 'node-opcua-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SmallServer, smallServer } from '../adapters/opcua/rig.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const readings = join(folder, 'readings.jsonl');
let plc: SmallServer;
let agent: Agent;
let ticking: NodeJS.Timeout;
let value = 0;

beforeAll(async () => {
  let counter: UAVariable | undefined;
  plc = await smallServer((space) => {
    counter = space.registerNamespace('urn:plc').addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'COUNT',
      nodeId: 's=COUNT',
      dataType: DataType.Double,
    });
    space.installHistoricalDataNode(counter, { maxOnlineValues: 100_000 });
  });
  const tick = () => counter?.setValueFromSource({ dataType: DataType.Double, value: ++value });
  tick();
  ticking = setInterval(tick, 100);
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
      COUNT: { node: "nsu=urn:plc;s=COUNT" }
`,
  );
}, 60_000);
afterAll(async () => {
  clearInterval(ticking);
  await agent?.end('SIGTERM');
  await plc?.stop();
});

interface Line {
  readonly tag?: string;
  readonly value?: unknown;
  readonly gap?: string;
  readonly from?: string;
  readonly to?: string | null;
  readonly recovered?: number;
  readonly complete?: boolean;
}

const lines = (): Line[] =>
  existsSync(readings)
    ? readFileSync(readings, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
    : [];
const values = () => lines().flatMap((line) => (line.tag && typeof line.value === 'number' ? [line.value] : []));
const flows = async () => {
  const goal = value + 5;
  await until(`count ${goal}\n${agent.stderr().slice(-4_000)}`, () => values().some((each) => each >= goal), 60_000);
};

it('the gap of a killed gateway is filled from the history', { timeout: 180_000 }, async () => {
  agent = startAgent(['run', '--config', file]);
  await flows();
  await agent.end('SIGKILL');
  const goal = value + 30;
  await until(`count ${goal}`, () => value >= goal, 60_000);
  agent = startAgent(['run', '--config', file]);
  const told = await until(
    'what was recovered',
    () => lines().find(({ gap, recovered }) => gap === 'gateway-down' && recovered !== undefined),
    60_000,
  );
  expect(told).toMatchObject({ complete: true });
  expect(told.recovered).toBeGreaterThanOrEqual(30);
  await flows();
  const seen = new Set(values());
  const first = Math.min(...seen);
  const missing = Array.from({ length: Math.max(...seen) - first }, (_, i) => first + i).filter(
    (each) => !seen.has(each),
  );
  expect(missing).toEqual([]);
});
