// What a gap lacks is had from the server's history: in the backfill lane, none twice, and the gap is told again with
// what was recovered. A link that breaks in the middle delays it and loses nothing.

import type { UAVariable } from 'node-opcua-address-space';
import { DataType } from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../../agent/src/adapters/opcua/kept.ts';
import { type Supervisor, supervisor } from '../../../agent/src/adapters/supervisor.ts';
import { type Batch, valueAt } from '../../../agent/src/model/batch.ts';
import type { Gap } from '../../../agent/src/model/gap.ts';
import { isGood } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Wire, wire } from '../wire.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

const NODES = ['A', 'B', 'PLAIN'].map((name) => `nsu=urn:plc;s=${name}`);
const variables: UAVariable[] = [];
let plc: SmallServer;
let link: Wire;
let value = 0;
let ticking: NodeJS.Timeout;

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    for (const name of ['A', 'B', 'PLAIN']) {
      const variable = namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: DataType.Double,
      });
      variables.push(variable);
      if (name !== 'PLAIN') space.installHistoricalDataNode(variable, { maxOnlineValues: 100_000 });
    }
  });
  const tick = () => {
    value += 1;
    for (const variable of variables) variable.setValueFromSource({ dataType: DataType.Double, value });
  };
  tick();
  ticking = setInterval(tick, 100);
});
afterAll(async () => {
  clearInterval(ticking);
  await plc?.stop();
});
beforeEach(async () => {
  link = await wire(plc.port);
});
const made: Supervisor[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.stop()));
  await link.stop();
});

/** A source for these nodes, and what came of each of its tags by each lane. */
function gather(nodes: readonly string[], history = true) {
  const tags = tagsOf(nodes, { history });
  const options = openly(`opc.tcp://127.0.0.1:${link.port}`, scratch(), tags);
  const kept = keep(options, 200);
  const gaps: Gap[] = [];
  const live = nodes.map((): number[] => []);
  const past = nodes.map((): number[] => []);
  const source = supervisor({
    source: {
      name: 'plc',
      protocol: 'opcua',
      address: options.endpoint,
      tags: tags.map(({ index }) => index),
      latency: 200,
      create: () => opcuaAdapter(options, QUICK, kept),
    },
    accept(batch: Batch) {
      gaps.push(...batch.gaps);
      const lane = batch.stream === 'backfill' ? past : live;
      for (let i = 0; i < batch.count; i++)
        if (isGood(batch.status[i]!)) lane[batch.tag[i]!]!.push(valueAt(batch, i) as number);
    },
    describe() {},
    lost() {},
    log() {},
  });
  made.push(source);
  source.start();
  return { gaps, live, past };
}

/** The subscriptions end behind our back while the link is down, and `more` values are made meanwhile. */
async function outage(more: number): Promise<void> {
  link.freeze();
  for (const session of Object.values((plc.server.engine as unknown as { _sessions: object })._sessions)) {
    for (const id of Object.keys(session.publishEngine?._subscriptions ?? {})) session.deleteSubscription(Number(id));
  }
  const goal = value + more;
  await until(`value ${goal}`, () => value >= goal, 60_000);
  link.thaw();
  link.cut();
}

const arrives = async (live: readonly number[]) => {
  const next = value + 1;
  await until(`value ${next}`, () => live.some((each) => each >= next), 30_000);
};

const whole = (values: readonly number[]) => {
  const [first] = values;
  return values.every((each, i) => each === first! + i);
};

test('values of the gap come from the history, each once, and the gap is complete', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  await outage(20);
  await until('what was recovered', () => gaps.some(({ recovered }) => recovered !== undefined), 30_000);
  await arrives(live[0]!);
  for (const tag of [0, 1]) {
    const all = [...live[tag]!, ...past[tag]!].sort((a, b) => a - b);
    expect(past[tag]!.length).toBeGreaterThanOrEqual(18);
    expect(whole(all), `of tag ${tag} none is missing and none comes twice: ${all.join()}`).toBe(true);
  }
  const [begun, ended, told] = gaps;
  expect(ended).toEqual({ ...begun, to: expect.any(Number) });
  expect(told).toEqual({ ...ended, recovered: past[0]!.length + past[1]!.length, complete: true });
});

test('a link that breaks in the middle of it delays it only', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES.slice(0, 2));
  await arrives(live[0]!);
  await outage(20);
  await until('the end of the outage', () => gaps.some(({ to }) => to !== null), 30_000);
  link.cut();
  await until('what was recovered', () => gaps.some(({ recovered }) => recovered !== undefined), 30_000);
  await arrives(live[0]!);
  expect(whole([...new Set([...live[0]!, ...past[0]!])].sort((a, b) => a - b))).toBe(true);
});

test('where only some tags have a history the gap stays incomplete, and says so', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES);
  await arrives(live[0]!);
  await outage(10);
  const told = await until('what was recovered', () => gaps.find(({ recovered }) => recovered !== undefined), 30_000);
  expect(told).toMatchObject({ complete: false });
  expect(past[2]).toEqual([]);
});

test('history: none reads none', { timeout: 60_000 }, async () => {
  const { gaps, live, past } = gather(NODES.slice(0, 2), false);
  await arrives(live[0]!);
  await outage(5);
  await until('the end of the outage', () => gaps.some(({ to }) => to !== null), 30_000);
  await arrives(live[0]!);
  await arrives(live[0]!);
  await arrives(live[0]!);
  expect(past.flat()).toEqual([]);
  expect(gaps).toHaveLength(2);
});
