// When units that are left out are probed: pure, so the time is whatever the test says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Probes } from '../../../agent/src/adapters/modbus/probes.ts';

test('a gap that holds a whole timeout is taken at once, one probe at a time', () => {
  const probes = new Probes(100, () => 1_000, 0);
  expect(probes.ask(500, 0, 0)).toEqual({ timeout: 100 });
  expect(probes.ask(510, 0, 0)).toEqual({ wait: 25 });
  expect(probes.ended(600, 500)).toBe(0);
  expect(probes.ask(600, 0, 0)).toEqual({ timeout: 100 });
});

test('a shorter gap is filled, and left before the next request is due', () => {
  const probes = new Probes(1_000, () => 1_000, 0);
  probes.replied(10);
  expect(probes.ask(200, 0, 0)).toEqual({ timeout: 795 });
  expect(probes.ended(995, 200)).toBe(0);
  // 4 replies of 10 ms do not fit before 1000.
  expect(probes.ask(960, 900, 0)).toEqual({ wait: 25 });
});

test('a unit that is slower than any gap is asked with its whole timeout now and then', () => {
  const probes = new Probes(1_000, () => 600, 0);
  probes.replied(10);
  const leaves = Array.from({ length: 8 }, (_, vain) => {
    const leave = probes.ask(0, 0, vain);
    probes.ended(0, 0);
    return leave;
  });
  expect(leaves.map((leave) => ('timeout' in leave ? leave.timeout : 0))).toEqual([595, 595, 595, 1_000, 595, 595, 595, 1_000]); // biome-ignore format: one line
});

test('on a line that is never idle, dead units cost a hundredth of the time, whatever their number', () => {
  const anyLine = fc.record({ timeout: fc.integer({ min: 50, max: 5_000 }), units: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(anyLine, ({ timeout, units }) => {
      const probes = new Probes(timeout, () => 0, 0);
      probes.replied(5);
      const vain = new Array<number>(units).fill(0);
      let lost = 0;
      let now = 0;
      const end = 600_000;
      for (let at = 0; now < end; at = (at + 1) % units) {
        const leave = probes.ask(now, now - 2_000, vain[at]!);
        now += 'wait' in leave ? leave.wait : leave.timeout;
        if ('wait' in leave) continue;
        vain[at]!++;
        lost += probes.ended(now, now - leave.timeout);
      }
      expect(lost).toBeGreaterThan(0);
      expect(lost).toBeLessThanOrEqual(end / 100 + 2 * timeout);
    }),
    { numRuns: 30 },
  );
});
