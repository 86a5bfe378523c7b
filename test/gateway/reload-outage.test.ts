// A mapping that is mended while a source is down, as operators do it: the outage goes on under the new settings, and its
// record is closed when readings flow again. Real Modbus servers, the real buffer, and a file as hub.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const readings = join(folder, 'readings.jsonl');
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

function write(server: ModbusSim, extra = ''): void {
  const tags = `{ A.PV: { address: 400001 }${extra} }`;
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${readings}, maxDelay: 50ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  one: { protocol: modbus-tcp, host: ${server.host}, port: ${server.port}, defaults: { poll: 50ms }, tags: ${tags} }
`,
  );
}

interface Line {
  readonly tag?: string;
  readonly status?: string;
  readonly gap?: string;
  readonly from?: string;
  readonly to?: string | null;
}

const lines = (): Line[] =>
  existsSync(readings)
    ? readFileSync(readings, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
    : [];

it('an outage that a reload falls into is closed by its own record, and told once', { timeout: 90_000 }, async () => {
  const server = await startModbusServer({ site: 'flare' });
  const other = await startModbusServer({ site: 'flare' });
  ends.push(() => other.close());
  write(server);
  const agent: Agent = startAgent(['run', '--config', file]);
  ends.push(() => agent.end('SIGKILL'));
  const flows = (tag: string) => {
    const before = lines().length;
    return until(
      `readings of ${tag}\n${agent.stderr()}`,
      () =>
        lines()
          .slice(before)
          .some((line) => line.tag === tag && line.status === 'Good'),
      20_000,
    );
  };
  await flows('A.PV');
  await server.close();
  const open = await until(
    'the outage',
    () => lines().find(({ gap, to }) => gap === 'source-down' && to === null),
    20_000,
  );
  write(other, ', B.PV: { address: 400002 }');
  process.kill(agent.pid, 'SIGHUP');
  await flows('B.PV');
  const told = await until(
    `the end of the outage\n${JSON.stringify(lines().filter(({ gap }) => gap !== undefined))}`,
    () => lines().find(({ from, to }) => from === open.from && to !== null && to !== undefined),
    5_000,
  );
  expect(told.gap).toBe('source-down');
  const gaps = lines().filter(({ gap }) => gap !== undefined);
  expect(gaps.filter(({ to }) => to === null)).toHaveLength(1);
});
