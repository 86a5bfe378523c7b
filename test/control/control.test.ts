// The desk: wishes one after the other, the newest counts; reports at most once in an interval, and only what changed.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Control, control } from '../../agent/src/control/control.ts';
import type { Desired } from '../../agent/src/control/desired.ts';
import type { JsonObject } from '../../agent/src/delivery/control.ts';
import { sampleStatus } from '../observe/sample-status.ts';

const INTERVAL = 30_000;
let desk: Control;
let status = sampleStatus();
const applied: Desired[] = [];
const patches: JsonObject[] = [];
let applying = Promise.withResolvers<readonly string[]>();
let fails = false;

beforeEach(() => {
  vi.useFakeTimers();
  const sample = sampleStatus();
  // An age that grows is a change worth telling.
  status = { ...sample, store: { ...sample.store, buffer: { ...sample.store.buffer, oldest: null } } };
  applied.length = patches.length = 0;
  fails = false;
  desk = control({
    powers: {} as never,
    apply(desired) {
      applied.push(desired);
      applying = Promise.withResolvers();
      return applying.promise;
    },
    facts: () => ({ status }),
    log: () => {},
    interval: INTERVAL,
  });
});
afterEach(() => {
  desk.close();
  vi.useRealTimers();
});

const connect = (reported: JsonObject = {}) =>
  desk.reporting({
    report: async (patch) => {
      patches.push(patch);
      if (fails) throw new Error('gone');
    },
    reported,
  });
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const phase = (now: typeof status.phase) => {
  status = { ...status, phase: now };
};

it('reports at once after a connect, then only what changed, and not more often than the interval', async () => {
  connect();
  await pass();
  expect(patches).toHaveLength(1);
  expect(patches[0]).toMatchObject({ phase: 'running', version: status.version });
  phase('starting');
  await pass(INTERVAL - 2_000);
  expect(patches).toHaveLength(1);
  await pass(4_000);
  expect(patches.slice(1)).toEqual([{ phase: 'starting' }]);
  await pass(10 * INTERVAL);
  expect(patches).toHaveLength(2);
});

it('what is left in the twin of an earlier life goes with the first report', async () => {
  connect({ $version: 4, phase: 'running', old: { a: 1 } });
  await pass();
  expect(patches[0]).toMatchObject({ old: null });
  expect(patches[0]).not.toHaveProperty('phase');
  expect(patches[0]).not.toHaveProperty('$version');
});

it('a report that failed is sent again', async () => {
  fails = true;
  connect();
  await pass();
  fails = false;
  await pass(INTERVAL + 2_000);
  expect(patches).toHaveLength(2);
  expect(patches[1]).toEqual(patches[0]);
});

it('of wishes that come while one is applied, the newest is applied next, and its outcome is told at once', async () => {
  connect();
  await pass();
  desk.desired({ $version: 2, drainLimit: 1 });
  desk.desired({ $version: 3, drainLimit: 2 });
  desk.desired({ $version: 4, drainLimit: 3 });
  await pass();
  applying.resolve([]);
  await pass();
  applying.resolve(['mapping: no']);
  await pass(1_100);
  expect(applied).toEqual([{ drainLimit: 1 }, { drainLimit: 3 }]);
  expect(patches.at(-1)).toEqual({ desired: { version: 4, applied: false, mistakes: ['mapping: no'] } });
});

it('a wish with a mistake is not applied', async () => {
  connect();
  desk.desired({ $version: 2, drainLimit: -1 });
  await pass(1_100);
  expect(applied).toEqual([]);
  expect(patches.at(-1)).toMatchObject({ desired: { version: 2, applied: false } });
});
