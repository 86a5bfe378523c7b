// Promises 1 and 2 end to end, on a running plant: the hub goes away, the OPC UA server restarts, the gateway is
// killed, all under load. Nothing that was committed may be missing at the hub, and whatever the plant made and the
// hub has not must lie inside a gap record.
//
// OUTAGE_SECONDS=300 npm test -- test/durability/outages.test.ts     a longer outage than the default of 30 s

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeRows } from '../../sim/hub/decode.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { mappingFor, type Refinery, startRefinery } from '../../sim/refinery/refinery.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { Completeness } from '../support/completeness.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const OUTAGE = Number(process.env.OUTAGE_SECONDS ?? 30) * 1_000;
const TAGS = 1_000;

const folder = scratch();
let refinery: Refinery;
let hub: LocalHub;
let seen: Completeness;
let agent: Agent | undefined;

beforeAll(async () => {
  refinery = await startRefinery({ tags: TAGS, folder });
  const sources = new Map<string, string>();
  const named = { dcs: 'cdu1-dcs', flare: 'flare-plc', tanks: 'tank-farm' } as const;
  for (const place of ['dcs', 'flare', 'tanks'] as const) {
    for (const signal of refinery[place].signals) sources.set(signal.name, named[place]);
  }
  seen = new Completeness(new Map(refinery.counterTags.map((tag) => [tag, sources.get(tag) as string])));
  hub = await startHub({
    folder: join(folder, 'hub'),
    onMessage({ body, contentEncoding }) {
      const rows = decodeRows(body, contentEncoding);
      if (typeof rows === 'string') throw new Error(rows);
      seen.see(rows);
    },
  });
  mkdirSync(join(folder, 'pki/trusted/certs'), { recursive: true });
  copyFileSync(refinery.dcs.certificateFile, join(folder, 'pki/trusted/certs/dcs.pem'));
  writeFileSync(
    join(folder, 'mapping.yaml'),
    mappingFor(refinery, { hub: { type: 'iot-edge', maxDelay: '500ms' }, buffer: { path: join(folder, 'buffer.db') } }),
  );
});

afterAll(async () => {
  await agent?.end('SIGKILL');
  await hub?.close();
  await refinery?.close();
});

const start = () => startAgent(['run', '--config', join(folder, 'mapping.yaml')], { ...hub.environment });

/** Readings flow: `more` have reached the hub since now. */
async function flow(more: number, deadline = 60_000): Promise<void> {
  const before = hub.account.summary().readings;
  await until(`${more} more readings at the hub`, () => hub.account.summary().readings - before >= more, deadline);
}

it('loses nothing that was committed, and explains every value that never came', {
  timeout: 3 * OUTAGE + 240_000,
}, async () => {
  agent = start();
  await flow(3 * TAGS);

  // The hub is gone; the plant goes on.
  await hub.faults.down();
  await new Promise((resolve) => setTimeout(resolve, OUTAGE));
  await hub.faults.up();
  await flow((OUTAGE / 1_000) * TAGS * 0.8);

  // The DCS restarts: values are made that nobody could have read.
  await refinery.dcs.restart();
  await flow(4 * TAGS);

  // The gateway dies while readings flow and messages are under way, twice, once with the hub away.
  await agent.end('SIGKILL');
  agent = start();
  await flow(3 * TAGS);
  await hub.faults.down();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await agent.end('SIGKILL');
  await hub.faults.up();
  agent = start();
  await flow(4 * TAGS);

  // The plant stands still; the gateway ends in order and leaves nothing behind.
  refinery.pause();
  expect(await agent.end('SIGTERM')).toBe(0);

  const summary = hub.account.summary();
  const verdict = seen.verdict();
  console.log(
    `outages: ${summary.readings} readings in ${summary.messages} messages, ${summary.double} entries twice ` +
      `(${summary.doubleById} by the same message id), ${verdict.readings} counter readings, ` +
      `${verdict.explained} values explained by ${summary.gaps} gap records, ${verdict.unexplained.length} unexplained`,
  );
  expect(summary.missing).toBe(0);
  expect(summary.malformed).toBe(0);
  expect(verdict.unexplained).toEqual([]);
  // The restart and the kills did cost values, or this test would prove nothing.
  expect(verdict.explained).toBeGreaterThan(0);
  expect(new Set(seen.gaps.map((gap) => gap.gap))).toEqual(new Set(['source-down', 'gateway-down']));
});
