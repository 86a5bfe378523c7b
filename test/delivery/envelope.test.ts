import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halve, MAX_BODY, type Outgoing, pack, type Sender } from '../../agent/src/delivery/envelope.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import type { Numbered } from '../../agent/src/delivery/queue.ts';
import { BatchBuilder, entries, gapBatch } from '../../agent/src/model/batch.ts';
import { batchOf, gap, reading } from '../model/readings.ts';

const sender = (compression: 'gzip' | 'none'): Sender => ({
  site: 'lavera',
  gateway: 'gw-cdu1-01',
  epoch: '20261122T100000-abcdef',
  format: rows('gw-cdu1-01', (id) => ({ name: `tag-${id}`, source: 's' })),
  compression,
});

/** A part of entries each of which is about `bytes` long and does not compress. */
function bulky(first: number, sizes: readonly number[]): Numbered {
  const builder = new BatchBuilder();
  let state = first;
  for (const size of sizes) {
    const bytes = Buffer.alloc(Math.floor((size * 3) / 4));
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[i] = state >>> 24;
    }
    builder.add(1, 0, 0, bytes.toString('base64'));
  }
  return { first, batch: builder.take() };
}

/** The sequence numbers in a body. */
function seqs({ message }: Outgoing): number[] {
  const plain = message.contentEncoding === 'gzip' ? gunzipSync(message.body) : message.body;
  return plain
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).seq);
}

/** Checks that messages follow each other from `first` and say the truth about themselves; returns the next number. */
function check(fitting: readonly Outgoing[], first: number): number {
  let next = first;
  for (const out of fitting) {
    const { message } = out;
    expect(message.body.length).toBeLessThanOrEqual(MAX_BODY);
    expect(out.first).toBe(next);
    next = out.last + 1;
    expect(message.id).toBe(`gw-cdu1-01/20261122T100000-abcdef/${out.first}-${out.last}`);
    expect(message.properties).toEqual({
      site: 'lavera',
      gateway: 'gw-cdu1-01',
      stream: 'live',
      epoch: '20261122T100000-abcdef',
      seqFirst: String(out.first),
      seqLast: String(out.last),
      count: String(out.last - out.first + 1),
      format: 'rows',
    });
    expect(seqs(out)).toEqual(Array.from({ length: out.last - out.first + 1 }, (_, i) => out.first + i));
  }
  return next;
}

test('whatever the entries, messages are contiguous, within the limit, and say what they carry', async () => {
  const part = fc.tuple(fc.array(reading, { maxLength: 30 }), fc.array(gap, { maxLength: 2 }));
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean(), async (made, zipped) => {
      let next = 1;
      const parts = made.map(([rs, gaps]) => {
        const batch = batchOf(rs, gaps);
        const numbered = { first: next, batch };
        next += entries(batch);
        return numbered;
      });
      const filled = parts.filter(({ batch }) => entries(batch) > 0);
      if (filled.length === 0) return;
      const { fitting, tooLarge } = await pack(sender(zipped ? 'gzip' : 'none'), 'live', filled);
      expect(tooLarge).toEqual([]);
      expect(check(fitting, 1)).toBe(next);
      expect(fitting.reduce((sum, out) => sum + out.readings, 0)).toBe(
        filled.reduce((sum, p) => sum + p.batch.count, 0),
      );
    }),
    { numRuns: 60 },
  );
});

for (const compression of ['gzip', 'none'] as const) {
  test(`entries of any size never make a body above the limit (${compression})`, async () => {
    const sizes = [100_000, 200_000, 40_000, 1_000, 249_000, 120_000, 130_000, 5, 90_000];
    const parts = [
      bulky(1, sizes),
      { first: 10, batch: gapBatch([{ reason: 'source-down', from: 0, to: null }]) },
      bulky(11, sizes),
    ];
    const { fitting, tooLarge } = await pack(sender(compression), 'live', parts);
    expect(tooLarge).toEqual([]);
    expect(check(fitting, 1)).toBe(20);
  });

  test(`a single entry that is too large is handed back, and its neighbours are sent (${compression})`, async () => {
    const { fitting, tooLarge } = await pack(sender(compression), 'live', [
      bulky(1, [10, 10, 400_000, 10]),
      bulky(5, [900_000]),
    ]);
    expect(tooLarge.map(({ first, batch }) => [first, entries(batch), batch.count])).toEqual([
      [3, 1, 1],
      [5, 1, 1],
    ]);
    expect(fitting.flatMap(seqs)).toEqual([1, 2, 4]);
  });
}

test('an entry that the format cannot write is handed back alone, and its neighbours are sent', async () => {
  const builder = new BatchBuilder();
  for (const time of [1, Number.NaN, 3, 4]) builder.add(1, time, 0, 1);
  const { fitting, tooLarge } = await pack(sender('none'), 'live', [{ first: 1, batch: builder.take() }]);
  expect(tooLarge.map(({ first }) => first)).toEqual([2]);
  expect(fitting.flatMap(seqs)).toEqual([1, 3, 4]);
});

test('the body says truly whether it is compressed', async () => {
  const [zipped] = (await pack(sender('gzip'), 'live', [bulky(1, [10])])).fitting;
  const [plain] = (await pack(sender('none'), 'live', [bulky(1, [10])])).fitting;
  expect([zipped!.message.contentEncoding, plain!.message.contentEncoding]).toEqual(['gzip', 'utf-8']);
  expect(gunzipSync(zipped!.message.body).equals(plain!.message.body)).toBe(true);
  expect(zipped!.message.contentType).toBe('application/json');
});

test('halves together are the whole, down to single entries', () => {
  const rest: Numbered[][] = [
    [bulky(1, [1, 2, 3]), { first: 4, batch: batchOf([], [{ reason: 'source-down', from: 0, to: 1 }]) }],
  ];
  const single: number[] = [];
  while (rest.length > 0) {
    const parts = rest.shift()!;
    const halves = halve(parts);
    if (halves === undefined) single.push(parts[0]!.first);
    else rest.unshift(...halves);
  }
  expect(single).toEqual([1, 2, 3, 4]);
});
