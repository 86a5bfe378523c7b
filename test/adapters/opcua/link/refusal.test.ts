// A server that does not let a session move to another channel: a link to it that died without a word is given up while its
// queues still hold what is missing, and one to a server that is busy with this client alone is kept.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Timings } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { type Watched, watch } from '../../../hostile/watched.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Wire, wire } from '../../wire.ts';
import { pkiTrusting, QUICK, tagsOf } from '../rig.ts';

/** Keep-alives a minute apart: nothing else can have noticed. */
const PATIENT: Timings = { ...QUICK, keepAlive: 60_000, request: 30_000, outlive: 60_000 };

let plc: OpcUaSim;
let link: Wire;
let count: string;
let ticking: NodeJS.Timeout;
let value = 0;
let source: Watched | undefined;
const counts: number[] = [];
const refusals = () => plc.counters().refusals;

beforeAll(async () => {
  plc = await startOpcUaServer({ folder: scratch(), tags: 20, counters: 0.5, ticking: false, sticky: true });
  count = plc.signals.find(({ process }) => process === 'counter')!.name;
  ticking = setInterval(() => plc.set(count, ++value), 25);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.close();
});
beforeEach(async () => {
  link = await wire(plc.port);
  counts.length = 0;
  const options = {
    name: 'plc',
    endpoint: `opc.tcp://127.0.0.1:${link.port}`,
    user: { name: plc.user, password: async () => plc.password },
    publishing: 100,
    // The queues hold twice what comes: it is not about them here.
    bridge: 40_000,
    pki: pkiTrusting(plc.certificate),
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: tagsOf([`nsu=${plc.namespace};s=${count}`]),
  };
  source = watch(options, PATIENT, ({ value }) => value !== null && counts.push(Number(value)));
});
afterEach(async () => {
  await source?.supervisor.stop();
  await link.stop();
});

/** The counter of now has come. */
async function arrives(): Promise<void> {
  const next = value + 1;
  await until(`count ${next}`, () => counts.some((each) => each >= next), 45_000);
}

const missing = () => {
  const seen = new Set(counts);
  return Array.from({ length: Math.max(...counts) - counts[0]! }, (_, i) => counts[0]! + i).filter((n) => !seen.has(n));
};

test('half-open: given up in time for the queues, and nothing is missing', { timeout: 60_000 }, async () => {
  await arrives();
  link.strand();
  await arrives();
  expect(refusals()).toBeGreaterThan(0);
  expect(missing()).toEqual([]);
  // On a busy machine the change may take longer than nobody hears of.
  expect(source!.gaps.filter(({ to, complete }) => to !== null && complete !== true)).toEqual([]);
});

test('busy with this client alone for 8 s: keeps its link, and is asked once', { timeout: 60_000 }, async () => {
  await arrives();
  const [made, before] = [link.made, refusals()];
  link.stall();
  const stalled = performance.now();
  await until('the refusal', () => refusals() === before + 1, 20_000);
  const asked = link.made;
  await new Promise((resolve) => setTimeout(resolve, 8_000 - (performance.now() - stalled)));
  link.release();
  await arrives();
  expect(missing()).toEqual([]);
  expect(source!.gaps).toEqual([]);
  expect(source!.supervisor.stats().connects).toBe(1);
  expect(made).toBeLessThan(asked);
  expect([refusals(), link.made]).toEqual([before + 1, asked]);
});
