// The read plan: cases that people meet, and properties that hold for every mapping.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Cell,
  type Limits,
  type ModbusTag,
  NO_OBSTACLES,
  plan,
  type Request,
  requestsOf,
} from '../../../agent/src/adapters/modbus/plan.ts';
import { tag } from './tags.ts';

const LIMITS: Limits = { maxRegisters: 125, maxGap: 16 };

/** The requests of a plan as `unit table start+quantity@poll`. */
function lines(tags: readonly ModbusTag[], limits = LIMITS): string[] {
  return plan(tags, limits).requests.map(line);
}

function line({ group, start, quantity }: Request): string {
  return `${group.unit} ${group.table} ${start}+${quantity}@${group.poll}`;
}

const uints = (count: number, first = 0, step = 1) =>
  Array.from({ length: count }, (_, i) => tag(i, `holding:${first + i * step}`));

describe('requests', () => {
  test('125 registers are one request, 126 are two', () => {
    expect(lines(uints(125))).toEqual(['1 holding 0+125@100']);
    expect(lines(uints(126)).map((each) => each.split(' ')[1])).toHaveLength(2);
  });

  test('2000 coils are one request, 2001 are two', () => {
    const coils = (count: number) => Array.from({ length: count }, (_, i) => tag(i, `coil:${i}`, { type: 'bool' }));
    expect(lines(coils(2_000))).toEqual(['1 coil 0+2000@100']);
    expect(lines(coils(2_001))).toHaveLength(2);
  });

  test('a hole up to maxGap is read along, a wider one is not', () => {
    expect(lines([tag(0, 'holding:0'), tag(1, 'holding:17')])).toEqual(['1 holding 0+18@100']);
    expect(lines([tag(0, 'holding:0'), tag(1, 'holding:18')])).toEqual(['1 holding 0+1@100', '1 holding 18+1@100']);
    expect(lines([tag(0, 'coil:0', { type: 'bool' }), tag(1, 'coil:257', { type: 'bool' })])).toHaveLength(1);
    expect(lines([tag(0, 'coil:0', { type: 'bool' }), tag(1, 'coil:258', { type: 'bool' })])).toHaveLength(2);
  });

  test('no value is torn over two requests', () => {
    const floats = Array.from({ length: 63 }, (_, i) => tag(i, `holding:${i * 2}`, { type: 'float32' }));
    const requests = plan(floats, LIMITS).requests;
    expect(requests).toHaveLength(2);
    for (const { start, quantity } of requests) expect([start % 2, quantity % 2]).toEqual([0, 0]);
  });

  test('units, tables and poll intervals have requests of their own', () => {
    expect(
      lines([
        tag(0, 'holding:0'),
        tag(1, 'holding:1', { unitId: 2 }),
        tag(2, 'input:1'),
        tag(3, 'holding:1', { poll: 1_000 }),
        tag(4, 'holding:2'),
      ]),
    ).toEqual(['1 holding 0+3@100', '2 holding 1+1@100', '1 input 1+1@100', '1 holding 1+1@1000']);
  });

  test('bits of a register, and the register itself, are read once', () => {
    const tags = [0, 3, 15].map((bit) => tag(bit, `holding:25.${bit}`, { type: 'bool' }));
    const { requests } = plan([...tags, tag(99, 'holding:25')], LIMITS);
    expect(requests.map(line)).toEqual(['1 holding 25+1@100']);
    expect([...requests[0]!.tag]).toEqual([0, 3, 15, 99]);
  });

  test('the same requests, and the fewest registers: the wider hole is left out', () => {
    // 0..99, 105..114 and 130..229 need two requests; 105..114 goes where the hole is narrower.
    const tags = [...uints(100), ...uints(10, 105), ...uints(100, 130)].map((each, index) => ({ ...each, index }));
    expect(lines(tags)).toEqual(['1 holding 0+115@100', '1 holding 130+100@100']);
  });

  test('what cannot be read is set aside with a reason', () => {
    const { requests, impossible } = plan(
      [
        tag(0, 'holding:65535', { type: 'float32' }),
        tag(1, 'holding:0', { type: 'string(251)' }),
        tag(2, 'coil:3'),
        tag(3, 'holding:65535'),
      ],
      LIMITS,
    );
    expect(requests.map(line)).toEqual(['1 holding 65535+1@100']);
    expect(impossible).toEqual(
      new Map([
        [0, 'float32 at 65535 runs past the last address, 65535'],
        [1, 'string(251) fills 126 registers, and one request may read 125'],
        [2, 'a coil is one bit and cannot be read as uint16; its type is bool'],
      ]),
    );
  });

  test('a value too far from its exponent for one request is set aside, and its neighbours are not', () => {
    const tags = [tag(0, 'holding:5'), tag(1, 'holding:10', { exponent: 40 }), tag(2, 'holding:50')];
    const { requests, impossible } = plan(tags, { maxRegisters: 10, maxGap: 16 });
    expect(requests.map(line)).toEqual(['1 holding 5+1@100', '1 holding 50+1@100']);
    expect(impossible).toEqual(
      new Map([[1, 'uint16 and its exponent take a request of 31 registers, and one may read 10']]),
    );
    const last = plan([tag(0, 'holding:65530', { exponent: 65_536 })], LIMITS);
    expect(last.impossible).toEqual(new Map([[0, 'uint16 at 65530 runs past the last address, 65535']]));
  });

  test('refused cells and walls are planned around', () => {
    const tags = uints(10);
    const group = plan(tags, LIMITS).groups[0]!;
    const refused = new Set([group.cells[4]!]);
    expect(requestsOf(group, LIMITS, { refused, walls: new Set([8]) }).map(line)).toEqual([
      '1 holding 0+4@100',
      '1 holding 5+3@100',
      '1 holding 8+2@100',
    ]);
  });
});

const TYPES = ['uint16', 'float32', 'float64', 'string(9)', 'string(30)'] as const;
const REGISTERS: Record<(typeof TYPES)[number], number> = {
  uint16: 1,
  float32: 2,
  float64: 4,
  'string(9)': 5,
  'string(30)': 15,
};

const anyTags = (most: number, addresses: number) =>
  fc
    .array(fc.record({ at: fc.nat(addresses), type: fc.constantFrom(...TYPES), unit: fc.constantFrom(1, 1, 1, 2) }), {
      minLength: 1,
      maxLength: most,
    })
    .map((list) => list.map(({ at, type, unit }, i) => tag(1_000 + i, `holding:${at}`, { type, unitId: unit })));

const anyLimits = fc.record({ maxRegisters: fc.integer({ min: 15, max: 40 }), maxGap: fc.nat(10) });

describe('for every mapping', () => {
  test('each tag is cut out of exactly one request, whole and at its place', () => {
    fc.assert(
      fc.property(anyTags(60, 300), anyLimits, (tags, limits) => {
        const seen = new Map<number, number>();
        for (const request of plan(tags, limits).requests) {
          for (const [i, slot] of request.slot.entries()) {
            const each = tags[slot]!;
            seen.set(slot, (seen.get(slot) ?? 0) + 1);
            expect(request.tag[i]).toBe(each.index);
            expect(request.group.unit).toBe(each.unitId);
            expect(request.start + request.place[i]! / 2).toBe(each.address.offset);
            const end = each.address.offset + REGISTERS[each.type as (typeof TYPES)[number]];
            expect(end).toBeLessThanOrEqual(request.start + request.quantity);
          }
        }
        expect([...seen.values()]).toEqual(tags.map(() => 1));
      }),
    );
  });

  test('no limit is broken', () => {
    fc.assert(
      fc.property(anyTags(60, 300), anyLimits, (tags, limits) => {
        for (const { cells, start, quantity } of plan(tags, limits).requests) {
          expect(quantity).toBeGreaterThan(0);
          expect(quantity).toBeLessThanOrEqual(limits.maxRegisters);
          expect(widestHole(cells)).toBeLessThanOrEqual(limits.maxGap);
          expect(cells[0]!.start).toBe(start);
        }
      }),
    );
  });

  test('nobody finds a plan with fewer requests, or with as many and fewer registers', () => {
    fc.assert(
      fc.property(anyTags(7, 60), anyLimits, (tags, limits) => {
        const { groups } = plan(tags, limits);
        for (const group of groups) {
          const requests = requestsOf(group, limits, NO_OBSTACLES);
          const registers = requests.reduce((sum, { quantity }) => sum + quantity, 0);
          expect([requests.length, registers]).toEqual(cheapest(group.cells, limits));
        }
      }),
      { numRuns: 300 },
    );
  });
});

function widestHole(cells: readonly Cell[]): number {
  let end = cells[0]!.end;
  let widest = 0;
  for (const cell of [...cells].sort((a, b) => a.start - b.start)) {
    widest = Math.max(widest, cell.start - end);
    end = Math.max(end, cell.end);
  }
  return widest;
}

/** Tries every way to share cells out among requests; not only neighbours. */
function cheapest(cells: readonly Cell[], limits: Limits): [requests: number, registers: number] {
  let best: [number, number] = [Number.POSITIVE_INFINITY, 0];
  const shares: Cell[][] = [];
  const go = (i: number) => {
    const cell = cells[i];
    if (!cell) {
      let registers = 0;
      for (const share of shares) {
        const span = Math.max(...share.map(({ end }) => end)) - Math.min(...share.map(({ start }) => start));
        if (span > limits.maxRegisters || widestHole(share) > limits.maxGap) return;
        registers += span;
      }
      if (shares.length < best[0] || (shares.length === best[0] && registers < best[1])) {
        best = [shares.length, registers];
      }
      return;
    }
    for (const share of shares) {
      share.push(cell);
      go(i + 1);
      share.pop();
    }
    shares.push([cell]);
    go(i + 1);
    shares.pop();
  };
  go(0);
  return best;
}
