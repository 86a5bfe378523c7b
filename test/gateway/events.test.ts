// Alarms through the whole gateway: raised by the simulated DCS, delivered as lines of their own, in rows and columns,
// numbered with the readings, and repeated after a restart of the gateway.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeColumns } from '../../agent/src/delivery/formats/columns-decode.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

interface Line {
  readonly source?: string;
  readonly severity?: number;
  readonly event?: Readonly<Record<string, unknown>>;
}

let dcs: OpcUaSim;
beforeAll(async () => {
  dcs = await startOpcUaServer({ folder: scratch(), ticking: false });
  dcs.set('20P101.RUN', true);
});
afterAll(() => dcs?.close());

it.each(['rows', 'columns'])('%s: an alarm comes, stands over a restart, and goes', async (format) => {
  const folder = scratch();
  const output = join(folder, 'out.jsonl');
  const file = join(folder, 'mapping.yaml');
  mkdirSync(join(folder, 'pki/trusted/certs'), { recursive: true });
  writeFileSync(join(folder, 'pki/trusted/certs/dcs.der'), dcs.certificate);
  writeFileSync(join(folder, 'password'), dcs.password);
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, format: ${format}, path: ${output}, maxDelay: 200ms }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  cdu1-dcs:
    protocol: opcua
    endpoint: ${dcs.endpoint}
    user: { name: ${dcs.user}, passwordFile: ${join(folder, 'password')} }
    events: { severityFrom: 700 }
    tags:
      20P101.RUN: { node: "nsu=${dcs.namespace};s=20P101.RUN" }
`,
  );
  const lines = (): Line[] => {
    const text = (() => {
      try {
        return readFileSync(output, 'utf8');
      } catch {
        return '';
      }
    })();
    const bodies = text.split('\n').filter((line) => line !== '');
    if (format === 'columns') return bodies.flatMap((body) => decodeColumns(Buffer.from(body)));
    return bodies.map((line) => JSON.parse(line));
  };
  const alarms = () => lines().filter(({ event }) => event?.ConditionName === '20P101 STOPPED');

  let agent = startAgent(['run', '--config', file]);
  await until('a reading', () => lines().some((line) => 'tag' in line), 30_000);
  dcs.set('20P101.RUN', false);
  await until('the alarm', () => alarms().some(({ event }) => event?.Active === true));
  expect(alarms()[0]).toMatchObject({
    source: 'cdu1-dcs',
    severity: 800,
    event: { SourceNode: 'nsu=urn:lavera:dcs;s=20P101.RUN', Message: 'feed pump has stopped', Acked: false },
  });
  expect(await agent.end('SIGTERM')).toBe(0);
  const before = alarms().length;
  agent = startAgent(['run', '--config', file]);
  await until('the alarm again', () => alarms().length > before, 30_000);
  expect(alarms().at(-1)?.event).toMatchObject({ Active: true, Refresh: true, EventId: alarms()[0]?.event?.EventId });
  dcs.set('20P101.RUN', true);
  await until('its end', () => alarms().at(-1)?.event?.Active === false);
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(await startAgent(['audit', '--from-start', output]).ended).toBe(0);
});
