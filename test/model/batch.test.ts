import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchBuilder, bytesOf, entries, gapBatch, Kind, slice } from '../../agent/src/model/batch.ts';
import { batchOf, gap, reading, readingsOf, withoutKind } from './readings.ts';

test('a builder gives back every reading and gap in their order, whatever the capacity', () => {
  fc.assert(
    fc.property(
      fc.array(reading, { maxLength: 200 }),
      fc.array(gap, { maxLength: 3 }),
      fc.nat(100),
      (rs, gaps, size) => {
        const builder = new BatchBuilder(size);
        for (const { tag, time, status, value, float32 } of rs) builder.add(tag, time, status, value, float32);
        for (const one of gaps) builder.gap(one);
        expect(builder.count).toBe(rs.length);
        const batch = builder.take();
        expect(readingsOf(batch)).toEqual(rs.map(withoutKind));
        expect(batch.gaps).toEqual(gaps);
        expect(entries(batch)).toBe(rs.length + gaps.length);
        for (const column of [batch.tag, batch.time, batch.status, batch.kind, batch.number])
          expect(column.length).toBeGreaterThanOrEqual(batch.count);
      },
    ),
    { numRuns: 60 },
  );
});

test('a builder that was taken from starts anew and shares nothing with what it gave', () => {
  const builder = new BatchBuilder(1);
  builder.add(1, 10, 0, 'first');
  const first = builder.take();
  expect([builder.count, entries(builder.take())]).toEqual([0, 0]);
  builder.add(2, 20, 0, 'second');
  const second = builder.take();
  expect(readingsOf(first)).toEqual([{ tag: 1, time: 10, status: 0, value: 'first' }]);
  expect(readingsOf(second)).toEqual([{ tag: 2, time: 20, status: 0, value: 'second' }]);
  expect(first.tag.buffer).not.toBe(second.tag.buffer);
});

test('the parts of a sliced batch together are the batch', () => {
  fc.assert(
    fc.property(
      fc.array(reading, { maxLength: 40 }),
      fc.array(gap, { maxLength: 4 }),
      fc.array(fc.nat(44), { maxLength: 4 }),
      (rs, gaps, cuts) => {
        const batch = batchOf(rs, gaps);
        const total = entries(batch);
        const ends = [...new Set([0, ...cuts.filter((cut) => cut < total), total])].sort((a, b) => a - b);
        const parts = ends.slice(1).map((end, i) => slice(batch, ends[i]!, end));
        expect(parts.map(entries)).toEqual(ends.slice(1).map((end, i) => end - ends[i]!));
        expect(parts.flatMap(readingsOf)).toEqual(rs.map(withoutKind));
        expect(parts.flatMap((part) => part.gaps)).toEqual(gaps);
      },
    ),
    { numRuns: 100 },
  );
});

test('a copied reading is the same reading under another tag', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 20 }), fc.nat(1000), (rs, tag) => {
      const from = batchOf(rs);
      const builder = new BatchBuilder(1);
      builder.add(9, 9, 0, 'something before');
      for (let i = 0; i < from.count; i++) builder.copy(from, i, tag);
      const copied = builder.take();
      expect(readingsOf(copied).slice(1)).toEqual(rs.map((r) => ({ ...withoutKind(r), tag })));
      expect([...copied.kind.subarray(1, copied.count)]).toEqual([...from.kind.subarray(0, from.count)]);
    }),
    { numRuns: 60 },
  );
});

test('a 32-bit float is remembered as one', () => {
  const batch = batchOf([
    { tag: 0, time: 0, status: 0, value: Math.fround(12.31), float32: true },
    { tag: 0, time: 0, status: 0, value: 12.31, float32: false },
  ]);
  expect([...batch.kind.subarray(0, 2)]).toEqual([Kind.Float32, Kind.Number]);
});

test('a batch of gaps alone has entries and no readings', () => {
  const batch = gapBatch([{ reason: 'source-down', from: 0, to: null }]);
  expect([batch.count, entries(batch)]).toEqual([0, 1]);
});

test('large values weigh what they hold, so that memory that waits is bounded by what it is', () => {
  const weight = (value: Parameters<BatchBuilder['add']>[3]) =>
    bytesOf(batchOf([{ tag: 0, time: 0, status: 0, value, float32: false }]));
  const one = weight(1);
  expect(weight('x'.repeat(100_000)) - one).toBeGreaterThan(100_000);
  expect(weight(Array.from({ length: 10_000 }, () => 1.5)) - one).toBeGreaterThan(80_000);
  expect(weight([Array.from({ length: 10_000 }, () => 'y')]) - one).toBeGreaterThan(80_000);
});
