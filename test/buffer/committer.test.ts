import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { openBuffer, type Part } from '../../agent/src/buffer/buffer.ts';
import { type CommitterOptions, committer, partition } from '../../agent/src/buffer/committer.ts';
import { type Batch, BatchBuilder, entries, gapBatch } from '../../agent/src/model/batch.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import type { Priority, Tag } from '../../agent/src/model/tag.ts';
import { batchOf, gap, reading, readingsOf, withoutKind } from '../model/readings.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { entriesOf } from './parts.ts';

const TAGS: Tag[] = [
  { index: 0, name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h', priority: 'normal' },
  { index: 1, name: '20P101.RUN', source: 'cdu1-dcs', priority: 'high' },
];

afterEach(() => vi.useRealTimers());

function batch(from: number, count: number, tag = 0): Batch {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++) builder.add(tag, from + i, 0, from + i);
  return builder.take();
}

/** A buffer's append with exact control: what it took, and whether it takes more. */
function controlled(options: Partial<CommitterOptions> = {}) {
  const taken: (readonly Part[])[] = [];
  const lines: string[] = [];
  const counted: number[] = [];
  const control: { fault: Fault | undefined } = { fault: undefined };
  const commits = committer({
    buffer: {
      append(parts) {
        if (control.fault) throw control.fault;
        taken.push(parts);
      },
      dictionary: { intern: (tags) => tags.map(({ index }) => index + 100), get: () => ({ name: '', source: '' }) },
    },
    interval: 100,
    committed: (batches) => counted.push(batches),
    log: (level, text) => lines.push(`${level}: ${text}`),
    ...options,
  });
  commits.define(TAGS);
  return { commits, taken, lines, counted, control };
}

test('batches of one interval become one commit, within the interval', () => {
  vi.useFakeTimers();
  const { commits, taken, counted } = controlled();
  commits.add(batch(1, 3));
  vi.advanceTimersByTime(60);
  commits.add(batch(4, 3));
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(40);
  expect(taken).toHaveLength(1);
  expect(counted).toEqual([2]);
  commits.add(batch(7, 1));
  vi.advanceTimersByTime(100);
  expect(taken).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(taken, 'nothing to commit, no commit').toHaveLength(2);
});

test('a large commit does not wait for the interval', () => {
  vi.useFakeTimers();
  const { commits, taken } = controlled();
  commits.add(batch(1, 49_999));
  expect(taken).toHaveLength(0);
  commits.add(batch(50_000, 1));
  expect(taken).toHaveLength(1);
});

test('a commit that fails keeps everything in order, tries again, and says so once', () => {
  vi.useFakeTimers();
  const { commits, taken, lines, counted, control } = controlled();
  control.fault = new Fault('buffer.full', 'the disk is full');
  commits.add(batch(1, 2));
  vi.advanceTimersByTime(100);
  commits.add(batch(3, 2));
  vi.advanceTimersByTime(5_000);
  expect([taken, counted]).toEqual([[], []]);
  expect(lines).toEqual(['error: the buffer cannot commit; readings wait in memory']);
  control.fault = undefined;
  vi.advanceTimersByTime(1_000);
  expect(counted).toEqual([2]);
  expect(taken[0]!.flatMap((part) => readingsOf(part.batch)).map((r) => r.value)).toEqual([1, 2, 3, 4]);
  expect(lines.at(-1)).toBe('info: the buffer takes readings again');
});

test('another reason for the failure is another line', () => {
  vi.useFakeTimers();
  const { commits, lines, control } = controlled();
  control.fault = new Fault('buffer.full', 'full');
  commits.add(batch(1, 1));
  vi.advanceTimersByTime(1_100);
  control.fault = new Fault('buffer.disk', 'EIO');
  vi.advanceTimersByTime(3_000);
  expect(lines).toHaveLength(2);
});

test('flush commits at once or throws, and then everything still waits', () => {
  vi.useFakeTimers();
  const { commits, taken, counted, control } = controlled();
  commits.add(batch(1, 1));
  commits.flush();
  expect(counted).toEqual([1]);
  control.fault = new Fault('buffer.disk', 'EIO');
  commits.add(batch(2, 1));
  expect(() => commits.flush()).toThrow(Fault);
  control.fault = undefined;
  commits.flush();
  expect(counted).toEqual([1, 1]);
  expect(taken).toHaveLength(2);
  commits.close();
});

test('partition loses nothing: tags become their numbers, high priority is apart, order within a tag stays', () => {
  const priorities: Priority[] = ['normal', 'high', 'normal'];
  const tagged = reading.map((r) => ({ ...r, tag: r.tag % 3 }));
  const batches = fc.array(fc.tuple(fc.array(tagged, { maxLength: 30 }), fc.array(gap, { maxLength: 2 })), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(batches, (made) => {
      const parts = partition(
        made.map(([rs, gaps]) => batchOf(rs, gaps)),
        [10, 11, 12],
        priorities,
      );
      const wanted = made.flatMap(([rs]) => rs.map((r) => ({ ...withoutKind(r), tag: r.tag + 10 })));
      for (const id of [10, 11, 12])
        expect(parts.flatMap((part) => readingsOf(part.batch)).filter((r) => r.tag === id)).toEqual(
          wanted.filter((r) => r.tag === id),
        );
      expect(parts.flatMap((part) => part.batch.gaps)).toEqual(made.flatMap(([, gaps]) => gaps));
      for (const { priority, batch } of parts) {
        expect(entries(batch)).toBeGreaterThan(0);
        for (const { tag } of readingsOf(batch)) expect(priorities[tag - 10]).toBe(priority);
      }
    }),
    { numRuns: 100 },
  );
});

test('segments are bounded in readings, and in bytes when values are large', () => {
  const many = partition([batch(1, 10_000)], [0], ['normal']);
  expect(many.map((part) => part.batch.count)).toEqual([4_096, 4_096, 1_808]);
  const large = new BatchBuilder();
  for (let i = 0; i < 100; i++) large.add(0, i, 0, 'x'.repeat(1_000_000));
  expect(partition([large.take()], [0], ['normal']).length).toBeGreaterThan(10);
});

test('through the real buffer: tags keep their names, and gap records are numbered with the readings', async () => {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, 200 * 1024 * 1024);
  let committed = 0;
  const commits = committer({ buffer, interval: 20, committed: (n) => (committed += n), log: () => {} });
  commits.define(TAGS);
  commits.add(batch(1, 2, 0));
  commits.add(batch(3, 1, 1));
  commits.add(gapBatch([{ reason: 'source-down', source: 'cdu1-dcs', from: 1, to: null }]));
  await until('the commit', () => committed === 3);
  const segments = buffer.next('live', 100);
  expect(entriesOf(segments).map((entry) => entry.seq)).toEqual([1, 2, 3, 4]);
  const names = segments.flatMap(({ batch }) => readingsOf(batch).map((r) => buffer.dictionary.get(r.tag)));
  expect(names).toEqual([
    { name: '20P101.RUN', source: 'cdu1-dcs' },
    { name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h' },
    { name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h' },
  ]);
  commits.close();
  buffer.close();
});

test('readings of the past are parts of their own, for the backfill lane; gap records go with those of now', () => {
  const past = {
    ...batch(100, 3),
    stream: 'backfill' as const,
    gaps: [{ reason: 'source-overflow' as const, from: 1, to: 2 }],
  };
  const parts = partition([batch(1, 2), past, batch(3, 1, 1)], [100, 101], ['normal', 'high']);
  expect(parts.map(({ priority, batch }) => [priority, batch.stream, batch.count, batch.gaps.length])).toEqual([
    ['high', 'live', 1, 1],
    ['normal', 'live', 2, 0],
    ['normal', 'backfill', 3, 0],
  ]);
});
