// An upgrade and a rollback with the buffer kept, as docs/operations.md tells the operator: an earlier release, this one,
// the earlier one again beside the file that it cannot read, this one again. By the account of the hub nothing is
// missing, and every value that never came lies inside a gap record.
//
// The earlier release is taken from the repository's own history, so the test needs a whole clone.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../agent/src/buffer/schema.ts';
import { decodeRows } from '../../sim/hub/decode.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { mappingFor, type Refinery, startRefinery } from '../../sim/refinery/refinery.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { Completeness } from '../support/completeness.ts';
import { freePort } from '../support/free-port.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** The release before this one, whose buffer files are of version 2. */
const EARLIER = 'be65033';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const folder = scratch();
const data = join(folder, 'data');
const [FIRST, BESIDE] = ['buffer.db', 'buffer-rollback.db'] as const;
let refinery: Refinery;
let hub: LocalHub;
let seen: Completeness;
let agent: Agent | undefined;
let earlierMain: string;
let port: number;

beforeAll(async () => {
  port = await freePort();
  earlierMain = join(checkOut(EARLIER, join(folder, 'earlier')), 'agent/src/main.ts');
  refinery = await startRefinery({ tags: 120, folder, period: 200 });
  const named = { dcs: 'cdu1-dcs', flare: 'flare-plc', tanks: 'tank-farm' } as const;
  const sources = new Map<string, string>();
  for (const place of ['dcs', 'flare', 'tanks'] as const) {
    for (const { name } of refinery[place].signals) sources.set(name, named[place]);
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
  mkdirSync(join(data, 'pki/trusted/certs'), { recursive: true });
  copyFileSync(refinery.dcs.certificateFile, join(data, 'pki/trusted/certs/dcs.pem'));
});

afterAll(async () => {
  await agent?.end('SIGKILL');
  await hub?.close();
  await refinery?.close();
});

/** The sources of another commit, with the packages that are here. */
function checkOut(commit: string, to: string): string {
  let tar: Buffer;
  try {
    tar = execFileSync('git', ['-C', ROOT, 'archive', commit, 'agent', 'sim', 'package.json'], {
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim();
    throw new Error(
      `the earlier release ${commit} is not to be had from this clone (${said}): the upgrade is not tested. ` +
        'It needs git and the whole history: git fetch --unshallow',
      { cause: error },
    );
  }
  mkdirSync(to);
  execFileSync('tar', ['-x', '-C', to], { input: tar });
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
  return to;
}

/** Starts a release on a buffer of the data folder. */
function start(release: 'earlier' | 'this', buffer: string): Agent {
  const file = join(folder, 'mapping.yaml');
  writeFileSync(
    file,
    mappingFor(refinery, {
      hub: { type: 'iot-edge', maxDelay: '200ms' },
      buffer: { path: join(data, buffer) },
    }).replaceAll(/(sampling|poll): 1s/g, '$1: 200ms'),
  );
  const started = startAgent(
    ['run', '--config', file],
    { ...hub.environment, FIELDGATE_HTTP: `127.0.0.1:${port}` },
    ...(release === 'earlier' ? [earlierMain] : []),
  );
  agent = started;
  return started;
}

/** Stops it in order. Resolves with how many readings wait in its buffer, as its last line says. */
async function stop(running: Agent): Promise<number> {
  expect(await running.end('SIGTERM'), running.stderr()).toBe(0);
  const line = running
    .stderr()
    .split('\n')
    .find((each) => each.includes('"msg":"stopped"'));
  return (JSON.parse(line ?? '{}') as { stillInBuffer: number }).stillInBuffer;
}

const readings = () => hub.account.summary().readings;
const versionOf = (buffer: string) => {
  const db = new Sqlite(join(data, buffer), { readonly: true });
  try {
    return db.pragma('user_version', { simple: true });
  } finally {
    db.close();
  }
};
/** What the buffer's files hold; a WAL of no bytes is none. */
const digestOf = (buffer: string) =>
  ['', '-wal', '-head', '-reserve'].map((suffix) => {
    const file = join(data, buffer + suffix);
    return createHash('sha256')
      .update(existsSync(file) ? readFileSync(file) : '')
      .digest('hex');
  });
/** How many readings wait in the gateway's buffer, as it says itself. */
const waitingIn = async () => {
  const response = await fetch(`http://127.0.0.1:${port}/status`).catch(() => undefined);
  const status = (await response?.json()) as { store: { buffer: { pendingReadings: number } } } | undefined;
  return status?.store.buffer.pendingReadings ?? 0;
};
const backlogOf = (running: Agent, count: number) =>
  until(`a backlog of ${count} readings`, async () => (await waitingIn()) >= count, 40_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${running.stderr()}`);
  });
const arrived = (running: Agent, more: number) => {
  const before = readings();
  return until(`${more} more readings at the hub`, () => readings() - before >= more, 40_000).catch((error: Error) => {
    throw new Error(`${error.message}
${running.stderr()}`);
  });
};

it('carries the buffer from release to release, forth and back', { timeout: 240_000 }, async () => {
  // The earlier release, its hub away: a backlog.
  await hub.faults.down();
  let running = start('earlier', FIRST);
  await backlogOf(running, 1_000);
  const backlog = await stop(running);
  expect(backlog).toBeGreaterThanOrEqual(1_000);
  expect(versionOf(FIRST)).toBe(2);

  // The upgrade: the same folder, and all of the backlog is delivered.
  await hub.faults.up();
  running = start('this', FIRST);
  await arrived(running, backlog + 1_000);

  // A backlog again, in the new file.
  await hub.faults.down();
  await backlogOf(running, 500);
  const waiting = await stop(running);
  expect(waiting).toBeGreaterThan(0);
  expect(versionOf(FIRST)).toBe(SCHEMA_VERSION);

  // The rollback: the earlier release refuses the newer file in words, and touches nothing of it.
  const before = digestOf(FIRST);
  running = start('earlier', FIRST);
  expect(await running.ended).toBe(1);
  expect(running.stderr()).toMatch(/was written by a later release of fieldgate .*\[buffer\.newer\]/);
  expect(digestOf(FIRST)).toEqual(before);

  // With a file of its own beside it, it runs and delivers.
  await hub.faults.up();
  running = start('earlier', BESIDE);
  await arrived(running, 1_000);
  await hub.faults.down();
  await backlogOf(running, 300);
  const beside = await stop(running);
  expect(beside).toBeGreaterThan(0);
  expect(versionOf(BESIDE)).toBe(2);
  expect(digestOf(FIRST)).toEqual(before);

  // Forth again: what the earlier release could not deliver first, then the file that waited.
  await hub.faults.up();
  running = start('this', BESIDE);
  await arrived(running, beside + 500);
  expect(await stop(running)).toBe(0);
  running = start('this', FIRST);
  await arrived(running, waiting + 500);
  refinery.pause();
  expect(await stop(running)).toBe(0);

  const { missing, malformed, double } = hub.account.summary();
  const verdict = seen.verdict();
  const epochs = hub.account.epochs();
  console.log(
    `upgrade: backlogs of ${backlog}, ${waiting} and ${beside} readings; ${readings()} at the hub in ${epochs.length} ` +
      `epochs, ${missing} missing, ${double} twice, ${verdict.explained} values explained by gap records`,
  );
  expect({ missing, malformed, unexplained: verdict.unexplained }).toEqual({
    missing: 0,
    malformed: 0,
    unexplained: [],
  });
  // One numbering for each file, each from its first number, across the releases.
  expect(epochs.map(({ delivered, missing }) => [delivered[0]?.first, delivered.length, missing])).toEqual([
    [1, 1, []],
    [1, 1, []],
  ]);
  expect(seen.gaps.map(({ gap }) => gap)).toContain('gateway-down');
});
