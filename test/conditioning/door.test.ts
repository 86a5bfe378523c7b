// The swinging door: bounded error, nothing hidden at either end of a line.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOLD_MS } from '../../agent/src/conditioning/columns.ts';
import { conditioner } from '../../agent/src/conditioning/conditioner.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { batchOf, type Row, rowsOf, seconds } from './support.ts';

const { Good: GOOD, UncertainLastUsableValue: UNCERTAIN, BadNoCommunication: BAD } = StatusCode;
const door = (error: number) => conditioner([{ tag: 1, swingingDoor: error }]);

describe('the swinging door', () => {
  it('sends the two ends of a straight line and nothing between them', () => {
    const room = door(0.01);
    const line = Array.from({ length: 50 }, (_, i) => [1, i, i * 2] as const);
    const sent = rowsOf(room.apply(batchOf(...line), 0));
    expect([...sent, ...rowsOf(room.flush())]).toEqual([
      [1, 0, 0],
      [1, 49, 98],
    ]);
    expect(room.withheld).toBe(48);
  });

  it('sends the last point before a jump, then goes on from there', () => {
    const room = door(0.5);
    const sent = rowsOf(room.apply(batchOf([1, 0, 0], [1, 1, 0], [1, 2, 0], [1, 3, 10], [1, 4, 10]), 0));
    expect(sent).toEqual([
      [1, 0, 0],
      [1, 2, 0],
      [1, 3, 10],
    ]);
    expect(rowsOf(room.flush())).toEqual([[1, 4, 10]]);
  });

  it('ends a line at a change of status, at NaN and at what is no number', () => {
    for (const breaker of [
      [1, 3, 2, UNCERTAIN],
      [1, 3, null, BAD],
      [1, 3, NaN],
      [1, 3, true],
      [1, 3, [1]],
    ] as Row[]) {
      const room = door(5);
      const sent = rowsOf(room.apply(batchOf([1, 0, 0], [1, 1, 1], [1, 2, 2], breaker, breaker, [1, 5, 2]), 0));
      expect(sent.map(([, at]) => at).slice(0, 4)).toEqual([0, 2, 3, breaker[3] === UNCERTAIN ? 3 : 5]);
    }
  });

  it('sends a reading that is not later than the one before it', () => {
    const room = door(5);
    const sent = rowsOf(room.apply(batchOf([1, 5, 0], [1, 6, 1], [1, 6, 1], [1, 4, 1]), 0));
    expect(sent.map(([, at]) => at)).toEqual([5, 6, 6, 4]);
  });

  it('sends what it holds before the link is forgotten', () => {
    const room = door(5);
    room.apply(batchOf([1, 0, 0], [1, 1, 1]), 0);
    expect(rowsOf(room.forget([1]))).toEqual([[1, 1, 1]]);
    const batch = batchOf([1, 2, 1]);
    expect(room.apply(batch, 0)).toBe(batch);
  });

  it('shows what it holds after a minute, or with the heartbeat, and then repeats', () => {
    const room = door(5);
    room.apply(batchOf([1, 0, 0], [1, 1, 1]), seconds(1));
    expect(room.due(seconds(1 + HOLD_MS / 1000 - 1))).toBeUndefined();
    expect(rowsOf(room.due(seconds(1 + HOLD_MS / 1000)))).toEqual([[1, 1, 1]]);
    expect(room.due(seconds(10_000))).toBeUndefined();

    const beating = conditioner([{ tag: 1, swingingDoor: 5, heartbeat: 10_000 }]);
    beating.apply(batchOf([1, 0, 0], [1, 1, 1]), seconds(1));
    expect(rowsOf(beating.due(seconds(11)))).toEqual([[1, 1, 1]]);
    expect(rowsOf(beating.due(seconds(21)))).toEqual([[1, 21, 1]]);
  });

  it('reconstructs every withheld reading within the error, whatever the series (property)', () => {
    const step = fc.record({
      wait: fc.integer({ min: 1, max: 1_000 }),
      value: fc.oneof(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.constantFrom(0, 1, NaN, Infinity, -Infinity),
      ),
      status: fc.constantFrom(GOOD, GOOD, GOOD, GOOD, GOOD, UNCERTAIN, BAD),
    });
    const error = fc.double({ min: 1e-3, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), error, fc.integer({ min: 1, max: 9 }), (steps, limit, chunk) => {
        let at = 0;
        const rows = steps.map(({ wait, value, status }): Row => {
          at += wait;
          return [1, at, value, status];
        });
        const room = door(limit);
        const sent: Row[] = [];
        for (let i = 0; i < rows.length; i += chunk) {
          sent.push(...rowsOf(room.apply(batchOf(...rows.slice(i, i + chunk)), 0)));
        }
        sent.push(...rowsOf(room.flush()));
        expect(sent.length + room.withheld).toBe(rows.length);
        for (const [, time, value, status = GOOD] of rows) {
          const before = sent.findLast((row) => row[1] <= time)!;
          expect(before[3] ?? GOOD).toBe(status);
          if (before[1] === time) continue;
          const after = sent.find((row) => row[1] > time);
          const a = before[2] as number;
          if (!Number.isFinite(value as number)) {
            expect(a).toBe(value);
            continue;
          }
          const b = after![2] as number;
          expect(after![3] ?? GOOD).toBe(status);
          const drawn = a + ((b - a) * (time - before[1])) / (after![1] - before[1]);
          // Rounding of the line itself, far below anything a plant measures.
          expect(Math.abs(drawn - (value as number))).toBeLessThanOrEqual(limit * (1 + 1e-9) + 1e-9);
        }
      }),
      { numRuns: 500 },
    );
  });
});
