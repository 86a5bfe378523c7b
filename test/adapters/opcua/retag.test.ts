// The mapping gives a source other tags while it runs: new ones are read soon, those gone are heard of no more, and
// nobody else notices: no reconnect, no gap, a counter that goes up by one per change has no hole.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import type { OpcUaOptions, OpcUaTag } from '../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { type Batch, valueAt } from '../../../agent/src/model/batch.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { isBad, isGood } from '../../../agent/src/model/status.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../sim/refinery/opcua.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Wire, wire } from '../wire.ts';
import { pkiTrusting, QUICK } from './rig.ts';

let plc: OpcUaSim;
let link: Wire;
let pki: string;
let ticking: NodeJS.Timeout;
let names: readonly string[];

beforeAll(async () => {
  plc = await startOpcUaServer({ folder: scratch(), tags: 60, counters: 1, ticking: false });
  pki = pkiTrusting(plc.certificate);
  names = plc.signals.filter(({ process }) => process === 'counter').map(({ name }) => name);
  ticking = setInterval(() => plc.tick(), 60);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.close();
});

let source: Supervisor;
beforeEach(async () => {
  link = await wire(plc.port);
});
afterEach(async () => {
  await source.stop();
  await link.stop();
});

const tag = (index: number, more: Partial<OpcUaTag> = {}): OpcUaTag => ({
  index,
  name: names[index]!,
  node: `nsu=${plc.namespace};s=${names[index]}`,
  sampling: 50,
  wantsRange: false,
  ...more,
});

/** A source under its supervisor, whose tags can be changed as the mapping does it. */
function gather(first: readonly OpcUaTag[]) {
  const options: OpcUaOptions = {
    name: 'plc',
    endpoint: `opc.tcp://127.0.0.1:${link.port}`,
    user: { name: plc.user, password: async () => plc.password },
    publishing: 100,
    bridge: 20_000,
    pki,
    applicationUri: 'urn:test:gateway:fieldgate',
    tags: first,
  };
  const kept = keep(options);
  const sourceOf = (tags: readonly OpcUaTag[], publishing: number) => {
    const become = () => kept.roster.become(tags, publishing);
    return {
      name: 'plc',
      protocol: 'opcua',
      address: options.endpoint,
      tags: tags.map(({ index }) => index),
      latency: 200,
      create() {
        become();
        return opcuaAdapter(options, QUICK, kept);
      },
      retag: become,
    };
  };
  const gaps: Gap[] = [];
  const values = new Map<number, number[]>();
  const bad = new Map<number, number>();
  const of = (index: number) => values.get(index) ?? [];
  source = supervisor({
    source: sourceOf(first, 100),
    accept(batch: Batch) {
      gaps.push(...batch.gaps);
      for (let i = 0; i < batch.count; i++) {
        const index = batch.tag[i]!;
        if (isBad(batch.status[i]!)) bad.set(index, (bad.get(index) ?? 0) + 1);
        else if (isGood(batch.status[i]!)) values.set(index, [...of(index), valueAt(batch, i) as number]);
      }
    },
    describe() {},
    lost() {},
    log: (level, message, fields) => process.env.LOUD && console.log(level, message, JSON.stringify(fields)),
  });
  source.start();
  let present = first;
  return {
    gaps,
    of,
    bad,
    kept,
    become(tags: readonly OpcUaTag[], publishing = 100) {
      const change = {
        added: tags.filter((one) => !present.includes(one)).map(({ index }) => index),
        gone: present.filter((one) => !tags.includes(one)).map(({ index }) => index),
      };
      present = tags;
      source.retag(sourceOf(tags, publishing), change);
    },
    /** Waits until a value made after now has come of each. */
    async flow(...indices: number[]) {
      const goal = plc.counters().updates + 1;
      await until(`update ${goal} of ${indices}`, () => indices.every((index) => (of(index).at(-1) ?? 0) >= goal));
    },
  };
}

const holes = (counts: readonly number[]) => {
  const seen = new Set(counts);
  const missing: number[] = [];
  for (let value = Math.min(...counts); value <= Math.max(...counts); value++)
    if (!seen.has(value)) missing.push(value);
  return missing;
};

const twice = (counts: readonly number[]) => counts.filter((value, i) => counts.indexOf(value) !== i);
const watched = () => plc.counters().watched;

describe.each(['subscribe', 'poll'] as const)('tags that come and go (%s)', (mode) => {
  test('in twenty changes others lose nothing, and those gone are silent at once', { timeout: 60_000 }, async () => {
    const stay = [tag(0), tag(1)];
    const plant = gather([...stay, tag(2, { mode })]);
    await plant.flow(0, 1, 2);
    for (let i = 3; i < 23; i++) {
      const before = i - 1;
      plant.become([...stay, tag(i, { mode })]);
      const last = plant.of(before).length;
      await plant.flow(0, 1, i);
      expect(plant.of(before), 'readings after the return').toHaveLength(last);
    }
    expect(holes(plant.of(0))).toEqual([]);
    expect(holes(plant.of(1))).toEqual([]);
    expect(twice(plant.of(0))).toEqual([]);
    expect(plant.gaps).toEqual([]);
    expect(source.stats()).toMatchObject({ connects: 1, tags: 3, state: { state: 'running' } });
    if (mode === 'subscribe') await until('the items deleted', () => watched() === 3);
    expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
  });
});

describe('a change of the tags', () => {
  test('makes a subscription where another publishing interval is needed, and ends one that is empty', async () => {
    const plant = gather([tag(0)]);
    await plant.flow(0);
    plant.become([tag(0), tag(1, { sampling: 500 })]);
    await plant.flow(0, 1);
    expect(plc.counters().subscriptions).toBe(2);
    plant.become([tag(0)]);
    await until('one subscription', () => plc.counters().subscriptions === 1);
    await plant.flow(0);
    // Faster than all before: not in the message of the slow ones.
    plant.become([tag(0), tag(2, { sampling: 20 })], 50);
    await plant.flow(0, 2);
    expect(plc.counters().subscriptions).toBe(2);
    expect(source.stats().granted).toMatchObject({ subscriptions: 2, monitoredItems: 2, publishingMs: 50 });
    expect(holes(plant.of(0))).toEqual([]);
    expect(source.stats().connects).toBe(1);
  });

  test('that names a node which is not there harms nobody, and is forgotten with its tag', async () => {
    const plant = gather([tag(0)]);
    await plant.flow(0);
    const wrong = tag(50, { name: 'WRONG', node: `nsu=${plc.namespace};s=NO.SUCH` });
    plant.become([tag(0), wrong]);
    await until('its Bad reading', () => plant.bad.get(50) === 1);
    await until('a word on it', () => source.stats().state.state === 'degraded');
    plant.become([tag(0)]);
    await until('nothing in trouble', () => source.stats().state.state === 'running');
    await plant.flow(0);
    expect(source.stats().connects).toBe(1);
  });

  test('from none to some and back works', async () => {
    const plant = gather([tag(0)]);
    await plant.flow(0);
    plant.become([]);
    await until('no item', () => watched() === 0);
    plant.become([tag(1)]);
    await plant.flow(1);
    expect(source.stats().connects).toBe(1);
    expect(plant.gaps).toEqual([]);
  });

  test('of many tags comes in portions', async () => {
    const plant = gather([tag(0)]);
    await plant.flow(0);
    const all = names.map((_, index) => tag(index));
    plant.become(all);
    await plant.flow(...all.map(({ index }) => index));
    plant.become([tag(0)]);
    await until('one item', () => watched() === 1);
    expect(holes(plant.of(0))).toEqual([]);
    expect(source.stats()).toMatchObject({ connects: 1 });
  });
});

describe('a change while the link is broken', () => {
  test('is not lost: what stands is taken up again, and then brought in line', { timeout: 60_000 }, async () => {
    const plant = gather([tag(0), tag(1), tag(2)]);
    await plant.flow(0, 1, 2);
    link.freeze();
    await until('the outage', () => plant.gaps.length > 0);
    // Once while it waits or connects, once more right after.
    plant.become([tag(0), tag(1), tag(3)]);
    plant.become([tag(0), tag(3), tag(4)]);
    link.thaw();
    link.cut();
    await plant.flow(0, 3, 4);
    expect(holes(plant.of(0))).toEqual([]);
    expect(plant.gaps.at(-1)).toMatchObject({ reason: 'source-down', complete: true });
    await until('the items of those gone deleted', () => watched() === 3);
    expect(plc.counters()).toMatchObject({ sessions: 1, subscriptions: 1 });
  });

  test('and another one during each of its attempts ends in the tags of the last', { timeout: 120_000 }, async () => {
    const plant = gather([tag(0)]);
    await plant.flow(0);
    for (let i = 1; i < 16; i++) {
      link.cut();
      // In every phase of an attempt: from "just cut" to "about to run".
      await new Promise((resolve) => setTimeout(resolve, 40 * i));
      plant.become([tag(0), tag(i)]);
    }
    await plant.flow(0, 15);
    // A session whose activation was never answered keeps its items until its timeout, 20 s.
    await until('two items', () => watched() === 2, 40_000);
    expect(holes(plant.of(0))).toEqual([]);
    await until('one session', () => plc.counters().sessions === 1, 30_000);
    expect(plc.counters().subscriptions).toBe(1);
  });
});
