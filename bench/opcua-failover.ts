// How soon a redundant set delivers again when the server in use is lost or no good any more, and what is lost by that:
// from the fault to the first value of every tag that was made after it, at whichever server; with the timings of production.
// The two servers serve the same counters with the same source times. Prints a table; never passes or fails on time.
//
//   npm run bench:opcua-failover                                 three rounds of each, about ten minutes
//   npm run bench:opcua-failover -- --rounds 1 --mode hot --only killed

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HYSTERESIS } from '../agent/src/adapters/opcua/redundancy/chooser.ts';
import { redundantAdapter } from '../agent/src/adapters/opcua/redundancy/redundant.ts';
import { redundantSet, standing } from '../agent/src/adapters/opcua/redundancy/set.ts';
import type { FailoverMode } from '../agent/src/adapters/opcua/source/failover.ts';
import type { OpcUaOptions } from '../agent/src/adapters/opcua/source/options.ts';
import { supervisor } from '../agent/src/adapters/supervisor.ts';
import { valueAt } from '../agent/src/model/batch.ts';
import { isGood } from '../agent/src/model/status.ts';
import { type OpcUaSim, startOpcUaServer } from '../sim/refinery/opcua.ts';
import { quantile } from './processes.ts';
import { openPath, type Path } from './relay.ts';

const TAGS = 100;
/** Between two changes of the counters, ms. */
const PERIOD = 500;
/** Longer than what may be on its way, so that a standby knows what was before the fault, ms. */
const REST = 4_000;

interface Plc {
  readonly sim: OpcUaSim;
  readonly path: Path;
  readonly endpoint: string;
}

/** The server is gone, and takes nobody. */
async function drop({ path }: Plc, how: 'reset' | 'fin'): Promise<void> {
  await path.tell('close');
  await path.tell(how);
}

async function plc(folder: string): Promise<Plc> {
  const sim = await startOpcUaServer({ folder, tags: TAGS, counters: 1, ticking: false });
  const path = await openPath(sim.port);
  return { sim, path, endpoint: `opc.tcp://127.0.0.1:${path.port}` };
}

/** A fault of the server in use, and how it is mended. */
interface Case {
  readonly what: string;
  /** lost: nothing comes of it any more. left: it goes on until it is left. kept: it is not changed from. */
  readonly fate: 'lost' | 'left' | 'kept';
  strike(one: Plc): unknown;
  mend(one: Plc): unknown;
}

const CASES: readonly Case[] = [
  { what: 'killed (RST)', fate: 'lost', strike: (one) => drop(one, 'reset'), mend: ({ path }) => path.tell('up') },
  { what: 'shut down (FIN)', fate: 'lost', strike: (one) => drop(one, 'fin'), mend: ({ path }) => path.tell('up') },
  {
    what: 'black hole',
    fate: 'lost',
    strike: ({ path }) => path.process.kill('SIGSTOP'),
    mend: ({ path }) => path.process.kill('SIGCONT'),
  },
  {
    what: 'ServiceLevel 1, no data',
    fate: 'left',
    strike: ({ sim }) => sim.serviceLevel(1),
    mend: ({ sim }) => sim.serviceLevel(255),
  },
  {
    what: 'ServiceLevel 100, degraded (left after 1.5 s)',
    fate: 'left',
    strike: ({ sim }) => sim.serviceLevel(100),
    mend: ({ sim }) => sim.serviceLevel(255),
  },
  { what: 'session dropped on the server', fate: 'kept', strike: ({ sim }) => sim.dropSessions(), mend() {} },
];

/** Runs all cases with servers that stand by like this, and prints a line of each. */
async function measure(mode: FailoverMode, rounds: number, only: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'failover-'));
  const plcs = [await plc(join(folder, 'a')), await plc(join(folder, 'b'))] as const;
  const trusted = join(folder, 'pki/trusted/certs');
  mkdirSync(trusted, { recursive: true });
  for (const [i, { sim }] of plcs.entries()) writeFileSync(join(trusted, `${i}.der`), sim.certificate);
  const [{ sim }] = plcs;
  const counters = sim.signals.filter(({ process }) => process === 'counter');
  const options: OpcUaOptions = {
    name: 'dcs',
    endpoint: plcs[0].endpoint,
    user: { name: sim.user, password: async () => sim.password },
    publishing: PERIOD,
    pki: join(folder, 'pki'),
    applicationUri: 'urn:bench:gateway:fieldgate',
    redundancy: mode,
    tags: counters.map(({ name }, index) => {
      return { index, name, node: `nsu=${sim.namespace};s=${name}`, sampling: PERIOD / 2, wantsRange: false };
    }),
  };
  const endpoints = plcs.map(({ endpoint }) => endpoint);
  // A change is not to wait for half a minute after the one before: rounds follow each other sooner.
  const set = redundantSet(options, endpoints, { ...HYSTERESIS, dwell: 0 });
  const latest = new Float64Array(counters.length);
  let seen = counters.map(() => new Set<number>());
  let twice = 0;
  let gaps = 0;
  const source = supervisor({
    source: {
      name: 'dcs',
      protocol: 'opcua',
      address: endpoints.join(', '),
      tags: options.tags.map(({ index }) => index),
      latency: 2 * PERIOD,
      create: () => redundantAdapter(set),
    },
    accept(batch) {
      gaps += batch.gaps.filter(({ complete, to }) => complete !== true && to !== null).length;
      for (let i = 0; i < batch.count; i++) {
        const tag = batch.tag[i] as number;
        if (!isGood(batch.status[i] as number)) continue;
        const value = Number(valueAt(batch, i));
        if (seen[tag]?.has(value)) twice += 1;
        seen[tag]?.add(value);
        latest[tag] = Math.max(value, latest[tag] ?? 0);
      }
    },
    describe() {},
    lost() {},
    log() {},
  });
  const beat = setInterval(() => {
    const time = new Date();
    for (const { sim } of plcs) sim.tick(time);
  }, PERIOD);

  /** ms until every tag has a value that was made after now; `left`: after that server was left. */
  async function flows(left?: number): Promise<number> {
    const begin = performance.now();
    while (set.active === left) await pause(5);
    const goal = sim.counters().updates + 1;
    while (!latest.every((value) => value >= goal)) await pause(5);
    return performance.now() - begin;
  }
  const ready = () =>
    standing(set).every(
      ({ health, used }, i) =>
        health === 'healthy' && (used || mode === 'cold' || set.kept[i]?.estate?.slept !== undefined),
    );

  source.start();
  await flows();
  for (const { what, fate, strike, mend } of CASES.filter(({ what }) => what.includes(only))) {
    const times: number[] = [];
    let lost = 0;
    twice = 0;
    gaps = 0;
    for (let round = 0; round < rounds; round++) {
      while (!ready()) await pause(50);
      await pause(REST + 137 * round);
      seen = counters.map(() => new Set());
      await flows();
      const { active } = set;
      const one = plcs[active] as Plc;
      await strike(one);
      times.push(await flows(fate === 'left' ? active : undefined));
      await pause(2 * PERIOD);
      for (const numbers of seen) lost += Math.max(...numbers) - Math.min(...numbers) + 1 - numbers.size;
      await mend(one);
    }
    times.sort((a, b) => a - b);
    const seconds = (ms: number | undefined) => `${((ms ?? Number.NaN) / 1_000).toFixed(1)} s`;
    const each = (count: number) => (count / rounds / counters.length).toFixed(1);
    console.log(
      `| ${what} | ${mode} | ${seconds(quantile(times, 0.5))} | ${seconds(times.at(-1))} | ${each(lost)} | ${each(twice)} | ${gaps} |`,
    );
  }
  clearInterval(beat);
  await source.stop();
  for (const { sim, path } of plcs) {
    path.process.kill('SIGKILL');
    await sim.close();
  }
  rmSync(folder, { recursive: true, force: true });
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    mode: { type: 'string', default: 'cold warm hot' },
  },
});
console.log(
  `load average ${loadavg()[0]?.toFixed(1)}; ${values.rounds} rounds of each; ${TAGS} tags that change every ${PERIOD} ms\n`,
);
console.log(
  '| fault of the server in use | set | median | worst | values lost of a tag | twice | gap records |\n|---|---|---:|---:|---:|---:|---:|',
);
for (const mode of values.mode.split(' ')) await measure(mode as FailoverMode, Number(values.rounds), values.only);
process.exit();
