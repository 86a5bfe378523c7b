// Readings whose every bit follows from one number, so that whoever finds one knows what it must be: tag, time,
// status and value of reading `n`. All kinds of values occur, now and then one larger than a page of the file.

import { isDeepStrictEqual } from 'node:util';
import type { StoredTag } from '../../agent/src/buffer/dictionary.ts';
import { type Batch, BatchBuilder, type Value, valueAt } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import type { Tag } from '../../agent/src/model/tag.ts';
import { fromMillis, type Timestamp } from '../../agent/src/model/time.ts';

const START = fromMillis(Date.UTC(2026, 10, 22));
/** Apart by more than a millisecond, so that the time column is kept in ticks. */
const STEP = 12_345;

/** What plants write that were not built in ASCII, one name in two forms of Unicode, and one that is long. */
const NAMES = ['Füllstand-1', 'Fu\u0308llstand-1', '流量計-20🛢', `${'x'.repeat(300)}.PV`];

export const TAGS: readonly Tag[] = Array.from({ length: 10 }, (_, index) => ({
  index,
  name: NAMES[index - 5] ?? `20TI${100 + index}.PV`,
  source: 'cdu1-dcs',
  priority: index === 9 ? 'high' : 'normal',
}));

/** Which of TAGS reading `n` is of. */
export const tagOf = (n: number) => (n * 7) % TAGS.length;
export const timeOf = (n: number): Timestamp => START + n * STEP;
const statusOf = (n: number) => (n % 50 === 0 ? StatusCode.BadNoCommunication : StatusCode.Good);

/** Each so-manieth reading is a text of 12 kB that does not compress. */
const BULKY = 97;
/** The first such reading from `n` on. */
export const bulkyFrom = (n: number) => Math.ceil(n / BULKY) * BULKY;

function contentOf(n: number): Value {
  if (n % BULKY === 0) return noise(n, 12_000);
  switch (n % 11) {
    case 0:
      return `batch ${n}`;
    case 1:
      return n % 2 === 0;
    case 2:
      return BigInt(n) * 2n ** 40n;
    case 3:
      return null;
    case 4:
      return [n, `${n}`];
    case 5:
      return ODD[n % ODD.length] as Value;
    case 6:
      return { charge: `ź-${n} 🛢`, parts: [n, null, { deep: BigInt(n) }] };
    default:
      return isSingle(n) ? Math.fround(hash(n) / 7) : hash(n) / 7;
  }
}

/** Where a number is no number, or not the one that `===` takes it for. */
const ODD: readonly number[] = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.MIN_VALUE, Number.MAX_VALUE];
const isSingle = (n: number) => n % 11 === 7;

/** Readings `from` to `to`, both included. @param ids what to write as the tag of each of TAGS */
export function batchOf(from: number, to: number, ids: readonly number[]): Batch {
  const builder = new BatchBuilder(to - from + 1);
  for (let n = from; n <= to; n++)
    builder.add(ids[tagOf(n)] as number, timeOf(n), statusOf(n), contentOf(n), isSingle(n));
  return builder.take();
}

/** The reading that has this time. */
export function numberAt(time: Timestamp): number {
  return (time - START) / STEP;
}

/** The number of reading `i` of a batch, as its time says. */
export function numberOf(batch: Batch, i: number): number {
  return numberAt(batch.time[i] as number);
}

/** What is wrong with the readings of a batch that says it begins with reading `from`; undefined when nothing is. */
export function flawOf(batch: Batch, from: number, nameOf: (id: number) => StoredTag): string | undefined {
  for (let i = 0; i < batch.count; i++) {
    const n = from + i;
    if (numberOf(batch, i) !== n) return `reading ${n} has the time of ${numberOf(batch, i)}`;
    if (nameOf(batch.tag[i] as number).name !== TAGS[tagOf(n)]?.name) return `reading ${n} has another tag`;
    if (batch.status[i] !== statusOf(n)) return `reading ${n} has another status`;
    if (!same(valueAt(batch, i), contentOf(n))) return `reading ${n} has another value`;
  }
  return undefined;
}

const same = (a: Value, b: Value) => Object.is(a, b) || isDeepStrictEqual(a, b);

function hash(n: number): number {
  const h = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  return Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ (h >>> 16);
}

/** Text that does not compress. */
function noise(seed: number, length: number): string {
  const bytes = Buffer.alloc(length);
  let state = hash(seed) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = 33 + ((state >>> 16) % 94);
  }
  return bytes.toString('latin1');
}
