// S1 and S3: the states of a source follow each other, whatever an adapter throws and whenever it is stopped.

import { expect, test } from 'vitest';
import type { Sink } from '../../../agent/src/adapters/adapter.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { batch, bench, bringUp, pass, stateOf, TAGS } from './rig.ts';

test('S1: states follow each other as they should, each with one line that names both', async () => {
  const one = bench();
  expect(stateOf(one)).toBe('stopped');
  one.source.start();
  one.source.start();
  await pass();
  const seen = [stateOf(one)];
  const adapter = await bringUp(one);
  seen.push(stateOf(one));
  adapter.sink!.trouble(new Map([['70PT201', 'IllegalDataAddress']]));
  seen.push(stateOf(one));
  adapter.sink!.trouble(new Map([['70PT201', 'IllegalDataAddress']]));
  adapter.sink!.trouble(new Map());
  seen.push(stateOf(one));
  adapter.ended.reject(new Fault('source.timeout', 'no answer'));
  await pass();
  seen.push(stateOf(one));
  await pass(1_000);
  seen.push(stateOf(one));
  await one.source.stop();
  seen.push(stateOf(one));
  expect(seen).toEqual(['connecting', 'running', 'degraded', 'running', 'waiting', 'connecting', 'stopped']);
  const changes = one.lines.filter(({ fields }) => 'to' in fields).map(({ fields }) => [fields.from, fields.to]);
  expect(changes).toEqual(seen.map((state, i) => [i === 0 ? 'stopped' : seen[i - 1], state]));
  expect(one.adapters).toHaveLength(2);
  expect(one.adapters.map((adapter) => adapter.closes)).toEqual([1, 1]);
});

test('S1: the counters tell readings, connections and the time of the last delivery', async () => {
  const one = bench();
  expect(one.source.stats()).toMatchObject({ received: 0, connects: 0, lastReading: null, tags: 2 });
  one.source.start();
  await pass();
  const adapter = await bringUp(one);
  adapter.sink!.deliver(batch(5));
  expect(one.source.stats()).toMatchObject({ received: 6, connects: 1, lastReading: Date.now() });
  await one.source.stop();
});

const thrown: Record<string, unknown> = {
  'a fault': new Fault('source.refused', 'too many sessions'),
  'an error': new TypeError('x is not a function'),
  nothing: undefined,
  'a string': 'broken',
  'an object without a prototype': Object.create(null),
};
for (const [what, thing] of Object.entries(thrown)) {
  for (const where of ['create', 'connect', 'run', 'close'] as const) {
    test(`S3: ${what} thrown in ${where}, at once or later, is a wait and another attempt`, async () => {
      let made = 0;
      const one = bench(null, () => {
        const fails = (step: typeof where) => step === where && made <= 2;
        made++;
        const act = (step: typeof where): Promise<void> => {
          if (fails(step) && made === 1) throw thing;
          return fails(step) ? Promise.reject(thing) : Promise.resolve();
        };
        if (where === 'create' && made <= 2) throw thing;
        return {
          connect: () => act('connect'),
          run: (_, signal) =>
            made <= 2 && where === 'close'
              ? Promise.resolve()
              : fails('run')
                ? act('run')
                : new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
          close: () => act('close'),
        };
      });
      one.source.start();
      await pass();
      expect(stateOf(one)).toBe('waiting');
      await pass(11_000);
      await pass(11_000);
      expect(stateOf(one)).toBe('running');
      expect(made).toBe(3);
      const waited = one.lines.find(({ fields }) => fields.to === 'waiting')!;
      expect(typeof waited.fields.reason).toBe('string');
      await one.source.stop();
      expect(stateOf(one)).toBe('stopped');
    });
  }
}

test('stop is prompt while connecting, while running and while waiting, and nothing begins after it', async () => {
  for (const situation of ['connecting', 'running', 'waiting'] as const) {
    const one = bench();
    one.source.start();
    await pass();
    if (situation === 'running') await bringUp(one);
    if (situation === 'waiting') one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'no route'));
    await pass();
    expect(stateOf(one)).toBe(situation);
    let stopped = false;
    const stop = one.source.stop().then(() => (stopped = true));
    await pass(10);
    expect(stopped, situation).toBe(true);
    await stop;
    await pass(60_000);
    expect([one.adapters.length, one.adapters[0]!.closes, stateOf(one)]).toEqual([1, 1, 'stopped']);
    const told = one.gaps.filter((gap) => gap.reason === 'source-down').map(({ to }) => to === null);
    expect(told, 'an outage that was begun is ended').toEqual(situation === 'waiting' ? [true, false] : []);
  }
});

test('an adapter that heeds neither the signal nor close does not keep the gateway from ending', async () => {
  const one = bench(null, () => ({
    connect: () => new Promise(() => {}),
    run: () => Promise.resolve(),
    close: () => new Promise(() => {}),
  }));
  one.source.start();
  await pass();
  let stopped = false;
  void one.source.stop().then(() => (stopped = true));
  await pass(10_100);
  expect(stopped).toBe(true);
});

test('an adapter whose close hangs is left behind, and the source goes on with a new one', async () => {
  let made = 0;
  const one = bench(null, () => ({
    connect: () => (++made === 1 ? Promise.reject(new Fault('source.closed', 'reset')) : new Promise(() => {})),
    run: () => Promise.resolve(),
    close: () => new Promise(() => {}),
  }));
  one.source.start();
  await pass(6_000);
  await pass(1_000);
  expect([made, stateOf(one)]).toEqual([2, 'connecting']);
});

test('an adapter that goes on running when told to end is left behind, and nothing that it says then is taken', async () => {
  const sinks: Sink[] = [];
  const one = bench(null, () => ({
    connect: async () => {},
    run(sink) {
      sinks.push(sink);
      return new Promise(() => {});
    },
    close: async () => {},
  }));
  const { name, protocol, address } = one.source.stats();
  one.source.start();
  await pass();
  // This source cannot tell an adapter of other tags: it is connected anew.
  const create = () => ({ connect: async () => {}, run: () => new Promise<void>(() => {}), close: async () => {} });
  one.source.retag({ name, protocol, address, tags: TAGS, latency: 0, create }, { added: [9], gone: [] });
  await pass(10_100);
  expect(one.source.stats().connects).toBe(2);
  const before = one.readings.length;
  sinks[0]!.deliver(batch());
  expect(one.readings.length).toBe(before);
  void one.source.stop();
  await pass(10_100);
  expect(stateOf(one)).toBe('stopped');
});
