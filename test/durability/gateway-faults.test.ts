// The disk of a running gateway fails: strace, attached to the real process, refuses the writes and syncs of its buffer
// for a while. It goes on, takes everything when the disk is back, and the hub's account and the plant's counters agree
// that nothing is missing. When the disk is still full at the stop, the log and the last line say how many readings that
// costs, and the next start explains them by a gap record.
//
// GATEWAY_FAULTS=1 npm test test/durability/gateway-faults.test.ts     the long form: every fault, not two of them

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeRows } from '../../sim/hub/decode.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { mappingFor, type Refinery, startRefinery } from '../../sim/refinery/refinery.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { Completeness } from '../support/completeness.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { strace } from './tools.ts';

const TAGS = 200;
const TRACER = 'strace';
const folder = scratch();
const path = join(folder, 'buffer.db');
const possible = strace();
let refinery: Refinery;
let hub: LocalHub;
let seen: Completeness;
let agent: Agent | undefined;
let tracer: ChildProcess | undefined;

beforeAll(async () => {
  if (!possible) return;
  refinery = await startRefinery({ tags: TAGS, folder });
  const sources = new Map<string, string>();
  const named = { dcs: 'cdu1-dcs', flare: 'flare-plc', tanks: 'tank-farm' } as const;
  for (const place of ['dcs', 'flare', 'tanks'] as const)
    for (const signal of refinery[place].signals) sources.set(signal.name, named[place]);
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
    mappingFor(refinery, { hub: { type: 'iot-edge', maxDelay: '500ms' }, buffer: { path } }),
  );
}, 60_000);

afterAll(async () => {
  tracer?.kill('SIGKILL');
  await agent?.end('SIGKILL');
  await hub?.close();
  await refinery?.close();
});

const start = () => startAgent(['run', '--config', join(folder, 'mapping.yaml')], { ...hub.environment });
const said = (text: string) => (agent?.stderr() ?? '').split(text).length - 1;

/** What was refused, by the calls that failed. */
const FAULTS = ['pwrite64:error=ENOSPC', 'fsync,fdatasync:error=EIO'];
const MORE = ['pwrite64:error=EDQUOT', 'pwrite64:error=EIO'];
/**
 * Far more than it takes: 26 runs, 12 of them at once on two cores, took 4 to 9 s from a fault to the next readings at the
 * hub. Once, on a machine with a load of 14, 60 s were not enough; what the gateway said is printed now when that happens.
 */
const PATIENCE = 120_000;

async function flow(more: number): Promise<void> {
  const before = hub.account.summary().readings;
  try {
    await until(`${more} more readings at the hub`, () => hub.account.summary().readings - before >= more, PATIENCE);
  } catch (error) {
    throw new Error(`${error}; the gateway said last:\n${agent?.stderr().slice(-5_000)}`);
  }
}

/** The calls of every thread of the gateway that touch the buffer fail from now on. */
async function fail(inject: string): Promise<() => Promise<void>> {
  const places = ['', '-wal', '-reserve', '-room'].flatMap((suffix) => ['-P', path + suffix]);
  const child = spawn(
    TRACER,
    ['-f', '-p', String(agent?.pid), ...places, '-e', `inject=${inject}`, '-o', '/dev/null'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  tracer = child;
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  await until('strace to be attached', () => text.includes('attached') || child.exitCode !== null, 20_000);
  if (child.exitCode !== null) throw new Error(text);
  return async () => {
    child.kill('SIGINT');
    await once(child, 'exit');
  };
}

test.skipIf(!possible)('a disk that fails under a running gateway costs nothing', { timeout: 600_000 }, async () => {
  agent = start();
  await flow(3 * TAGS);
  const faults = process.env.GATEWAY_FAULTS === undefined ? FAULTS : [...FAULTS, ...MORE];
  for (const [at, inject] of faults.entries()) {
    const mend = await fail(inject);
    await until(`${inject} to be met`, () => said('the buffer cannot commit') > at, 60_000);
    await mend();
    await until(`the disk to be back after ${inject}`, () => said('the buffer takes readings again') > at, 60_000);
    await flow(2 * TAGS);
  }
  refinery.pause();
  expect(await agent.end('SIGTERM')).toBe(0);
  const { missing, malformed } = hub.account.summary();
  expect([missing, malformed, seen.verdict().unexplained]).toEqual([0, 0, []]);
  // A gateway that strace slows down may lose a source for a moment; its store must have nothing to explain.
  expect(new Set(seen.gaps.map((gap) => gap.gap).filter((gap) => gap !== 'source-down'))).toEqual(new Set());
  refinery.resume();
});

test.skipIf(!possible)(
  'a disk that is full at the stop: how much that costs is said',
  { timeout: 240_000 },
  async () => {
    agent = start();
    await flow(2 * TAGS);
    const mend = await fail('pwrite64:error=ENOSPC');
    await until('the disk to be full', () => said('the buffer cannot commit') > 0, 60_000);
    agent.end('SIGTERM');
    await until('the last line', () => said('notCommitted') > 0, 60_000);
    await mend();
    expect(await agent.ended).toBe(0);
    const lost = /could not be committed[^\n]*/.exec(agent.stderr())?.[0];
    expect(lost).toBeDefined();
    const [, readings] = /"notCommitted":(\d+)/.exec(agent.stderr()) ?? [];
    expect(Number(readings)).toBeGreaterThan(0);
    agent = start();
    await flow(2 * TAGS);
    refinery.pause();
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(hub.account.summary().missing).toBe(0);
    expect(seen.verdict().unexplained).toEqual([]);
    expect(new Set(seen.gaps.map((gap) => gap.gap))).toContain('gateway-down');
  },
);
