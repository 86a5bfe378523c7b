// How soon readings flow again after a broken link, with the timings of production: from the moment when the server can
// be had again to the first value that was made after it. Prints a table; never passes or fails on time.
//
//   npm run bench:opcua-reconnect                  five rounds of each, about nine minutes
//   npm run bench:opcua-reconnect -- --rounds 2 --only killed

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { opcuaAdapter } from '../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../agent/src/adapters/opcua/kept.ts';
import { type OpcUaOptions, TIMINGS } from '../agent/src/adapters/opcua/source/options.ts';
import { supervisor } from '../agent/src/adapters/supervisor.ts';
import { valueAt } from '../agent/src/model/batch.ts';
import { isGood } from '../agent/src/model/status.ts';
import { startOpcUaServer } from '../sim/refinery/opcua.ts';
import { quantile } from './processes.ts';
import { openPath } from './relay.ts';

/** Between two rounds: longer than a link must live to be mended at once, as links do. */
const REST = 6_000;

async function main(rounds: number, only: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reconnect-'));
  const dcs = await startOpcUaServer({ folder: join(folder, 'dcs'), tags: 100, counters: 1, period: 100 });
  const path = await openPath(dcs.port);
  const trusted = join(folder, 'pki/trusted/certs');
  mkdirSync(trusted, { recursive: true });
  writeFileSync(join(trusted, 'dcs.der'), dcs.certificate);
  const counters = dcs.signals.filter(({ process }) => process === 'counter');
  const options: OpcUaOptions = {
    name: 'dcs',
    endpoint: `opc.tcp://127.0.0.1:${path.port}`,
    user: { name: dcs.user, password: async () => dcs.password },
    publishing: 1_000,
    pki: join(folder, 'pki'),
    applicationUri: 'urn:bench:gateway:fieldgate',
    tags: counters.map(({ name }, index) => {
      return { index, name, node: `nsu=${dcs.namespace};s=${name}`, sampling: 1_000, wantsRange: false };
    }),
  };
  const kept = keep(options);
  const latest = new Float64Array(counters.length);
  let outages = 0;
  const links = () => source.stats().connects + kept.mended;
  const source = supervisor({
    source: {
      name: 'dcs',
      protocol: 'opcua',
      address: options.endpoint,
      tags: options.tags.map(({ index }) => index),
      latency: 2_000,
      create: () => opcuaAdapter(options, TIMINGS, kept),
    },
    accept(batch) {
      outages += batch.gaps.filter(({ to }) => to === null).length;
      for (let i = 0; i < batch.count; i++)
        if (isGood(batch.status[i] as number))
          latest[batch.tag[i] as number] = Math.max(Number(valueAt(batch, i)), latest[batch.tag[i] as number] ?? 0);
    },
    describe() {},
    lost() {},
    log() {},
  });

  /** ms until every tag has a value that was made after now. */
  async function flows(): Promise<number> {
    const goal = dcs.counters().updates + 1;
    const begin = performance.now();
    while (!latest.every((value) => value >= goal)) await pause(5);
    return performance.now() - begin;
  }

  const standStill = async (ms: number) => {
    path.process.kill('SIGSTOP');
    await pause(ms);
    path.process.kill('SIGCONT');
  };

  source.start();
  await flows();
  console.log(`load average ${loadavg()[0]?.toFixed(1)}; ${rounds} rounds of each; readings every second\n`);
  console.log('| | median | worst | outages told | new links |\n|---|---:|---:|---:|---:|');
  const cases: [string, (round: number) => Promise<unknown>][] = [
    ['undisturbed: until the next reading', async () => {}],
    ['connection reset (RST)', () => path.tell('reset')],
    ['connection ended (FIN)', () => path.tell('fin')],
    ['session dropped on the server', async () => dcs.dropSessions()],
    ['subscriptions dropped on the server', async () => dcs.dropSubscriptions()],
    [
      'server killed, back after 3 to 15 s',
      async (round) => {
        await path.tell('close');
        await path.tell('reset');
        await dcs.stop();
        await pause(3_000 + 3_000 * (round % 5));
        await dcs.restart();
        await path.tell('up');
      },
    ],
    [
      'packets swallowed for 18 to 30 s, new connections too',
      async (round) => {
        await standStill(18_000 + 2_900 * (round % 5));
      },
    ],
    ['half-open: nothing passes, nobody is told (from the break on)', () => path.tell('freeze')],
    [
      'server away for 12 to 24 s, its relay hangs up meanwhile',
      async (round) => {
        await path.tell('away');
        await path.tell('reset');
        await pause(12_000 + 2_900 * (round % 5));
        await path.tell('in');
      },
    ],
    ['busy: stands still for 4 s, then goes on', () => standStill(4_000)],
    ['busy: stands still for 8 s, then goes on', () => standStill(8_000)],
  ];
  for (const [what, disturb] of cases.filter(([what]) => what.includes(only))) {
    const times: number[] = [];
    const before = { outages, links: links() };
    for (let round = 0; round < rounds; round++) {
      await pause(REST + 137 * round);
      await disturb(round);
      times.push(await flows());
    }
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
    times.sort((a, b) => a - b);
    console.log(
      `| ${what} | ${seconds(quantile(times, 0.5))} | ${seconds(times.at(-1) as number)} | ${outages - before.outages} | ${links() - before.links} |`,
    );
  }
  const { sessions, subscriptions } = dcs.counters();
  console.log(`\n${links()} links in all; at the end ${sessions} session, ${subscriptions} subscription`);
  await source.stop();
  path.process.kill();
  await dcs.close();
  rmSync(folder, { recursive: true, force: true });
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
  },
});
await main(Number(values.rounds), values.only);
