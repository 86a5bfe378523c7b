import { describe, expect, test } from 'vitest';
import { plant } from '../../sim/refinery/plant.ts';
import { type Signal, signals } from '../../sim/refinery/signals.ts';

const START = Date.UTC(2026, 10, 22, 10);
const list = signals(1_000);
const find = (name: string): Signal => {
  const signal = list.find((s) => s.name === name);
  if (!signal) throw new Error(`no signal ${name}`);
  return signal;
};
const walk = (signal: Signal, seconds: number, step = 1_000) =>
  Array.from({ length: seconds }, (_, i) => Number(plant(1).value(signal, START + i * step, i)));

describe('the list of signals', () => {
  test('has as many as asked for, all with different names, the example ones first', () => {
    expect(list).toHaveLength(1_000);
    expect(new Set(list.map((s) => s.name)).size).toBe(1_000);
    for (const name of ['20FIC101.PV', '20TI105.PV', '20P101.RUN', '20KQ001.COUNT']) find(name);
  });

  test('counts updates with the share that was asked for', () => {
    expect(list.filter((s) => s.process === 'counter')).toHaveLength(100);
    expect(signals(1_000, 0.5).filter((s) => s.process === 'counter')).toHaveLength(500);
  });

  test('begins the same at every size', () => {
    expect(signals(500, 0.01).slice(0, 30)).toEqual(signals(100_000, 0.01).slice(0, 30));
  });
});

describe('the plant', () => {
  test('says the same for the same seed and time, in any order, and differs with the seed', () => {
    const everything = (seed: number, order: readonly Signal[]) =>
      new Map(order.map((s) => [s.name, plant(seed).value(s, START, 7)]));
    expect(everything(1, list)).toEqual(everything(1, list.toReversed()));
    expect(everything(1, list)).not.toEqual(everything(2, list));
  });

  test('stays within the range of every analog signal, in steps of 0.01', () => {
    for (const signal of list.filter((s) => s.range)) {
      const [low, high] = signal.range!;
      const wrong = walk(signal, 300, 7_919).filter(
        (value) => value < low || value > high || Math.abs(value * 100 - Math.round(value * 100)) > 1e-6,
      );
      expect(wrong, signal.name).toEqual([]);
    }
  });

  test('moves temperatures and levels smoothly: no second changes more than 1 % of the range', () => {
    for (const signal of [find('20TI105.PV'), find('20LIC112.PV'), find('20TI201.PV')]) {
      const span = signal.range![1] - signal.range![0];
      const values = walk(signal, 3_600);
      for (let i = 1; i < values.length; i++) expect(Math.abs(values[i]! - values[i - 1]!)).toBeLessThan(span / 100);
    }
  });

  test('lets a flow follow its setpoint with a lag', () => {
    const setpoint = walk(find('20FIC101.SP'), 3_600);
    const flow = walk(find('20FIC101.PV'), 3_600);
    const changes = setpoint.flatMap((value, i) => (i > 0 && Math.abs(value - setpoint[i - 1]!) > 10 ? [i] : []));
    expect(changes.length).toBeGreaterThan(2);
    for (const i of changes.filter((at) => at + 120 < flow.length)) {
      expect(Math.abs(flow[i]! - setpoint[i]!)).toBeGreaterThan(5);
      expect(Math.abs(flow[i + 120]! - setpoint[i + 120]!)).toBeLessThan(1);
    }
  });

  test('fills a tank by what flows into it', () => {
    const level = walk(find('20LIC112.PV'), 1_800);
    const flow = walk(find('20FI112.PV'), 1_800);
    const area = flow.reduce((sum, value) => sum + value, 0);
    const rise = level.at(-1)! - level[0]!;
    // Half an hour later the level has risen by the integral of the flow, whatever the tank's size: compare with the
    // rise and the flow of the first ten minutes.
    const factor = (level[600]! - level[0]!) / flow.slice(0, 600).reduce((sum, value) => sum + value, 0);
    expect(rise / area).toBeCloseTo(factor, 4);
  });

  test('counts by exactly one, and ramps through both ends of every integer type', () => {
    expect(walk(find('20KQ001.COUNT'), 50)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const ends: Record<string, [number | bigint, number | bigint]> = {
      '20YT130.SBYTE': [-128, 127],
      '20YT132.INT16': [-32_768, 32_767],
      '20YT135.UINT32': [0, 4_294_967_295],
      '20YT136.INT64': [-(2n ** 63n), 2n ** 63n - 1n],
      '20YT137.UINT64': [0n, 2n ** 64n - 1n],
    };
    for (const [name, [low, high]] of Object.entries(ends)) {
      const values = new Set(Array.from({ length: 256 }, (_, i) => plant(1).value(find(name), START, i)));
      expect(values).toContain(low);
      expect(values).toContain(high);
    }
  });

  test('has episodes of a bad sensor that end', () => {
    const signal = find('20AI120.PV');
    const good = Array.from({ length: 600 }, (_, i) => START + i * 1_000).filter(
      (time) => plant(1).lastGood(signal, time) === time,
    );
    expect(good.length).toBeGreaterThan(500);
    expect(good.length).toBeLessThan(600);
  });
});
