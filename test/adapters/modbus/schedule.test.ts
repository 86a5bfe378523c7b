// Slots and the state of a unit: pure, so the time is whatever the test says.

import { expect, test } from 'vitest';
import { PATIENCE, SILENCE, struck, WELL } from '../../../agent/src/adapters/modbus/health.ts';
import { phaseOf, Slots } from '../../../agent/src/adapters/modbus/schedule.ts';

test('slots do not drift, however late each one is served', () => {
  const slots = new Slots(1_000, 100, 1_000);
  for (let i = 0; i < 1_000; i++) {
    expect(slots.due).toBe(1_000 + i * 100);
    slots.done(slots.due + 37.5);
  }
});

test('missed slots are not made up for: the one that has begun is served, at its own time', () => {
  const slots = new Slots(0, 100, 0);
  slots.done(350);
  expect(slots.due).toBe(300);
  slots.done(360);
  expect(slots.due).toBe(400);
});

test('what is first is due at once, and the slot about a period later is next', () => {
  for (const [start, next] of [
    [1_000, 1_130],
    [1_070, 1_130],
    [1_079, 1_130],
    [1_081, 1_230],
    [1_129, 1_230],
  ] as const) {
    const slots = new Slots(30, 100, start);
    expect(slots.due).toBe(start);
    slots.done(start + 5);
    expect(slots.due).toBe(next);
    expect(slots.missed).toBe(0);
  }
});

test('sources are spread over the interval, each where it was before', () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `plc-${i}`);
  const tenths = new Map<number, number>();
  for (const name of names) {
    const phase = phaseOf(name);
    expect(phase).toBe(phaseOf(name));
    const tenth = Math.floor(phase * 10);
    tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
  }
  expect([...tenths.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const count of tenths.values()) expect(count).toBeLessThan(150);
});

test('three overruns in a row are too many, ten slots and ten seconds in time are well again', () => {
  const slots = new Slots(0, 500, 0);
  const late = () => slots.done(slots.due + 1_250);
  const inTime = () => slots.done(slots.due + 50);
  expect([late(), late(), inTime(), late(), late()]).toEqual([true, true, true, true, true]);
  expect(late()).toBe(false);
  for (let i = 0; i < 19; i++) expect(inTime()).toBe(false);
  expect(inTime()).toBe(true);
});

test('after a rest the slot of the moment is due', () => {
  const slots = new Slots(0, 100, 0);
  slots.resume(12_345);
  expect(slots.due).toBe(12_300);
});

test('two silences leave a unit out; probes come after 1, 2, 4 … 60 s', () => {
  let health = struck(WELL, SILENCE, true, 0, PATIENCE);
  expect(health.kind).toBe('well');
  const pauses: number[] = [];
  for (let i = 0; i < 9; i++) {
    health = struck(health, SILENCE, true, 0, PATIENCE);
    if (health.kind === 'left-out') pauses.push(health.until / 1_000);
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test('as many exceptions in a row as a unit has requests leave it out', () => {
  let health = WELL;
  for (let i = 0; i < 6; i++) health = struck(health, 1 / 7, false, 0, PATIENCE);
  expect(health.kind).toBe('well');
  expect(struck(health, 1 / 7, false, 0, PATIENCE).kind).toBe('left-out');
});
