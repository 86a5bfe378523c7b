// Hours of bad luck in short: cuts, hang-ups, black holes, half-open links, a server that stands still, dropped sessions and
// subscriptions, restarts, also with another certificate, other namespaces and lower limits, at random and one into the
// other. Every value of every counter has been received, or lies in a gap record that does not claim to be
// complete; no session is left behind, and memory does not grow with the number of reconnects.
//
// OPCUA_CHAOS_SECONDS=600 npm test -- test/hostile/opcua-chaos.test.ts      longer than the default of 20 s
// OPCUA_RECONNECTS=1000 …                                                    more broken links than the default of 15

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { type Kept, keep } from '../../agent/src/adapters/opcua/kept.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { type Batch, valueAt } from '../../agent/src/model/batch.ts';
import { isGood } from '../../agent/src/model/status.ts';
import { formatTime, toMillis } from '../../agent/src/model/time.ts';
import type { GapRow, Row } from '../../sim/hub/decode.ts';
import { createCredentials } from '../../sim/refinery/credentials.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { pkiTrusting, QUICK, tagsOf } from '../adapters/opcua/rig.ts';
import { type Wire, wire } from '../adapters/wire.ts';
import { Completeness } from '../support/completeness.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const SECONDS = Number(process.env.OPCUA_CHAOS_SECONDS ?? 20);
const RECONNECTS = Number(process.env.OPCUA_RECONNECTS ?? 15);
const TAGS = 40;
const PERIOD = 200;

let dcs: OpcUaSim;
let link: Wire;
let source: Supervisor;
let seen: Completeness;
let counters: readonly string[];
const latest = new Map<string, number>();
let received = 0;
/** Outages that have ended. */
let outages = 0;
let kept: Kept;
/** Credentials of the same server after it was set up anew. */
const anew = scratch();

beforeAll(async () => {
  dcs = await startOpcUaServer({ folder: scratch(), tags: TAGS, counters: 1, period: PERIOD });
  counters = dcs.signals.filter(({ process }) => process === 'counter').map(({ name }) => name);
  seen = new Completeness(new Map(counters.map((name) => [name, 'dcs'])));
  link = await wire(dcs.port);
  const pki = pkiTrusting(dcs.certificate, (await createCredentials(anew)).certificate);
  const tags = tagsOf(counters.map((name) => `nsu=${dcs.namespace};s=${name}`)).map((tag, i) => ({
    ...tag,
    name: counters[i]!,
  }));
  const options = {
    name: 'dcs',
    endpoint: `opc.tcp://127.0.0.1:${link.port}`,
    user: { name: dcs.user, password: async () => dcs.password },
    publishing: 200,
    bridge: 10_000,
    pki,
    applicationUri: 'urn:test:gateway:fieldgate',
    tags,
  };
  kept = keep(options);
  source = supervisor({
    source: {
      name: 'dcs',
      protocol: 'opcua',
      address: options.endpoint,
      tags: tags.map(({ index }) => index),
      latency: 2 * PERIOD,
      create: () =>
        opcuaAdapter(options, { ...QUICK, connect: 3_000, keepAlive: 2_000, quiet: 500, outlive: 6_000 }, kept),
    },
    accept: (batch) => seen.see(rowsOf(batch)),
    describe() {},
    lost() {},
    log() {},
  });
  source.start();
});
afterAll(async () => {
  await source?.stop();
  await link?.stop();
  await dcs?.close();
});

function rowsOf(batch: Batch): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < batch.count; i++) {
    const value = valueAt(batch, i);
    if (!isGood(batch.status[i]! & 0xffff0000) || typeof value !== 'number') continue;
    const tag = counters[batch.tag[i]!]!;
    received += 1;
    latest.set(tag, Math.max(value, latest.get(tag) ?? 0));
    rows.push({ gateway: 'gw', tag, ts: formatTime(batch.time[i]!), value, status: 'Good', seq: 0 });
  }
  for (const { reason, source, tags, from, to, complete } of batch.gaps) {
    if (to !== null) outages += 1;
    const text = (time: number) => new Date(toMillis(time)).toISOString();
    const row = {
      gateway: 'gw',
      gap: reason,
      source,
      tags,
      from: text(from),
      to: to === null ? null : text(to),
      seq: 0,
      complete,
    };
    rows.push(row as GapRow);
  }
  return rows;
}

/** A sequence of numbers from 0 to 1 that is the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Everything that was made until now has come, and nothing is open. */
async function settled(): Promise<void> {
  const goal = dcs.counters().updates + 1;
  await until(
    `update ${goal} of every counter`,
    () => counters.every((name) => (latest.get(name) ?? 0) >= goal),
    60_000,
  );
}

test('what was received and what gap records explain is all that was made', {
  timeout: SECONDS * 1_000 + 180_000,
}, async () => {
  await settled();
  const dice = random(20_261_123);
  const done: Record<string, number> = {};
  const acts: Record<string, () => unknown> = {
    cut: () => link.cut(),
    hangUp: () => link.hangUp(),
    async blackHole() {
      link.freeze();
      await new Promise((resolve) => setTimeout(resolve, 500 + 2_500 * dice()));
      link.thaw();
      link.cut();
    },
    dropSessions: () => dcs.dropSessions(),
    dropSubscriptions: () => dcs.dropSubscriptions(),
    halfOpen: () => link.strand(),
    async busy() {
      link.hold();
      await new Promise((resolve) => setTimeout(resolve, 500 + 3_000 * dice()));
      link.release();
    },
    restart: () => dcs.restart(),
    certificate: () => dcs.restart({ folder: anew }),
    namespaces: () => dcs.restart({ shifted: true }),
    limits: () => dcs.restart({ mostPerCall: 7 }),
  };
  const names = [...Object.keys(acts), 'cut', 'cut', 'hangUp', 'halfOpen', 'busy'];
  const end = performance.now() + SECONDS * 1_000;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200 + 2_500 * dice()));
    const name = names[Math.floor(dice() * names.length)]!;
    done[name] = (done[name] ?? 0) + 1;
    await acts[name]!();
  }
  await settled();
  const { readings, explained, unexplained } = seen.verdict();
  console.log(
    `chaos: ${JSON.stringify(done)}, ${readings} values received (${received - readings} twice), ` +
      `${explained} explained by ${seen.gaps.length} gap records, ${unexplained.length} unexplained; ` +
      `${kept.mended} links replaced without an outage`,
  );
  expect(unexplained).toEqual([]);
  expect(readings).toBeGreaterThan(TAGS * 5);
  await until('one session', () => dcs.counters().sessions === 1, 30_000);
});

test('any number of broken links leaves one session, one subscription and no more memory', {
  timeout: RECONNECTS * 2_000 + 120_000,
}, async () => {
  await settled();
  const begin = source.stats().connects;
  let early = 0;
  const started = performance.now();
  for (let i = 0; i < RECONNECTS; i++) {
    if (i > 0 && i % 100 === 0)
      console.log(`${i} reconnects in ${Math.round((performance.now() - started) / 1_000)} s, heap ${mb(heap())} MB`);
    const before = outages + kept.mended;
    // Half-open ones take a second each to be noticed.
    if (i % 20 === 19) link.strand();
    else if (i % 5 === 4) link.hangUp();
    else if (i % 20 === 2) dcs.dropSessions();
    else link.cut();
    // Not only connected: a link that breaks again before its subscriptions are taken up waits ever longer.
    await until('the end of the outage', () => outages + kept.mended > before, 30_000);
    if (i === Math.floor(RECONNECTS / 4)) early = heap();
  }
  await settled();
  const late = heap();
  const { sessions, subscriptions } = dcs.counters();
  console.log(
    `${RECONNECTS} broken links, ${source.stats().connects - begin} connects, heap ${mb(early)} MB after a quarter, ${mb(late)} MB at the end, ` +
      `resident ${mb(process.memoryUsage().rss)} MB (client and server), ${sessions} sessions, ${subscriptions} subscriptions`,
  );
  await until('one session', () => dcs.counters().sessions === 1, 30_000);
  expect(dcs.counters().subscriptions).toBe(1);
  // The test itself remembers values: a few hundred bytes for each reading and reconnect.
  expect(late - early).toBeLessThan(20 * 2 ** 20);
});

/** Bytes that are really in use. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const mb = (bytes: number) => Math.round(bytes / 2 ** 20);
