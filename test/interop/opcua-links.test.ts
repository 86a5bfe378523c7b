// Links that break in every way, against servers that share no code with node-opcua: readings flow again after each, and in the
// end the server holds one session and one subscription.
//
// OPCUA_LINKS=120 npm test -- test/interop/opcua-links.test.ts      more faults than the default of 8

import { afterEach, describe, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaOptions } from '../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { valueAt } from '../../agent/src/model/batch.ts';
import { isGood } from '../../agent/src/model/status.ts';
import { pkiTrusting, QUICK } from '../adapters/opcua/rig.ts';
import { type Wire, wire } from '../adapters/wire.ts';
import { freePort } from '../support/free-port.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { miloStack } from './plant.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const FAULTS = Number(process.env.OPCUA_LINKS ?? 8);
const python = await interopPython();
const milo = await miloStack();

let peer: Peer | undefined;
let link: Wire | undefined;
let source: Supervisor | undefined;
afterEach(async () => {
  await source?.stop();
  await link?.stop();
  await peer?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How a link breaks. */
const WAYS: Readonly<Record<string, (link: Wire, peer: Peer) => Promise<void> | void>> = {
  cut: (link) => link.cut(),
  hangUp: (link) => link.hangUp(),
  halfOpen: (link) => link.strand(),
  async blackHole(link) {
    link.freeze();
    await pause(1_500);
    link.thaw();
    link.cut();
  },
  async busy(_, { process }) {
    process.kill('SIGSTOP');
    await pause(2_500);
    process.kill('SIGCONT');
  },
  async held(link) {
    link.hold();
    await pause(2_300);
    link.release();
  },
};
const ORDER = ['cut', 'halfOpen', 'hangUp', 'busy', 'cut', 'held', 'hangUp', 'blackHole'];

async function flowsThroughAll(server: Peer, path: string, namespace: string): Promise<void> {
  const port = Number(new URL((server.ready.endpoint as string).replace('opc.tcp', 'http')).port);
  const wired = await wire(port);
  link = wired;
  const options: OpcUaOptions = {
    name: 'peer',
    endpoint: `opc.tcp://127.0.0.1:${wired.port}/${path}`,
    user: { name: 'fieldgate', password: async () => 'crude oil' },
    publishing: 100,
    bridge: 20_000,
    pki: pkiTrusting(Buffer.from(server.ready.certificate as string, 'base64')),
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: [{ index: 0, name: 'counter', node: `nsu=${namespace};s=counter`, sampling: 20, wantsRange: false }],
  };
  const kept = keep(options);
  let latest = -1;
  const one = supervisor({
    source: {
      name: 'peer',
      protocol: 'opcua',
      address: options.endpoint,
      tags: [0],
      latency: 200,
      create: () => opcuaAdapter(options, { ...QUICK, keepAlive: 5_000, outlive: 10_000 }, kept),
    },
    accept(batch) {
      for (let i = 0; i < batch.count; i++) if (isGood(batch.status[i]!)) latest = Number(valueAt(batch, i));
    },
    describe() {},
    lost() {},
    log() {},
  });
  source = one;
  one.start();
  let made = 0;
  const flows = async (after: string) => {
    server.tell('tick 3 20');
    await server.line();
    made += 3;
    await until(`count ${made} after ${after}`, () => latest === made, 30_000);
  };
  await until('the first reading', () => latest === 0, 30_000);
  for (let i = 0; i < FAULTS; i++) {
    const way = ORDER[i % ORDER.length]!;
    await WAYS[way]!(wired, server);
    await flows(way);
  }
  const held = async () => {
    server.tell('held');
    return JSON.parse(await server.line()) as { sessions: number; subscriptions: number };
  };
  // A session whose activation was never answered ends with its time.
  const leftOver = async () => {
    const { sessions, subscriptions } = await held();
    return sessions !== 1 || subscriptions !== 1;
  };
  await until('one session', async () => !(await leftOver()), 30_000);
  console.log(
    `${path}: ${FAULTS} faults, ${one.stats().connects} connects, ${kept.mended} mended; ${JSON.stringify(await held())}`,
  );
}

const timeout = 60_000 + FAULTS * 5_000;

describe.skipIf(python === undefined)('asyncua', () => {
  test('one session after faults of every kind', { timeout }, async () => {
    peer = await startPeer(python!, 'asyncua_server.py', [scratch()]);
    await flowsThroughAll(peer, 'plant', 'urn:test:asyncua');
  });
});

describe.skipIf(milo === undefined)('Eclipse Milo', () => {
  test('one session after faults of every kind', { timeout }, async () => {
    peer = await milo!.start(scratch(), await freePort());
    await flowsThroughAll(peer, 'milo', 'urn:test:plant');
  });
});
