// Every format through the whole gateway: Modbus in, a file out, and the file is complete by the audit.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
let flare: ModbusSim;
beforeAll(async () => {
  flare = await startModbusServer({ site: 'flare' });
});
afterAll(() => flare?.close());

/** Runs a gateway until its file holds `lines` lines; resolves with the file. */
async function filled(format: string, lines: number): Promise<string> {
  const output = join(folder, `${format}.jsonl`);
  const file = join(folder, `${format}.yaml`);
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, format: ${format}, path: ${output}, maxDelay: 200ms }
buffer: { path: ${join(folder, format, 'buffer.db')} }
sources:
  flare:
    protocol: modbus-tcp
    host: ${flare.host}
    port: ${flare.port}
    defaults: { poll: 100ms }
    tags:
      70PT201: { address: 400011, type: float32, order: CDAB, unit: barg }
      70LT310: { address: "holding:20", scale: { from: [0, 4095], to: [0, 100] }, unit: "%" }
`,
  );
  const agent = startAgent(['run', '--config', file]);
  const text = () => {
    try {
      return readFileSync(output, 'utf8');
    } catch {
      return '';
    }
  };
  await until(`${lines} lines of ${format}`, () => text().split('\n').length > lines);
  expect(await agent.end('SIGTERM')).toBe(0);
  return output;
}

it.each(['rows', 'columns'])('%s: the audit finds the file complete', async (format) => {
  const file = await filled(format, 10);
  const audit = startAgent(['audit', '--from-start', file]);
  expect(await audit.ended).toBe(0);
});

it('opcua-pubsub: network messages with the values of the source', async () => {
  const lines = readFileSync(await filled('opcua-pubsub', 5), 'utf8')
    .trim()
    .split('\n');
  const messages = lines.map((line) => JSON.parse(line) as { MessageType: string; PublisherId: string });
  expect(new Set(messages.map(({ MessageType }) => MessageType))).toEqual(new Set(['ua-data']));
  expect(lines.join()).toContain('70PT201');
});
