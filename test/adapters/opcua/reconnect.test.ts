// A broken link costs nothing as long as the server keeps session and subscription: a counter that goes up by one per
// change arrives without a hole, through resets, hang-ups, a black hole, and after the session is lost.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaOptions, Timings } from '../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { type Batch, valueAt } from '../../../agent/src/model/batch.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { isGood } from '../../../agent/src/model/status.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../sim/refinery/opcua.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Wire, wire } from '../wire.ts';
import { pkiTrusting, QUICK, tagsOf } from './rig.ts';

let plc: OpcUaSim;
let link: Wire;
let count: string;
let still: string;
let ticking: NodeJS.Timeout;
let pki: string;

beforeAll(async () => {
  plc = await startOpcUaServer({ folder: scratch(), tags: 20, counters: 0.5, ticking: false });
  pki = pkiTrusting(plc.certificate);
  const counters = plc.signals.filter(({ process }) => process === 'counter');
  count = counters[0]!.name;
  still = counters[1]!.name;
  plc.set(still, 7);
  ticking = setInterval(() => plc.set(count, ++value), 25);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.close();
});
beforeEach(async () => {
  link = await wire(plc.port);
});
/** Goes up by one per change. */
let value = 0;

const made: Supervisor[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.stop()));
  await link.stop();
});

/** A source behind the wire, under its supervisor, and what came of it. */
function gather(more: Partial<OpcUaOptions> = {}, timings: Timings = QUICK) {
  const tags = tagsOf([`nsu=${plc.namespace};s=${count}`, `nsu=${plc.namespace};s=${still}`]);
  const options: OpcUaOptions = {
    name: 'plc',
    endpoint: `opc.tcp://127.0.0.1:${link.port}`,
    security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' },
    user: { name: plc.user, password: async () => plc.password },
    publishing: 100,
    bridge: 20_000,
    pki,
    applicationUri: 'urn:test:gateway:fieldgate',
    tags,
    ...more,
  };
  const kept = keep(options);
  const gaps: Gap[] = [];
  const counts: number[] = [];
  const stills: (number | null)[] = [];
  const source = supervisor({
    source: {
      name: 'plc',
      protocol: 'opcua',
      address: options.endpoint,
      tags: [0, 1],
      latency: 200,
      create: () => opcuaAdapter(options, timings, kept),
    },
    accept(batch: Batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) {
        const value = valueAt(batch, i) as number | null;
        if (batch.tag[i] === 1) stills.push(value);
        else if (isGood(batch.status[i]!) && value !== null) counts.push(value);
      }
    },
    describe() {},
    lost() {},
    log() {},
  });
  made.push(source);
  source.start();
  return { source, gaps, counts, stills };
}

/** Waits until the counter of now has come. */
async function arrives({ counts }: { counts: readonly number[] }, deadline = 20_000): Promise<void> {
  const next = value + 1;
  await until(`count ${next}`, () => counts.some((each) => each >= next), deadline);
}

const holes = (counts: readonly number[]) => {
  const seen = new Set(counts);
  const missing: number[] = [];
  for (let value = counts[0]!; value <= Math.max(...counts); value++) if (!seen.has(value)) missing.push(value);
  return missing;
};

const sessions = () => plc.counters().sessions;
const subscriptions = () => plc.counters().subscriptions;

describe('a link that breaks', () => {
  test.each(['cut', 'hangUp'] as const)('(%s) is mended without a loss, and nobody is told of a gap', async (how) => {
    const source = gather();
    await arrives(source);
    // Longer than a link must have lived to be mended at once.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    link[how]();
    await arrives(source);
    expect(holes(source.counts)).toEqual([]);
    expect(source.gaps).toEqual([]);
    expect(sessions()).toBe(1);
    expect(subscriptions()).toBe(1);
  });

  test('again and again is an outage that is closed as complete, without a loss', async () => {
    const source = gather();
    await arrives(source);
    for (let i = 0; i < 4; i++) {
      link.cut();
      await until('the outage', () => source.gaps.filter(({ to }) => to === null).length === i + 1);
      await until('its end', () => source.gaps.filter(({ to }) => to !== null).length === i + 1);
      await arrives(source);
    }
    expect(holes(source.counts)).toEqual([]);
    expect(source.gaps.filter(({ to }) => to !== null).map(({ complete }) => complete)).toEqual(Array(4).fill(true));
    // The mark of each outage, and the value again though it never changed.
    await until('the value that stands still', () => source.stills.at(-1) === 7);
    expect(source.stills.filter((value) => value === null)).toHaveLength(4);
    expect(sessions()).toBe(1);
    expect(subscriptions()).toBe(1);
  });

  test('again and again at any moment leaves one session and one subscription, and loses nothing', async () => {
    const source = gather({}, { ...QUICK, outlive: 5_000 });
    await arrives(source);
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, 37 * (i % 9)));
      link.cut();
    }
    await arrives(source);
    expect(holes(source.counts)).toEqual([]);
    // Whoever loses the answer to ActivateSession has lost the session with it (its nonce): it ends with its timeout.
    await until('one session', () => sessions() === 1, 20_000);
    expect(subscriptions()).toBe(1);
  });

  test('a black hole is noticed, and costs nothing', async () => {
    const source = gather();
    await arrives(source);
    link.freeze();
    await until('the outage', () => source.gaps.length > 0);
    link.thaw();
    link.cut();
    await arrives(source);
    expect(holes(source.counts)).toEqual([]);
    expect(sessions()).toBe(1);
  });

  test('a session that the server dropped: its subscription is taken over by a new one, without a loss', async () => {
    const source = gather();
    await arrives(source);
    plc.dropSessions();
    await until('a new session', () => sessions() === 1 && source.gaps.some(({ to }) => to !== null));
    await arrives(source);
    expect(holes(source.counts)).toEqual([]);
    expect(source.gaps.at(-1)).toMatchObject({ complete: true });
    expect(subscriptions()).toBe(1);
  });

  test('a subscription that is gone is made anew, and the gap stays', async () => {
    const source = gather();
    await arrives(source);
    plc.dropSubscriptions();
    await until('the outage', () => source.gaps.some(({ to }) => to !== null));
    await arrives(source);
    expect(source.gaps.at(-1)).toMatchObject({ reason: 'source-down' });
    expect(source.gaps.at(-1)).not.toHaveProperty('complete');
    expect(sessions()).toBe(1);
    expect(subscriptions()).toBe(1);
  });
});
