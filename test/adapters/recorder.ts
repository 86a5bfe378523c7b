// A sink that remembers: what a test asserts about an adapter's readings. It copies every batch on arrival and
// keeps the original too, so that an adapter which goes on writing into a delivered batch is caught.

import type { Sink, TagFacts } from '../../agent/src/adapters/adapter.ts';
import { type Batch, Kind, type Value, valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { isBad, statusName } from '../../agent/src/model/status.ts';
import type { Timestamp } from '../../agent/src/model/time.ts';

export interface Reading {
  readonly tag: number;
  readonly time: Timestamp;
  readonly status: number;
  readonly kind: number;
  readonly value: Value;
}

export interface Recorder extends Sink {
  readonly readings: readonly Reading[];
  readonly batches: readonly Batch[];
  readonly gaps: readonly Omit<Gap, 'source'>[];
  readonly facts: ReadonlyMap<number, TagFacts>;
  /** How often `ready` was called. */
  readonly readies: number;
  /** What `ready` was told each time. */
  readonly wholes: readonly boolean[];
  /** What was granted last. */
  readonly grants: Readonly<Record<string, number>>;
  /** What was reported last. */
  readonly parts: ReadonlyMap<string, string>;
  /** All readings of one tag, oldest first. */
  of(tag: number): readonly Reading[];
  last(tag: number): Reading | undefined;
  /** What is wrong with the batches as a whole: broken columns, a value next to a Bad status, a batch changed later. */
  faults(): readonly string[];
}

export function recorder(): Recorder {
  const readings: Reading[] = [];
  const byTag = new Map<number, Reading[]>();
  const batches: Batch[] = [];
  const firstOf: number[] = [];
  const gaps: Omit<Gap, 'source'>[] = [];
  const facts = new Map<number, TagFacts>();
  let readies = 0;
  const wholes: boolean[] = [];
  let grants: Readonly<Record<string, number>> = {};
  let parts: ReadonlyMap<string, string> = new Map();

  return {
    readings,
    batches,
    gaps,
    facts,
    get readies() {
      return readies;
    },
    ready(whole) {
      readies++;
      wholes.push(whole ?? false);
      return undefined;
    },
    wholes,
    granted(told) {
      grants = told;
    },
    get grants() {
      return grants;
    },
    get parts() {
      return parts;
    },
    of: (tag) => byTag.get(tag) ?? [],
    last: (tag) => byTag.get(tag)?.at(-1),
    deliver(batch) {
      firstOf.push(readings.length);
      batches.push(batch);
      for (let i = 0; i < batch.count; i++) {
        const reading = readingAt(batch, i);
        readings.push(reading);
        const known = byTag.get(reading.tag);
        if (known) known.push(reading);
        else byTag.set(reading.tag, [reading]);
      }
    },
    describe(tag, told) {
      facts.set(tag, told);
    },
    gap(gap) {
      gaps.push(gap);
    },
    trouble(told) {
      parts = new Map(told);
    },
    faults() {
      return batches.flatMap((batch, n) => faultsOf(batch, readings.slice(firstOf[n]), n));
    },
  };
}

function readingAt(batch: Batch, i: number): Reading {
  return {
    tag: batch.tag[i]!,
    time: batch.time[i]!,
    status: batch.status[i]!,
    kind: batch.kind[i]!,
    value: valueAt(batch, i),
  };
}

function faultsOf(batch: Batch, copies: readonly Reading[], n: number): string[] {
  const faults: string[] = [];
  if (batch.count === 0 && batch.gaps.length === 0) faults.push(`batch ${n} is empty`);
  for (const column of ['tag', 'time', 'status', 'kind', 'number'] as const) {
    if (batch[column].length < batch.count) faults.push(`batch ${n}: column ${column} is shorter than its count`);
  }
  for (let i = 0; i < batch.count; i++) {
    const reading = readingAt(batch, i);
    const name = `batch ${n}, reading ${i} of tag ${reading.tag} (${statusName(reading.status)})`;
    const copy = copies[i]!;
    const same =
      reading.tag === copy.tag &&
      reading.time === copy.time &&
      reading.status === copy.status &&
      Object.is(reading.value, copy.value);
    if (!same) faults.push(`${name} was changed after its delivery`);
    if (!Number.isFinite(reading.time)) faults.push(`${name} has no time`);
    if (isBad(reading.status) && reading.value !== null) faults.push(`${name} has a value`);
    if (reading.kind > Kind.Other) faults.push(`${name} has the unknown kind ${reading.kind}`);
  }
  return faults;
}
