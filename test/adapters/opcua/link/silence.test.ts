// A link that dies without a word, and a server that is merely busy: the first is replaced long before its keep-alives are
// missed, the second keeps its link, and neither loses a value. Keep-alives are a minute apart here, so that nothing else
// can have noticed.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaTag, Timings } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../../agent/src/adapters/supervisor.ts';
import { valueAt } from '../../../../agent/src/model/batch.ts';
import type { Gap } from '../../../../agent/src/model/gap.ts';
import { isGood } from '../../../../agent/src/model/status.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Wire, wire } from '../../wire.ts';
import { pkiTrusting, QUICK, tagsOf } from '../rig.ts';

const PATIENT: Timings = { ...QUICK, keepAlive: 60_000, request: 30_000, outlive: 60_000 };

let plc: OpcUaSim;
let link: Wire;
let count: string;
let pki: string;
let value = 0;
let ticking: NodeJS.Timeout;

beforeAll(async () => {
  plc = await startOpcUaServer({ folder: scratch(), tags: 20, counters: 0.5, ticking: false });
  pki = pkiTrusting(plc.certificate);
  count = plc.signals.find(({ process }) => process === 'counter')!.name;
  ticking = setInterval(() => plc.set(count, ++value), 25);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.close();
});
beforeEach(async () => {
  link = await wire(plc.port);
});
const made: Supervisor[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.stop()));
  await link.stop();
  await until('no session', () => plc.counters().sessions === 0, 20_000);
});

function gather(more: Partial<OpcUaTag> = {}, timings = PATIENT) {
  const options = {
    name: 'plc',
    endpoint: `opc.tcp://127.0.0.1:${link.port}`,
    user: { name: plc.user, password: async () => plc.password },
    publishing: 100,
    bridge: 60_000,
    pki,
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: tagsOf([`nsu=${plc.namespace};s=${count}`], more),
  };
  const kept = keep(options);
  const gaps: Gap[] = [];
  const counts: number[] = [];
  const source = supervisor({
    source: {
      name: 'plc',
      protocol: 'opcua',
      address: options.endpoint,
      tags: [0],
      latency: 200,
      create: () => opcuaAdapter(options, timings, kept),
    },
    accept(batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) if (isGood(batch.status[i]!)) counts.push(Number(valueAt(batch, i)));
    },
    describe() {},
    lost() {},
    log() {},
  });
  made.push(source);
  source.start();
  return { source, gaps, counts, mended: () => kept.mended, patience: () => kept.hasty.longest };
}

/** The counter of now has come. */
async function arrives({ counts }: { counts: readonly number[] }): Promise<void> {
  const next = value + 1;
  await until(`count ${next}`, () => counts.some((each) => each >= next), 25_000);
}

const missing = (counts: readonly number[]) => {
  const seen = new Set(counts);
  return Array.from({ length: Math.max(...counts) - counts[0]! }, (_, i) => counts[0]! + i).filter((n) => !seen.has(n));
};

test('half-open: the session moves to a new connection, without a loss and without an outage', async () => {
  const source = gather();
  await arrives(source);
  for (let i = 1; i <= 2; i++) {
    link.strand();
    await arrives(source);
    expect(source.mended()).toBe(i);
  }
  expect(missing(source.counts)).toEqual([]);
  expect(source.gaps).toEqual([]);
  expect(source.source.stats().connects).toBe(1);
  expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
  expect(link.open).toBe(1);
});

test('a path that swallows everything for longer than a rival may take', { timeout: 60_000 }, async () => {
  const source = gather();
  await arrives(source);
  link.strand();
  link.freeze();
  const before = link.made;
  await until('two rivals', () => link.made >= before + 2, 20_000);
  link.thaw();
  await arrives(source);
  expect(missing(source.counts)).toEqual([]);
  expect(source.gaps).toEqual([]);
  expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
});

test('a server that says nothing for a while and goes on: no outage, no loss, one session', async () => {
  const source = gather();
  await arrives(source);
  const before = link.made;
  link.hold();
  await until('a rival', () => link.made > before, 20_000);
  link.release();
  await arrives(source);
  await arrives(source);
  expect(missing(source.counts)).toEqual([]);
  expect(source.gaps).toEqual([]);
  expect(source.source.stats().connects).toBe(1);
  // Whichever of the two was first: the other is gone.
  await until('one connection', () => link.open === 1);
  expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
});

test('a server that lost power behind a half-open link is connected to anew, and the gap stays', async () => {
  const source = gather();
  await arrives(source);
  link.strand();
  await plc.restart();
  await until('the end of the outage', () => source.gaps.some(({ to }) => to !== null), 25_000);
  await arrives(source);
  expect(source.gaps.at(-1)).toMatchObject({ reason: 'source-down' });
  expect(source.gaps.at(-1)).not.toHaveProperty('complete');
  expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
});

test('polled tags on a half-open link: what was not polled is a gap', async () => {
  const source = gather({ mode: 'poll', sampling: 100 });
  await arrives(source);
  link.strand();
  await until('the end of the outage', () => source.gaps.some(({ to }) => to !== null), 25_000);
  await arrives(source);
  expect(source.gaps.at(-1)).not.toHaveProperty('complete');
  expect(source.mended()).toBe(0);
  // It might have been merely slow, and that it cost a gap: the next time it is given longer.
  expect(source.patience()).toBeGreaterThan(500);
  expect(plc.counters().sessions).toBe(1);
});

test('a source that is stopped while its link is being replaced leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  for (const moment of [0, 60, 150]) {
    const source = gather({}, { ...PATIENT, outlive: 5_000 });
    await arrives(source);
    const before = link.made;
    link.strand();
    await until('a rival', () => link.made > before);
    await new Promise((resolve) => setTimeout(resolve, moment));
    await source.source.stop();
    await until('no connection', () => link.open === 0, 5_000);
    // Where the session has not moved no goodbye comes through: it ends with its time.
    await until('no session', () => plc.counters().sessions === 0, 20_000);
  }
});
