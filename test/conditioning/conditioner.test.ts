// Which readings pass: no rule, scaling, deadband, heartbeat. The swinging door has a file of its own.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conditioner } from '../../agent/src/conditioning/conditioner.ts';
import { BatchBuilder, Kind, type Value } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { batchOf, rowsOf, seconds } from './support.ts';

const { UncertainLastUsableValue: UNCERTAIN, BadNoCommunication: BAD, Good: GOOD } = StatusCode;

describe('without a rule', () => {
  it('every reading passes in the very same batch', () => {
    const batch = batchOf([0, 1, 5], [0, 2, 5], [7, 2, 'text']);
    expect(conditioner([]).apply(batch, 0)).toBe(batch);
    expect(conditioner([{ tag: 3 }]).apply(batch, 0)).toBe(batch);
    expect(conditioner([{ tag: 3, deadband: { kind: 'absolute', size: 1 } }]).apply(batch, 0)).toBe(batch);
  });

  it('an empty batch and a batch of gap records pass', () => {
    const gap = { reason: 'source-down', source: 's', from: 0, to: 1 } as const;
    const builder = new BatchBuilder();
    builder.gap(gap);
    const batch = builder.take();
    expect(conditioner([{ tag: 0, swingingDoor: 1 }]).apply(batch, 0)).toBe(batch);
  });

  it('gap records pass with a batch of which nothing else does', () => {
    const room = conditioner([{ tag: 0, deadband: { kind: 'absolute', size: 1 } }]);
    room.apply(batchOf([0, 1, 5]), 0);
    const gap = { reason: 'source-down', source: 's', from: 0, to: 1 } as const;
    expect(room.apply({ ...batchOf([0, 2, 5]), gaps: [gap] }, 0)).toMatchObject({ count: 0, gaps: [gap] });
  });
});

describe('deadband', () => {
  const absolute = (size: number) => conditioner([{ tag: 1, deadband: { kind: 'absolute', size } }]);

  it('withholds what differs by the deadband at most, and counts it', () => {
    const room = absolute(0.5);
    const out = room.apply(batchOf([1, 1, 10], [1, 2, 10.5], [1, 3, 9.5], [1, 4, 10.51], [2, 4, 10]), 0);
    expect(rowsOf(out)).toEqual([
      [1, 1, 10],
      [1, 4, 10.51],
      [2, 4, 10],
    ]);
    expect(room.withheld).toBe(2);
  });

  it('compares with the value last sent, so that a slow drift shows', () => {
    const room = absolute(1);
    const drift = Array.from({ length: 11 }, (_, i) => [1, i, i * 0.25] as const);
    expect(rowsOf(room.apply(batchOf(...drift), 0)).map(([, , value]) => value)).toEqual([0, 1.25, 2.5]);
  });

  it('lets every change of status pass, whatever the value', () => {
    const room = absolute(10);
    const out = room.apply(
      batchOf([1, 1, 5], [1, 2, 5, UNCERTAIN], [1, 3, 5, UNCERTAIN], [1, 4, null, BAD], [1, 5, null, BAD], [1, 6, 5]),
      0,
    );
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 2, 4, 6]);
  });

  it('takes NaN as the same as NaN, and as different from every number', () => {
    const room = absolute(1);
    const out = room.apply(
      batchOf([1, 1, 1], [1, 2, NaN], [1, 3, NaN], [1, 4, 1], [1, 5, Infinity], [1, 6, Infinity], [1, 7, -Infinity]),
      0,
    );
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 2, 4, 5, 7]);
  });

  it('sends a whole array when one element trips', () => {
    const room = absolute(1);
    const out = room.apply(
      batchOf([1, 1, [1, 2]], [1, 2, [2, 3]], [1, 3, [1, 3.1]], [1, 4, [1, 3, 0]], [1, 5, 'x']),
      0,
    );
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 3, 4, 5]);
  });

  it('sends what is no number when it changes', () => {
    const room = absolute(0);
    const out = room.apply(batchOf([1, 1, true], [1, 2, true], [1, 3, false], [1, 4, 'a'], [1, 5, 'a'], [1, 6, 0]), 0);
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 3, 4, 6]);
  });

  it('compares 64-bit integers exactly', () => {
    const room = absolute(1);
    const big = 2n ** 63n - 10n;
    const out = room.apply(batchOf([1, 1, big], [1, 2, big + 1n], [1, 3, big + 2n], [1, 4, 7]), 0);
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 3, 4]);
  });

  it('in percent needs a range, from the rule or from the source; until then every change passes', () => {
    const percent = { kind: 'percent', size: 1 } as const;
    const room = conditioner([
      { tag: 1, deadband: percent, range: [0, 200] },
      { tag: 2, deadband: percent },
    ]);
    expect(rowsOf(room.apply(batchOf([1, 1, 0], [1, 2, 2], [1, 3, 2.1]), 0)).map(([, at]) => at)).toEqual([1, 3]);
    const both = batchOf([2, 1, 1e-9], [2, 2, 0]);
    expect(room.apply(both, 0)).toBe(both);
    room.describe(2, { range: [-50, 50] });
    room.describe(1, { range: [0, 1] });
    expect(room.apply(batchOf([2, 3, 1]), 0).count).toBe(0);
    expect(room.apply(batchOf([2, 4, 1.1]), 0).count).toBe(1);
    expect(room.apply(batchOf([1, 4, 4]), 0).count).toBe(0);
  });

  it('lets the first reading after a gap pass', () => {
    const room = absolute(1);
    room.apply(batchOf([1, 1, 5]), 0);
    expect(room.forget([1, 99])).toBeUndefined();
    const batch = batchOf([1, 2, 5]);
    expect(room.apply(batch, 0)).toBe(batch);
  });

  it('never hides more than the deadband (property)', () => {
    const reading = fc.record({
      value: fc.double({ min: -100, max: 100, noNaN: true }),
      status: fc.constantFrom(GOOD, GOOD, GOOD, UNCERTAIN, BAD),
    });
    const size = fc.double({ min: 0, max: 20, noNaN: true });
    fc.assert(
      fc.property(fc.array(reading), size, fc.integer({ min: 1, max: 7 }), (readings, limit, chunk) => {
        const room = absolute(limit);
        const sent: { value: Value; status: number; at: number }[] = [];
        for (let i = 0; i < readings.length; i += chunk) {
          const rows = readings.slice(i, i + chunk).map((r, j) => [1, i + j, r.value, r.status] as const);
          for (const [, at, value, status = GOOD] of rowsOf(room.apply(batchOf(...rows), 0))) {
            sent.push({ value, status, at });
          }
        }
        expect(sent.length + room.withheld).toBe(readings.length);
        readings.forEach(({ value, status }, i) => {
          const last = sent.findLast(({ at }) => at <= i)!;
          expect(last.status).toBe(status);
          expect(Math.abs((last.value as number) - value)).toBeLessThanOrEqual(limit);
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe('clamping', () => {
  const LOW = StatusCode.Good | 0x500;
  const HIGH = StatusCode.Good | 0x600;

  it('beyond the range a value becomes its end and says so in its status; within it nothing is touched', () => {
    const room = conditioner([{ tag: 1, clamp: [0, 10] }]);
    const within = batchOf([1, 0, 5], [1, 1, 10], [1, 2, 0]);
    expect(room.apply(within, 0)).toBe(within);
    const beyond = room.apply(batchOf([1, 3, -0.1], [1, 4, 10.1], [2, 4, 99], [1, 5, 5]), 0);
    expect(rowsOf(beyond)).toEqual([[1, 3, 0, LOW], [1, 4, 10, HIGH], [2, 4, 99], [1, 5, 5]]); // biome-ignore format: one line
  });

  it('comes after scaling, and leaves Bad and what is no number alone', () => {
    const room = conditioner([{ tag: 1, scale: { from: [0, 4000], to: [0, 100] }, clamp: [0, 100] }]);
    const bad = StatusCode.BadTimeout;
    const sent = room.apply(batchOf([1, 0, 4_400], [1, 1, -40], [1, 2, 2_000], [1, 3, null, bad], [1, 4, 'x']), 0);
    expect(rowsOf(sent)).toEqual([[1, 0, 100, HIGH], [1, 1, 0, LOW], [1, 2, 50], [1, 3, null, bad], [1, 4, 'x']]); // biome-ignore format: one line
  });
});

describe('scaling', () => {
  const room = () => conditioner([{ tag: 1, scale: { from: [0, 4000], to: [0, 100] } }]);

  it('turns raw values into engineering units, beyond the range too', () => {
    const out = room().apply(batchOf([1, 1, 2000], [1, 2, 5000], [1, 3, -40], [2, 3, 2000]), 0);
    expect(rowsOf(out).map(([, , value]) => value)).toEqual([50, 125, -1, 2000]);
    expect(out.kind[0]).toBe(Kind.Number);
  });

  it('may run downwards', () => {
    const inverse = conditioner([{ tag: 1, scale: { from: [0, 10], to: [100, 0] } }]);
    expect(rowsOf(inverse.apply(batchOf([1, 1, 4]), 0))).toEqual([[1, 1, 60]]);
  });

  it('leaves alone what is Bad or no number, and takes arrays and 64-bit integers', () => {
    const values: Value[] = [7, true, 'x', null];
    const untouched = batchOf([1, 1, 7, BAD], ...values.slice(1).map((value) => [1, 2, value] as const));
    expect(room().apply(untouched, 0)).toBe(untouched);
    const out = room().apply(batchOf([1, 1, [0, 4000n, 'x']], [1, 2, 8000n], [1, 3, 400, UNCERTAIN]), 0);
    expect(rowsOf(out).map(([, , value]) => value)).toEqual([[0, 100, 'x'], 200, 10]);
    expect(out.kind[1]).toBe(Kind.Number);
  });

  it('comes before the deadband, which is in engineering units', () => {
    const both = conditioner([
      { tag: 1, scale: { from: [0, 4000], to: [0, 100] }, deadband: { kind: 'absolute', size: 1 } },
    ]);
    const out = both.apply(batchOf([1, 1, 2000], [1, 2, 2040], [1, 3, 2041]), 0);
    expect(rowsOf(out).map(([, at]) => at)).toEqual([1, 3]);
  });
});

describe('heartbeat', () => {
  const room = () => conditioner([{ tag: 1, deadband: { kind: 'absolute', size: 1 }, heartbeat: 10_000 }]);

  it('sends the last value again, with its status, as of the heartbeat', () => {
    const one = room();
    one.apply(batchOf([1, 1, 5, UNCERTAIN]), seconds(1));
    one.apply(batchOf([1, 5, 5.5, UNCERTAIN]), seconds(5));
    expect(one.due(seconds(10))).toBeUndefined();
    expect(rowsOf(one.due(seconds(11)))).toEqual([[1, 11, 5, UNCERTAIN]]);
    expect(one.due(seconds(20))).toBeUndefined();
    expect(rowsOf(one.due(seconds(21)))).toEqual([[1, 21, 5, UNCERTAIN]]);
  });

  it('waits anew after every reading sent', () => {
    const one = room();
    one.apply(batchOf([1, 1, 5]), seconds(1));
    one.apply(batchOf([1, 9, 7]), seconds(9));
    expect(one.due(seconds(18))).toBeUndefined();
    expect(rowsOf(one.due(seconds(19)))).toEqual([[1, 19, 7]]);
  });

  it('repeats arrays and text', () => {
    const one = room();
    one.apply(batchOf([1, 1, ['a', 1]]), seconds(1));
    expect(rowsOf(one.due(seconds(30)))).toEqual([[1, 30, ['a', 1]]]);
  });

  it('says nothing before the first reading nor after a loss of the link', () => {
    const one = room();
    expect(one.due(seconds(99))).toBeUndefined();
    one.apply(batchOf([1, 100, 5]), seconds(100));
    one.forget([1]);
    expect(one.due(seconds(200))).toBeUndefined();
  });

  it('is never dated before the reading it repeats, and survives a clock set back', () => {
    const one = room();
    one.apply(batchOf([1, 500, 5]), seconds(100));
    expect(rowsOf(one.due(seconds(110)))).toEqual([[1, 500, 5]]);
    expect(one.due(seconds(50))).toBeUndefined();
    expect(rowsOf(one.due(seconds(60)))).toEqual([[1, 500, 5]]);
  });
});
