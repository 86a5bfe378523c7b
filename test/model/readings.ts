// Readings for property tests: everything a batch can hold, the odd ones often.

import fc from 'fast-check';
import type { Numbered } from '../../agent/src/delivery/queue.ts';
import { type Batch, BatchBuilder, entries, type Value, valueAt } from '../../agent/src/model/batch.ts';
import type { Gap, GapReason } from '../../agent/src/model/gap.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { fromMillis } from '../../agent/src/model/time.ts';

export interface Reading {
  readonly tag: number;
  readonly time: number;
  readonly status: number;
  readonly value: Value;
  readonly float32: boolean;
}

const START = fromMillis(Date.UTC(2026, 10, 22));
const float32 = fc.float().map((value) => ({ value, float32: true }));
const plain = (value: fc.Arbitrary<Value>) => value.map((value) => ({ value, float32: false }));

const { nested } = fc.letrec<{ nested: Value }>((tie) => ({
  nested: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'nested' },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.array(tie('nested'), { maxLength: 4, depthIdentifier: 'nested' }),
    fc.dictionary(fc.string(), tie('nested'), { maxKeys: 3, noNullPrototype: true, depthIdentifier: 'nested' }),
  ),
}));

const value = fc.oneof(
  plain(fc.constant(null)),
  plain(fc.boolean()),
  plain(fc.double()),
  plain(fc.constantFrom(-0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER)),
  float32,
  plain(nested),
);

const time = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 10_000 }).map((ms) => START + ms * 10_000) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: fromMillis(Date.UTC(1991, 6, 1)), max: fromMillis(Date.UTC(2048, 6, 1)) }),
  },
  // What servers send that never set their clock: 1601, 1970, 9999.
  {
    weight: 1,
    arbitrary: fc.constantFrom(fromMillis(-11_644_473_600_000), fromMillis(0), fromMillis(253_402_300_799_999)),
  },
);

export const reading: fc.Arbitrary<Reading> = fc
  .record({
    tag: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 0xffffffff })),
    time,
    status: fc.oneof(fc.constant(0), fc.constantFrom(...Object.values(StatusCode)), fc.nat({ max: 0xffffffff })),
    held: value,
  })
  .map(({ held, ...rest }) => ({ ...rest, ...held }));

export const gap: fc.Arbitrary<Gap> = fc.record(
  {
    reason: fc.constantFrom<GapReason>('source-down', 'gateway-down', 'source-overflow', 'store-overload', 'too-large'),
    from: time,
    to: fc.option(time),
    source: fc.string(),
    tags: fc.array(fc.string(), { maxLength: 3 }),
    count: fc.nat(),
    range: fc.record({ epoch: fc.string(), first: fc.nat(), last: fc.nat() }, { noNullPrototype: true }),
  },
  { requiredKeys: ['reason', 'from', 'to'], noNullPrototype: true },
);

export function batchOf(readings: readonly Reading[], gaps: readonly Gap[] = []): Batch {
  const builder = new BatchBuilder();
  for (const { tag, time, status, value, float32 } of readings) builder.add(tag, time, status, value, float32);
  for (const one of gaps) builder.gap(one);
  return builder.take();
}

/** The readings of a batch, to compare with what was put in. */
export function readingsOf(batch: Batch): Omit<Reading, 'float32'>[] {
  return Array.from({ length: batch.count }, (_, i) => ({
    tag: batch.tag[i]!,
    time: batch.time[i]!,
    status: batch.status[i]!,
    value: valueAt(batch, i),
  }));
}

export const withoutKind = ({ tag, time, status, value }: Reading) => ({ tag, time, status, value });

/** Consecutive parts, as the forwarder hands them to a format. */
export const numbered: fc.Arbitrary<Numbered[]> = fc
  .tuple(
    fc.array(fc.tuple(fc.array(reading, { maxLength: 20 }), fc.array(gap, { maxLength: 2 })), { maxLength: 4 }),
    fc.nat(2 ** 40),
  )
  .map(([made, first]) => {
    let next = first;
    return made.map(([readings, gaps]) => {
      const batch = batchOf(readings, gaps);
      const part = { first: next, batch };
      next += entries(batch);
      return part;
    });
  });
