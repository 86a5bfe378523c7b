// B2, B4, B6 and B8 against a simple model: any combination of append, split, next, ack, giving up, replay, restart
// and power cut hands out every entry, each once in the life of a process and once more for each replay, under the
// number it was given first.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import type { Stream } from '../../agent/src/model/stream.ts';
import { scratch } from '../support/scratch.ts';
import { type Entry, entriesOf, part, timeOf } from './parts.ts';

type Action =
  | { readonly do: 'append'; readonly counts: readonly number[]; readonly high: boolean; readonly past: boolean }
  | { readonly do: 'next'; readonly lane: Stream; readonly limit: number }
  | { readonly do: 'ack' | 'giveUp'; readonly which: number; readonly skip: number; readonly length: number }
  | { readonly do: 'replay'; readonly from: number; readonly length: number }
  | { readonly do: 'split' | 'tidy' | 'restart' | 'powerCut' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      counts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
      high: fc.boolean(),
      past: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('next' as const),
      lane: fc.constantFrom<Stream>('live', 'backfill'),
      limit: fc.integer({ min: 1, max: 15 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('ack' as const, 'ack' as const, 'ack' as const, 'giveUp' as const),
      which: fc.nat(),
      skip: fc.nat(4),
      length: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('split' as const, 'tidy' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('replay' as const), from: fc.nat(100), length: fc.nat(50) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'powerCut' as const) }) },
);

const SIZE = 100 * 1024 * 1024;
const KEEP = { keepDelivered: 3_600_000 };
let performed = 0;
let replayed = 0;

class Model {
  readonly #folder: string;
  #files = 0;
  #path: string;
  buffer: Buffer;
  readonly #abandoned: Buffer[] = [];
  readonly #epoch: string;
  #nextValue = 1;
  /** Values that were committed for the backfill lane. */
  readonly #past = new Set<number>();
  /** What every number was seen to hold, over all lives. */
  readonly #seen = new Map<number, string>();
  /** Handed out in this life, and not acknowledged. */
  #held = new Map<number, Entry>();
  #handed = new Set<number>();
  readonly #done = new Set<number>();
  readonly #givenUp = new Set<number>();
  /** Delivered in this life before a replay, which may have brought them back; and how many readings it has. */
  #again = new Set<number>();
  /** Given up in this life: with their segment they leave the file. */
  #forgone = new Set<number>();
  #replayed = 0;
  #cameBack = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, 'buffer-0.db');
    this.buffer = openBuffer(this.#path, SIZE, KEEP);
    this.#epoch = this.buffer.epoch;
  }

  perform(one: Action): void {
    performed++;
    switch (one.do) {
      case 'append':
        this.buffer.append(
          one.counts.map((count, i) => {
            // Some parts of a commit are of the past, some of now.
            const stream = one.past && i % 2 === 0 ? 'backfill' : 'live';
            const made = part(this.#nextValue, count, one.high ? 'high' : 'normal', stream);
            if (stream === 'backfill') for (let k = 0; k < count; k++) this.#past.add(this.#nextValue + k);
            this.#nextValue += count;
            return made;
          }),
        );
        return;
      case 'next':
        this.#take(one.lane, one.limit);
        return;
      case 'ack':
      case 'giveUp': {
        const seqs = [...this.#held.keys()].sort((a, b) => a - b);
        if (seqs.length === 0) return;
        const first = seqs[one.which % seqs.length]! + 0;
        let last = first;
        while (last - first + 1 < one.length && this.#held.has(last + 1)) last++;
        this.#finish(one.do, first, last);
        return;
      }
      case 'restart':
        this.buffer.close();
        this.#reopen(this.#path);
        return;
      case 'powerCut': {
        const copy = join(this.#folder, `buffer-${++this.#files}.db`);
        for (const suffix of ['', '-wal', '-head'])
          if (existsSync(this.#path + suffix)) copyFileSync(this.#path + suffix, copy + suffix);
        this.#abandoned.push(this.buffer);
        this.#reopen(copy);
        return;
      }
      case 'replay':
        this.#replay(one.from, one.from + one.length);
        return;
      case 'split':
        this.buffer.split();
        return;
      case 'tidy':
        this.buffer.tidy(false);
    }
  }

  #take(lane: Stream, limit: number): void {
    const waiting = this.buffer.waiting(lane);
    const segments = this.buffer.next(lane, limit);
    const entries = entriesOf(segments);
    expect(this.buffer.waiting(lane)).toBeLessThanOrEqual(waiting - entries.length);
    let expected = entries[0]?.seq;
    for (const entry of entries) {
      const { seq } = entry;
      expect(seq, 'entries follow each other').toBe(expected);
      expected = seq + 1;
      expect(this.#handed.has(seq), `${seq} is handed out once`).toBe(false);
      if (lane === 'live') expect(this.#past.has(entry.value as number), `${seq} is of the past`).toBe(false);
      this.#handed.add(seq);
      if (this.#again.delete(seq) && entry.gap === undefined) this.#cameBack++;
      expect(this.#cameBack, 'nothing comes back by itself').toBeLessThanOrEqual(this.#replayed);
      this.#held.set(seq, entry);
      const content = JSON.stringify(entry);
      expect(this.#seen.get(seq) ?? content, `${seq} holds what it always held`).toBe(content);
      this.#seen.set(seq, content);
    }
  }

  #finish(how: 'ack' | 'giveUp', first: number, last: number): void {
    let readings = 0;
    for (let seq = first; seq <= last; seq++) {
      if (this.#held.get(seq)?.gap === undefined) readings++;
      this.#held.delete(seq);
      this.#done.add(seq);
      if (how !== 'giveUp') continue;
      this.#givenUp.add(seq);
      this.#forgone.add(seq);
    }
    if (how === 'ack') this.buffer.ack(first, last, readings);
    else this.buffer.giveUp('too-large', first, last, readings);
    // Only what is on disk survives a power cut; the test of what was given up needs it to.
    if (how === 'giveUp') this.buffer.tidy(false);
  }

  #replay(from: number, to: number): void {
    const readings = this.buffer.replay(timeOf(from), timeOf(to));
    expect(this.buffer.replay(timeOf(from), timeOf(to)), 'once').toBe(0);
    this.#replayed += readings;
    replayed += readings;
    if (readings === 0) return;
    for (const seq of this.#done) {
      if (this.#forgone.has(seq) || !this.#handed.delete(seq)) continue;
      this.#again.add(seq);
    }
  }

  #reopen(path: string): void {
    this.#path = path;
    this.buffer = openBuffer(path, SIZE, KEEP);
    this.#held = new Map();
    this.#handed = new Set();
    this.#again = new Set();
    this.#forgone = new Set();
    this.#replayed = 0;
    this.#cameBack = 0;
    expect(this.buffer.epoch).toBe(this.#epoch);
  }

  /** Takes everything: nothing may be missing, whatever happened before. */
  check(): void {
    for (const lane of ['live', 'backfill'] as const) while (this.buffer.waiting(lane) > 0) this.#take(lane, 10);
    const numbers = new Set([...this.#seen.keys(), ...this.#done]);
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: numbers.size }, (_, i) => i + 1));
    const entries = [...this.#seen.values()].map((text) => JSON.parse(text) as Entry);
    const values = entries.flatMap((entry) => (typeof entry.value === 'number' ? [entry.value] : []));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: this.#nextValue - 1 }, (_, i) => i + 1));
    for (const seq of numbers) expect(this.#done.has(seq) || this.#handed.has(seq), `${seq} is kept`).toBe(true);
    const told = new Set<number>();
    for (const { gap } of entries)
      for (let seq = gap?.range?.first ?? 1; seq <= (gap?.range?.last ?? 0); seq++) told.add(seq);
    expect(
      [...told].sort((a, b) => a - b),
      'gap records name what was given up',
    ).toEqual([...this.#givenUp].sort((a, b) => a - b));
  }

  end(): void {
    for (const buffer of [this.buffer, ...this.#abandoned]) buffer.close();
  }
}

test('every entry is handed out, once, under one number, whatever happens in between', { timeout: 120_000 }, () => {
  const folder = scratch();
  let runs = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 60, maxLength: 200, size: 'max' }), (actions) => {
      const model = new Model(join(folder, String(++runs)));
      try {
        for (const one of actions) model.perform(one);
        model.check();
      } finally {
        model.end();
      }
    }),
    { numRuns: 50, endOnFailure: true },
  );
  expect(performed).toBeGreaterThan(5_000);
  expect(replayed).toBeGreaterThan(100);
});
