// Clocks jump, of the gateway or of the server: the connection stands, no gap is told, and a counter that goes up by one
// per change comes in order and without a hole. The server is a process of its own, so that each has its own clock.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaOptions } from '../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { valueAt } from '../../../agent/src/model/batch.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { isGood } from '../../../agent/src/model/status.ts';
import { startOpcUaServer } from '../../../sim/refinery/opcua.ts';
import { type Peer, startProgram } from '../../interop/python.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Wire, wire } from '../wire.ts';
import { pkiTrusting, QUICK } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../../sim/refinery/main.ts');
/** By hours, and by a second. */
const HOURS = [1, -1, 2, 2.0003, 2, 25, -2, 0];

const RealDate = Date;
let peer: Peer | undefined;
let source: Supervisor | undefined;
let link: Wire | undefined;
afterEach(async () => {
  globalThis.Date = RealDate;
  await source?.stop();
  await link?.stop();
  await peer?.stop();
});

/** The wall clock of this process, so far from the true one; timers do not notice. */
function setClock(hours: number): void {
  const shift = hours * 3_600_000;
  globalThis.Date = class extends RealDate {
    constructor(...given: []) {
      if (given.length === 0) super(RealDate.now() + shift);
      else super(...given);
    }
    static override now = () => RealDate.now() + shift;
  } as DateConstructor;
}

const COUNTER = '20KQ001.COUNT';

/** A server in a process of its own, and what its counter gives. */
async function start() {
  const folder = scratch();
  const args = [MAIN, '--tags', '40', '--folder', folder, '--counters', '1', '--period', '100'];
  peer = await startProgram(process.execPath, args, 'the refinery', 60_000);
  const { endpoint, certificate } = peer.ready as { endpoint: string; certificate: string };
  const pem = readFileSync(certificate, 'utf8').replace(/-----[^-]+-----|\s/g, '');
  link = await wire(Number(new URL(endpoint.replace('opc.tcp', 'http')).port));
  const plant = await gather(`opc.tcp://127.0.0.1:${link.port}`, Buffer.from(pem, 'base64'));
  await plant.flow();
  return plant;
}

async function gather(endpoint: string, certificate: Buffer) {
  const options: OpcUaOptions = {
    name: 'dcs',
    endpoint,
    user: { name: 'fieldgate', password: async () => 'crude oil' },
    publishing: 100,
    pki: pkiTrusting(certificate),
    applicationUri: 'urn:test:gateway:fieldgate',
    // By the true calendar: a certificate that is not valid yet is another test's.
    today: () => new RealDate(),
    tags: [{ index: 0, name: 'COUNT', node: `nsu=urn:lavera:dcs;s=${COUNTER}`, sampling: 50, wantsRange: false }],
  };
  const kept = keep(options);
  const counts: number[] = [];
  const gaps: Gap[] = [];
  source = supervisor({
    source: {
      name: 'dcs',
      protocol: 'opcua',
      address: endpoint,
      tags: [0],
      latency: 200,
      create: () => opcuaAdapter(options, QUICK, kept),
    },
    accept(batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) if (isGood(batch.status[i]!)) counts.push(Number(valueAt(batch, i)));
    },
    describe() {},
    lost() {},
    log() {},
  });
  source.start();
  const flow = async () => {
    const seen = counts.length;
    await until(`twenty more than ${seen}`, () => counts.length > seen + 20, 20_000);
  };
  return { counts, gaps, flow };
}

function undisturbed({ counts, gaps }: { counts: readonly number[]; gaps: readonly Gap[] }): void {
  expect(gaps).toEqual([]);
  expect(counts).toEqual(Array.from(counts, (_, i) => counts[0]! + i));
  expect(source!.stats()).toMatchObject({ connects: 1, state: { state: 'running' } });
}

test("the gateway's clock jumps", { timeout: 90_000 }, async () => {
  const plant = await start();
  for (const hours of HOURS) {
    setClock(hours);
    await plant.flow();
  }
  undisturbed(plant);
});

test("the gateway's clock is set while the link is down: it comes back at once and whole", {
  timeout: 120_000,
}, async () => {
  const plant = await start();
  for (const hours of [2, 0, -2, -1.9997, 0]) {
    const seen = plant.gaps.length;
    link!.freeze();
    await until('the outage', () => plant.gaps.length > seen);
    setClock(hours);
    link!.thaw();
    link!.cut();
    const began = plant.gaps[seen]!;
    await until('its end', () => plant.gaps.some(({ from, to }) => from === began.from && to !== null));
    await plant.flow();
    // By its own clock, and if that went back by the new one, too.
    for (const { from, to, complete } of plant.gaps.slice(seen + 1)) {
      expect(to).toBeGreaterThanOrEqual(from);
      expect(complete).toBe(true);
    }
  }
  const counts = [...new Set(plant.counts)].sort((a, b) => a - b);
  expect(counts).toEqual(Array.from(counts, (_, i) => counts[0]! + i));
});

test("the server's timestamps jump: readings come as it made them, and nothing takes them for old", {
  timeout: 60_000,
}, async () => {
  const sim = await startOpcUaServer({ folder: scratch(), tags: 20, counters: 1, ticking: false });
  const plant = await gather(sim.endpoint, sim.certificate);
  let count = 0;
  let shift = 0;
  const ticking = setInterval(
    () => sim.set(COUNTER, ++count, { sourceTime: new RealDate(RealDate.now() + shift) }),
    60,
  );
  await plant.flow();
  for (const hours of [1, -1, 0]) {
    shift = hours * 3_600_000;
    await plant.flow();
    // What is read again after a lost link is not older than what came before it, whatever it says.
    sim.cut();
    await until('the outage', () => plant.gaps.at(-1)?.to === null);
    await until('its end', () => plant.gaps.at(-1)?.to !== null);
    await plant.flow();
  }
  clearInterval(ticking);
  const counted = plant.counts.filter((value, i) => i === 0 || value !== plant.counts[i - 1]);
  expect(counted).toEqual(Array.from(counted, (_, i) => counted[0]! + i));
  expect(plant.gaps.filter(({ to }) => to !== null).map(({ complete }) => complete)).toEqual([true, true, true]);
  await source?.stop();
  await sim.close();
});
