// How long a source is left alone between two attempts, and which of them are told.

import { expect, test } from 'vitest';
import { Fault } from '../../../agent/src/model/fault.ts';
import { bench, bringUp, pass, stateOf } from './rig.ts';

test('a long outage is told at the first, second, fourth… attempt, and when its reason changes', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const levels = () => one.lines.filter(({ text }) => text === 'source not reachable').map(({ level }) => level);
  for (let i = 0; i < 6; i++) {
    one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
    await pass(2_000);
  }
  expect(levels()).toEqual(['warn', 'warn', 'debug', 'warn', 'debug', 'debug']);
  one.adapters.at(-1)!.connecting.reject(new Fault('source.refused', 'too many sessions'));
  await pass();
  expect(levels().at(-1)).toBe('warn');
  await one.source.stop();
});

test('the wait grows while a source that connects breaks at once, and is short after one that was well', async () => {
  const one = bench();
  one.source.start();
  await pass();
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    one.adapters.at(-1)!.connecting.reject(new Fault('source.refused', 'too many sessions'));
    await pass();
    const { state } = one.source.stats();
    if (state.state === 'waiting') waits.push(state.until - Date.now());
    await pass(11_000);
  }
  expect(waits[0]).toBeLessThanOrEqual(500);
  expect(waits[5]).toBeGreaterThanOrEqual(7_000);
  // A closed port is looked at every 2 s at least.
  one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ECONNREFUSED'));
  await pass(2_000);
  expect(stateOf(one)).toBe('connecting');
  (await bringUp(one)).ended.reject(new Fault('source.closed', 'reset'));
  await pass();
  const { state } = one.source.stats();
  expect(state.state === 'waiting' && state.until - Date.now()).toBeLessThanOrEqual(500);
  await one.source.stop();
});

async function waitsOf(code: 'source.unreachable' | 'source.unready' | 'source.credentials', from: number, to: number) {
  const one = bench();
  one.source.start();
  await pass();
  let longest = 0;
  for (let attempt = 1; attempt <= to; attempt++) {
    one.adapters.at(-1)!.connecting.reject(new Fault(code, 'no'));
    await pass();
    const { state } = one.source.stats();
    if (state.state === 'waiting' && attempt >= from) longest = Math.max(longest, state.until - Date.now());
    await pass(11_000);
  }
  await one.source.stop();
  return longest;
}

test('what costs a server little is tried every two seconds, a refused login is not', async () => {
  expect(await waitsOf('source.unreachable', 1, 90)).toBeLessThanOrEqual(2_000);
  expect(await waitsOf('source.unready', 1, 60)).toBeLessThanOrEqual(2_000);
  expect(await waitsOf('source.credentials', 7, 7)).toBeGreaterThanOrEqual(7_000);
});

test('a server that takes nobody for minutes is asked more seldom', async () => {
  expect(await waitsOf('source.unready', 61, 70)).toBeGreaterThanOrEqual(7_000);
});

test('an attempt that took long itself is followed by the next one soon', async () => {
  const one = bench();
  one.source.start();
  await pass();
  for (let attempt = 1; attempt <= 6; attempt++) {
    await pass(3_500);
    one.adapters.at(-1)!.connecting.reject(new Fault('source.unreachable', 'ETIMEDOUT'));
    await pass(250);
    expect(stateOf(one)).toBe('connecting');
  }
  await one.source.stop();
});
