import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeSegment, encodeSegment } from '../../agent/src/buffer/segment.ts';
import { type Batch, BatchBuilder, Kind } from '../../agent/src/model/batch.ts';
import { fromMillis } from '../../agent/src/model/time.ts';
import { batchOf, gap, reading } from '../model/readings.ts';

/** The columns as they are in memory, bit by bit, so that -0 and the payload of a NaN count. */
function bits(batch: Batch) {
  const { count } = batch;
  const bytes = (column: Float64Array | Uint32Array | Uint8Array) =>
    Buffer.from(column.buffer, column.byteOffset, count * column.BYTES_PER_ELEMENT).toString('hex');
  const { tag, time, status, kind, number, others, gaps } = batch;
  return [count, bytes(tag), bytes(time), bytes(status), bytes(kind), bytes(number), others, gaps];
}

test('what comes back is what went in: every bit of every column, every string, bigint, array and gap', () => {
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 60 }), fc.array(gap, { maxLength: 3 }), (readings, gaps) => {
      const batch = batchOf(readings, gaps);
      expect(bits(decodeSegment(encodeSegment(batch)))).toEqual(bits(batch));
    }),
    { numRuns: 300 },
  );
});

test('any double is a time that comes back, also where deltas cannot be exact', () => {
  fc.assert(
    fc.property(fc.array(fc.double(), { maxLength: 20 }), (times) => {
      const batch = batchOf(times.map((time) => ({ tag: 1, time: time + 0, status: 0, value: 1, float32: false })));
      expect([...decodeSegment(encodeSegment(batch)).time]).toEqual([...batch.time.subarray(0, times.length)]);
    }),
    { numRuns: 200 },
  );
});

test('a server whose clock says 1601 or 9999 spoils no time of its neighbours', () => {
  const good = fromMillis(Date.UTC(2026, 10, 22), 1);
  const times = [good, fromMillis(253_402_300_799_999, 9_999), good + 1, fromMillis(-11_644_473_600_000), good + 2];
  const batch = batchOf(times.map((time) => ({ tag: 1, time, status: 0, value: 1, float32: false })));
  expect([...decodeSegment(encodeSegment(batch)).time]).toEqual(times);
});

test('the payload of a NaN and the sign of a zero survive', () => {
  const builder = new BatchBuilder();
  const raw = new DataView(new ArrayBuffer(8));
  for (const pattern of [0x7ff8000000000abcn, 0xfff8000000000001n, 0x8000000000000000n, 0x0000000000000001n]) {
    raw.setBigUint64(0, pattern);
    builder.push(1, 0, 0, Kind.Number, raw.getFloat64(0));
  }
  const batch = builder.take();
  expect(bits(decodeSegment(encodeSegment(batch)))).toEqual(bits(batch));
});

test('a large segment of plant data costs a few bytes a reading', () => {
  const builder = new BatchBuilder();
  const start = fromMillis(Date.UTC(2026, 10, 22));
  for (let i = 0; i < 4_096; i++)
    builder.push(i % 256, start + (i >> 8) * 10_000_000, 0, Kind.Float32, Math.fround(20 + (i % 7) / 8));
  const batch = builder.take();
  const payload = encodeSegment(batch);
  expect(payload.length / batch.count).toBeLessThan(3);
  expect(bits(decodeSegment(payload))).toEqual(bits(batch));
});

test('columns beyond the count are not kept', () => {
  const builder = new BatchBuilder(1_000);
  builder.push(7, 1, 0, Kind.Number, 5);
  expect(decodeSegment(encodeSegment(builder.take())).tag.length).toBe(1);
});

/** Decodes what may be anything: a batch or a thrown error, soon, with memory in proportion to the bytes. */
function attempt(payload: Uint8Array): void {
  const begun = performance.now();
  try {
    const batch = decodeSegment(payload);
    expect(batch.tag.length).toBe(batch.count);
    expect(Array.isArray(batch.others) && Array.isArray(batch.gaps)).toBe(true);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
  expect(performance.now() - begun).toBeLessThan(5_000);
}

test('hostile bytes end in an error, before and after decompression', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      attempt(bytes);
      attempt(zstdCompressSync(bytes));
      attempt(zstdCompressSync(Buffer.concat([Buffer.of(1), bytes])));
    }),
    { numRuns: 500 },
  );
});

test('a true segment with any bytes changed or cut ends in an error or in a batch, never in a hang', () => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(
      fc.array(reading, { minLength: 1, maxLength: 20 }),
      fc.array(gap, { maxLength: 2 }),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat()),
      (readings, gaps, changes, cut) => {
        const plain = zstdDecompressSync(encodeSegment(batchOf(readings, gaps)));
        for (const [at, value] of changes) plain[at % plain.length] = value;
        attempt(zstdCompressSync(cut === null ? plain : plain.subarray(0, cut % plain.length)));
      },
    ),
    { numRuns: 500 },
  );
});

test('lengths that promise more than there is are refused before memory is taken', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const count of [
    [0xff, 0xff, 0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
    Array.from({ length: 8 }, () => 0xff).concat(0x7f),
  ])
    expect(() => decodeSegment(zstdCompressSync(Buffer.from([1, ...count, 0, 0, 0])))).toThrow();
  expect(() => decodeSegment(zstdCompressSync(Buffer.alloc(300 * 1024 * 1024)))).toThrow();
  const zeros = Buffer.alloc(100 * 1024 * 1024);
  zeros.set([1, 0x80, 0x80, 0x80, 0x10]);
  expect(() => decodeSegment(zstdCompressSync(zeros))).toThrow();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(500 * 1024 * 1024);
});

test('the checksum of a payload notices every single flipped bit', () => {
  const payload = encodeSegment(batchOf([{ tag: 1, time: 2, status: 0, value: 3.5, float32: false }]));
  const sound = crc32(payload);
  for (let bit = 0; bit < payload.length * 8; bit++) {
    payload[bit >> 3]! ^= 1 << (bit & 7);
    expect(crc32(payload)).not.toBe(sound);
    payload[bit >> 3]! ^= 1 << (bit & 7);
  }
});
