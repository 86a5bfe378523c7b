// A hub that fails in every way the field knows, one way after the other and some at once, in an order that chance
// decides, while readings flow. By the hub's own account nothing is missing, what came twice came under the same
// message id, and what was too large is named by a gap record.
//
// FAULTS=200 npm test test/durability/hub-faults.test.ts     the long form; SEED=… repeats one
// TRANSPORT=amqp                                             by that transport alone

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { BatchBuilder } from '../../agent/src/model/batch.ts';
import { now } from '../../agent/src/model/time.ts';
import type { Store } from '../../agent/src/store/store.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { type Chance, chance } from './chance.ts';
import { load, storeIn } from './storing.ts';

const FAULTS = Number(process.env.FAULTS ?? 12);
/** Readings a batch and ms between two: 4,000 readings a second. */
const [SIZE, EVERY] = [40, 10];

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** Each begins a fault and gives back what ends it. */
function faultsOf(hub: LocalHub, store: Store, random: Chance): Record<string, () => Promise<() => unknown>> {
  const { faults } = hub;
  const signing = (kind: 'error' | 'hang') => async () => {
    faults.workload(kind, 'sign');
    faults.cut();
    return () => faults.workload(undefined);
  };
  return {
    down: async () => {
      await faults.down();
      return () => faults.up();
    },
    'black hole': async () => {
      faults.silence();
      return () => faults.resume();
    },
    'acks withheld': async () => {
      faults.withholdAcks();
      return () => faults.releaseAcks();
    },
    'acks lost': async () => {
      faults.loseAcks(random.within(1, 4));
      return () => {};
    },
    'acks late': async () => {
      faults.delayAcks(random.within(50, 400));
      return () => faults.delayAcks(0);
    },
    'made anew': async () => {
      await faults.recreate();
      return () => {};
    },
    refused: async () => {
      faults.refuse(([3, 5] as const)[random.within(0, 1)] as 3 | 5);
      faults.cut();
      return () => faults.refuse(undefined);
    },
    // The next connection is over AMQP, and so are those after it until AMQP is not answered.
    'CONNECT lost': async () => {
      faults.loseConnect('close');
      faults.cut();
      return () => faults.loseConnect(undefined);
    },
    'signing fails': signing('error'),
    'signing hangs': signing('hang'),
    oversize: async () => {
      const builder = new BatchBuilder(1);
      // Random, so that it is too large compressed as well.
      builder.add(0, now(), 0, randomBytes(300_000).toString('hex'));
      store.append(builder.take());
      return () => {};
    },
  };
}

test('by the account of a hub that fails in every way nothing is missing', {
  timeout: 60_000 + FAULTS * 10_000,
}, async () => {
  const random = chance();
  const folder = scratch();
  const hub = await startHub({ folder: join(folder, 'hub'), keepBytes: 0 });
  closing.push(() => hub.close());
  Object.assign(process.env, hub.environment);
  const store = await storeIn(folder, {
    type: 'iot-edge',
    transport: (process.env.TRANSPORT as 'amqp' | undefined) ?? 'auto',
    format: 'rows',
    compression: 'gzip',
    maxDelay: 200,
  });
  closing.push(() => store.close(0));
  const arrived = () => hub.account.summary().readings;
  const flowing = load(store, SIZE, EVERY);
  await until('the first readings', () => arrived() > 1_000);

  const faults = faultsOf(hub, store, random);
  const names = Object.keys(faults);
  // Every fault once, in any order, then chance.
  const order = names.map((name) => ({ name, key: random.within(0, 2 ** 30) })).sort((a, b) => a.key - b.key);
  const drawn = Array.from(
    { length: FAULTS },
    (_, i) => (order[i]?.name ?? names[random.within(0, names.length - 1)]) as string,
  );
  console.log(`hub faults: SEED=${random.seed}`);
  let tooLarge = 0;
  const recoveries: string[] = [];
  for (const name of drawn) {
    const second = random.happens(0.3) ? (names[random.within(0, names.length - 1)] as string) : undefined;
    const ends: (() => unknown)[] = [];
    for (const fault of new Set([name, second])) {
      if (fault === undefined) continue;
      if (fault === 'oversize') tooLarge++;
      ends.push(await (faults[fault] as () => Promise<() => unknown>)());
    }
    // The fault lasts while so many readings come.
    const end = flowing.next + random.within(20, 80) * SIZE;
    await until('readings under the fault', () => flowing.next >= end);
    for (const stop of ends) await stop();
    const before = arrived();
    const since = performance.now();
    await until(`delivery after ${name} and ${second}`, () => arrived() > before + 1_000, 60_000);
    recoveries.push(
      `${name}${second === undefined ? '' : ` + ${second}`} ${((performance.now() - since) / 1_000).toFixed(1)} s`,
    );
  }
  flowing.stop();
  const accepted = flowing.next - 1;
  await until('the last readings', () => arrived() >= accepted && hub.account.summary().missing === 0, 60_000);
  await until('the last acknowledgements', () => store.stats().buffer.pending === 0, 20_000);

  const { missing, malformed, double, doubleById, explained, readings } = hub.account.summary();
  const { forwarder, refused } = store.stats();
  console.log(
    `hub faults: ${FAULTS} faults, ${readings} readings, ${missing} missing, ${double} twice (all by message id: ` +
      `${double === doubleById}), ${forwarder.resentMessages} messages sent again, ${explained} too large and told; flowing again after: ${recoveries.join(', ')}`,
  );
  expect({ missing, malformed, readings, explained, refused }).toEqual({
    missing: 0,
    malformed: 0,
    readings: accepted,
    explained: tooLarge,
    refused: 0,
  });
  expect(double).toBe(doubleById);
  expect(hub.account.gaps.filter(({ gap }) => gap === 'too-large')).toHaveLength(tooLarge);
});
