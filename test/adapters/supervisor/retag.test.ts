// S4: other tags for a source, in each of its states.

import { expect, test } from 'vitest';
import type { Source } from '../../../agent/src/adapters/adapter.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { type Bench, bench, bringUp, LATENCY, pass, scripted, stateOf, TAGS } from './rig.ts';

const grown = (one: Bench, retag?: Source['retag']): Source => ({
  name: 'flare-plc',
  protocol: 'modbus-tcp',
  address: '10.20.4.7:502',
  tags: [...TAGS, 5],
  latency: LATENCY,
  create: () => {
    const adapter = scripted();
    one.adapters.push(adapter);
    return adapter;
  },
  ...(retag && { retag }),
});
const CHANGE = { added: [5], gone: [] };

test('S4: an adapter that runs is told of other tags, and goes on', async () => {
  const one = bench();
  one.source.start();
  const adapter = await bringUp(one);
  const told: unknown[] = [];
  one.source.retag(
    grown(one, (...given) => told.push(given)),
    CHANGE,
  );
  await pass(60_000);
  expect(told).toEqual([[adapter, CHANGE]]);
  expect(adapter.closes).toBe(0);
  expect(one.gaps).toEqual([]);
  expect(one.source.stats().tags).toBe(3);
});

test.each([
  ['cannot be told', undefined],
  [
    'cannot take it',
    () => {
      throw new Error('too many items');
    },
  ],
])('S4: an adapter that %s is replaced at once, and the gap says why', async (_, retag) => {
  const one = bench();
  one.source.start();
  const adapter = await bringUp(one);
  const before = one.readings.length;
  one.source.retag(grown(one, retag), CHANGE);
  await pass();
  expect(adapter.closes).toBe(1);
  expect(one.adapters).toHaveLength(2);
  expect(one.gaps).toMatchObject([{ reason: 'reload', to: null }]);
  expect(one.readings.slice(before).map(({ tag }) => tag)).toEqual([3, 4, 5]);
  await bringUp(one);
  expect(one.gaps).toHaveLength(2);
  expect(one.gaps[1]).toMatchObject({ reason: 'reload', from: one.gaps[0]!.from });
  expect(one.gaps[1]!.to).not.toBeNull();
});

test('S4: while it waits, the next connection has the new tags, and the next failure marks them', async () => {
  const one = bench();
  one.source.start();
  await pass();
  one.adapters[0]!.connecting.reject(new Fault('source.unreachable', 'no route'));
  await pass();
  expect(stateOf(one)).toBe('waiting');
  one.source.retag(grown(one), CHANGE);
  await pass(20_000);
  expect(one.adapters).toHaveLength(2);
  one.adapters[1]!.connecting.reject(new Fault('source.unreachable', 'no route'));
  await pass();
  expect(one.readings.map(({ tag }) => tag)).toEqual([3, 4, 3, 4, 5]);
  expect(one.gaps).toHaveLength(1);
});

test('S4: while it connects, the attempt is begun anew with the new tags', async () => {
  const one = bench();
  one.source.start();
  await pass();
  one.source.retag(
    grown(one, () => {}),
    CHANGE,
  );
  await pass();
  expect(one.adapters[0]!.closes).toBe(1);
  expect(stateOf(one)).toBe('connecting');
  await bringUp(one);
  expect(stateOf(one)).toBe('running');
});

/** The longest wait after attempt `from` and later, until attempt `to`, of a source that fails so each time, ms. */
