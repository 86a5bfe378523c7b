// The OPC UA adapter against Eclipse Milo, the Java stack behind many gateways and SCADA systems: every policy, values
// exact, and a counter of which nothing is lost, through cuts and a restart in the middle.

import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaOptions } from '../../agent/src/adapters/opcua/options.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { isGood, statusName } from '../../agent/src/model/status.ts';
import { formatTime } from '../../agent/src/model/time.ts';
import { pkiTrusting, QUICK } from '../adapters/opcua/rig.ts';
import { recorder } from '../adapters/recorder.ts';
import { type Wire, wire } from '../adapters/wire.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { buildMilo, startMilo } from './milo.ts';
import type { Peer } from './python.ts';

const classes = await buildMilo();

const EXPECTED: Record<string, unknown> = {
  Boolean: true,
  Int16: -32_768,
  Int64: -(2n ** 63n),
  UInt64: 2n ** 64n - 1n,
  Float: Math.fround(12.31),
  Double: 0.1,
  String: 'Ölstand 5 µm',
  'Double array': [1.5, -2.25],
};
const NAMES = [...Object.keys(EXPECTED), 'timed', 'counter', 'missing'];
const POLICIES = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const;

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describe.skipIf(classes === undefined)('Eclipse Milo', () => {
  const folder = scratch();
  let port: number;
  let peer: Peer;
  let link: Wire;
  let options: OpcUaOptions;
  let source: Supervisor | undefined;

  beforeAll(async () => {
    port = await freePort();
    peer = await startMilo(classes!, folder, port);
    link = await wire(port);
    options = {
      name: 'milo',
      endpoint: `opc.tcp://127.0.0.1:${link.port}/milo`,
      user: { name: 'fieldgate', password: async () => 'crude oil' },
      publishing: 100,
      bridge: 20_000,
      pki: pkiTrusting(Buffer.from(peer.ready.certificate as string, 'base64')),
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: NAMES.map((name, index) => {
        return { index, name, node: `nsu=urn:test:milo;s=${name}`, sampling: 20, wantsRange: false };
      }),
    };
  }, 300_000);
  afterEach(async () => {
    await source?.stop();
    source = undefined;
  });
  afterAll(async () => {
    await link?.stop();
    await peer?.stop();
  });

  /** A source under its supervisor, and what came of the counter. */
  function gather() {
    const kept = keep(options);
    const counts: number[] = [];
    const gaps: Gap[] = [];
    source = supervisor({
      source: {
        name: 'milo',
        protocol: 'opcua',
        address: options.endpoint,
        tags: NAMES.map((_, index) => index),
        latency: 200,
        create: () => opcuaAdapter(options, QUICK, kept),
      },
      accept(batch) {
        gaps.push(...batch.gaps);
        for (let i = 0; i < batch.count; i++)
          if (batch.tag[i] === NAMES.indexOf('counter') && isGood(batch.status[i]!))
            counts.push(valueAt(batch, i) as number);
      },
      describe() {},
      lost() {},
      log() {},
    });
    source.start();
    return { counts, gaps };
  }

  async function tick(count: number): Promise<void> {
    peer.tell(`tick ${count} 20`);
    expect(await peer.line()).toBe('ticked');
  }

  test.each(POLICIES.flatMap((policy) => (['Sign', 'SignAndEncrypt'] as const).map((mode) => ({ policy, mode }))))(
    '$policy $mode: values are exact',
    async ({ policy, mode }) => {
      let security = '';
      const adapter = opcuaAdapter({
        ...options,
        security: { policy, mode },
        // A connection that is only signed could be read along.
        ...(mode === 'Sign' && { insecure: { acceptedBy: 'test', until: '2999-12-31' } }),
        tell: (facts) => {
          security = facts.security;
        },
      });
      const sink = recorder();
      const stop = new AbortController();
      await adapter.connect(stop.signal);
      const run = adapter.run(sink, stop.signal);
      await Promise.race([run, until('first readings', () => NAMES.every((_, tag) => sink.last(tag)))]);
      expect(security).toContain(policy);
      for (const [name, value] of Object.entries(EXPECTED)) {
        const reading = sink.last(NAMES.indexOf(name))!;
        expect.soft({ name, status: statusName(reading.status), value: reading.value }).toEqual({
          name,
          status: 'Good',
          value,
        });
      }
      const timed = sink.last(NAMES.indexOf('timed'))!;
      expect(statusName(timed.status)).toBe('UncertainLastUsableValue');
      expect(formatTime(timed.time)).toBe('2021-01-01T00:00:00.1234567Z');
      expect(statusName(sink.last(NAMES.indexOf('missing'))!.status)).toBe('BadNodeIdUnknown');
      stop.abort();
      await run;
      await adapter.close();
    },
  );

  test('a counter loses nothing, not while the link is cut either', { timeout: 60_000 }, async () => {
    const { counts, gaps } = gather();
    await until('the first count', () => counts.length > 0);
    const begin = counts.at(-1)!;
    const ticking = tick(250);
    for (let i = 0; i < 3; i++) {
      await until('more of it', () => counts.at(-1)! >= begin + 20 + 60 * i);
      link.cut();
      await until('the end of the outage', () => gaps.filter(({ to }) => to !== null).length === i + 1);
    }
    await ticking;
    await until('the last count', () => Math.max(...counts) === begin + 250);
    expect([...new Set(counts)].sort((a, b) => a - b)).toEqual(Array.from({ length: 251 }, (_, i) => begin + i));
    expect(gaps.filter(({ to }) => to !== null).map(({ complete }) => complete)).toEqual([true, true, true]);
  });

  test('a restart in the middle is one gap, and then nothing is lost', { timeout: 90_000 }, async () => {
    const { counts, gaps } = gather();
    await until('the first count', () => counts.length > 0);
    await peer.stop();
    await until('the outage', () => gaps.length === 1);
    peer = await startMilo(classes!, folder, port);
    await until('its end', () => gaps.some(({ to }) => to !== null), 30_000);
    expect(gaps).toHaveLength(2);
    expect(gaps.at(-1)).not.toHaveProperty('complete');
    // Its counter begins anew.
    await until('the count of now', () => counts.at(-1) === 0);
    const before = counts.length;
    await tick(100);
    await until('the last count', () => counts.at(-1) === 100);
    expect(counts.slice(before)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('a wrong password', async () => {
    const adapter = opcuaAdapter({ ...options, user: { name: 'fieldgate', password: async () => 'wrong' } });
    await expect(adapter.connect(new AbortController().signal)).rejects.toMatchObject({ code: 'source.credentials' });
    await adapter.close();
  });
});
