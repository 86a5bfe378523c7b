// Parts to append and what came back, for tests of the buffer. Every reading has a value of its own, so that a test
// knows which one it holds.

import type { Part, Segment } from '../../agent/src/buffer/buffer.ts';
import { BatchBuilder, valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import type { Stream } from '../../agent/src/model/stream.ts';
import type { Priority } from '../../agent/src/model/tag.ts';
import { fromMillis } from '../../agent/src/model/time.ts';

const START = fromMillis(Date.UTC(2026, 10, 22));

/** Readings with the values `from`, `from + 1`, … and the times that belong to them. */
export function part(from: number, count: number, priority: Priority = 'normal', stream?: Stream): Part {
  const builder = new BatchBuilder(count);
  for (let i = 0; i < count; i++) builder.add(1, timeOf(from + i), 0, from + i);
  return { priority, batch: builder.take(stream) };
}

/** Readings that do not compress: a string of about `bytes` random-looking characters in each. */
export function bulkyPart(from: number, count: number, bytes: number, priority: Priority = 'normal'): Part {
  const builder = new BatchBuilder(count);
  for (let i = 0; i < count; i++) builder.add(1, timeOf(from + i), 0, noise(from + i, bytes));
  return { priority, batch: builder.take() };
}

/** The time of the reading with this value. */
export function timeOf(value: number): number {
  return START + value * 10_000;
}

function noise(seed: number, bytes: number): string {
  const out = Buffer.alloc(bytes);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = 33 + ((state >>> 16) % 94);
  }
  return out.toString('latin1');
}

export interface Entry {
  readonly seq: number;
  readonly value?: unknown;
  readonly gap?: Gap;
}

/** The entries of segments, each with its number. */
export function entriesOf(segments: readonly Segment[]): Entry[] {
  return segments.flatMap(({ first, batch }) => [
    ...Array.from({ length: batch.count }, (_, i) => ({ seq: first + i, value: valueAt(batch, i) })),
    ...batch.gaps.map((gap, i) => ({ seq: first + batch.count + i, gap })),
  ]);
}
