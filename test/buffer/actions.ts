// What can happen to a buffer, as fast-check makes it up and shrinks it.

import fc from 'fast-check';
import type { Stream } from '../../agent/src/model/stream.ts';
import type { Crash, Setup } from './subject.ts';

const MB = 1024 * 1024;

export interface PartPlan {
  readonly count: number;
  readonly gaps: number;
  readonly high: boolean;
  readonly past: boolean;
  /** Its readings do not compress. */
  readonly bulky?: boolean;
}

/** Places and lengths are shares from 0 to 1 of what is there. */
export interface DamagePlan {
  readonly file: 'database' | 'WAL' | 'stamp';
  readonly how: 'flip' | 'zero' | 'cut' | 'remove';
  readonly place: number;
  readonly bit: number;
  /** How the file was left before; `closed` in order. */
  readonly end: 'closed' | 'killed' | 'power cut';
}

export type Action =
  | { readonly do: 'append'; readonly parts: readonly PartPlan[] }
  | { readonly do: 'fill'; readonly high: boolean }
  | { readonly do: 'next'; readonly lane: Stream; readonly limit: number }
  | {
      readonly do: 'ack';
      readonly which: number;
      readonly skip: number;
      readonly length: number;
      readonly twice: boolean;
    }
  | { readonly do: 'ackNothing'; readonly what: 'waiting' | 'gone' | 'ahead'; readonly which: number }
  | { readonly do: 'giveUp'; readonly which: number; readonly skip: number; readonly length: number }
  | { readonly do: 'replay'; readonly from: number; readonly length: number }
  | { readonly do: 'tidy'; readonly idle: boolean }
  | { readonly do: 'split' }
  | { readonly do: 'define'; readonly more: number }
  | { readonly do: 'pass' | 'step'; readonly ms: number }
  | { readonly do: 'restart'; readonly reboot: boolean }
  | ({ readonly do: 'crash' } & Crash)
  | ({ readonly do: 'torn'; readonly parts: readonly PartPlan[]; readonly share: number } & Crash)
  | { readonly do: 'fullDisk'; readonly parts: readonly PartPlan[] }
  | ({ readonly do: 'damage' } & DamagePlan);

/** Without `__proto__: null` in what is printed. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true });
const share = fc.nat(999).map((thousandths) => thousandths / 1_000);
const part: fc.Arbitrary<PartPlan> = record({
  count: fc.oneof({ weight: 20, arbitrary: fc.nat(30) }, { weight: 1, arbitrary: fc.integer({ min: 100, max: 400 }) }),
  gaps: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(3)),
  high: fc.boolean(),
  past: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.boolean()),
}).map((plan) => (plan.count + plan.gaps === 0 ? { ...plan, count: 1 } : plan));
const parts = fc.array(part, { minLength: 1, maxLength: 4 });
const crash = { power: fc.boolean(), stale: fc.boolean() };
const span = { which: fc.nat(100), skip: fc.nat(20), length: fc.integer({ min: 1, max: 120 }) };
const is = <T extends string>(what: T) => fc.constant(what);

const weighed: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<Action>])[] = [
  [22, record({ do: is('append'), parts })],
  [5, record({ do: is('fill'), high: fc.boolean() })],
  [16, record({ do: is('next'), lane: fc.constantFrom('live', 'backfill'), limit: fc.integer({ min: 1, max: 300 }) })],
  // In order, as hubs acknowledge; and anyhow.
  [
    10,
    record({
      do: is('ack'),
      which: is0(),
      skip: is0(),
      length: fc.integer({ min: 1, max: 600 }),
      twice: fc.boolean(),
    }),
  ],
  [8, record({ do: is('ack'), ...span, twice: fc.boolean() })],
  [2, record({ do: is('ackNothing'), what: fc.constantFrom('waiting', 'gone', 'ahead'), which: fc.nat(100) })],
  [2, record({ do: is('giveUp'), ...span })],
  [8, record({ do: is('tidy'), idle: fc.boolean() })],
  [3, fc.constant({ do: 'split' })],
  [2, record({ do: is('define'), more: fc.nat(30) })],
  [2, record({ do: is('replay'), from: share, length: share })],
  [3, record({ do: is('pass'), ms: fc.nat(900_000) })],
  [2, record({ do: is('step'), ms: fc.integer({ min: -86_400_000, max: 86_400_000 }) })],
  [3, record({ do: is('restart'), reboot: fc.boolean() })],
  [4, record({ do: is('crash'), ...crash })],
  [3, record({ do: is('torn'), parts, share, ...crash })],
  [1, record({ do: is('fullDisk'), parts })],
  [
    1,
    record({
      do: is('damage'),
      file: fc.constantFrom('database', 'database', 'WAL', 'stamp'),
      how: fc.constantFrom('flip', 'flip', 'flip', 'zero', 'cut', 'remove'),
      place: share,
      bit: fc.nat(7),
      end: fc.constantFrom('closed', 'killed', 'power cut'),
    }),
  ],
];

function is0() {
  return fc.constant(0);
}

export const action: fc.Arbitrary<Action> = fc.oneof(...weighed.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** 16 MB of the size are the WAL's: the small one holds some hundred kB. */
export const setup: fc.Arbitrary<Setup> = record({
  maxSize: fc.constantFrom(16 * MB + 700 * 1024, 16 * MB + 1_500 * 1024, 24 * MB),
  keeps: fc.boolean(),
  maxAge: fc.constantFrom(undefined, undefined, 3_600_000),
});
