// The account of the local hub: compared with a slow and simple one on random deliveries, and case by case.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Account, type Received } from '../../sim/hub/account.ts';
import { Intervals } from '../../sim/hub/intervals.ts';

interface Shape {
  readonly first: number;
  readonly last: number;
  readonly stream?: 'live' | 'backfill';
  readonly epoch?: string;
  readonly id?: string;
  readonly gzip?: boolean;
  readonly properties?: Record<string, string>;
  readonly lines?: string[];
}

function reading(seq: number, more: object = {}): string {
  const row = { gateway: 'gw', tag: 'T1', ts: `2026-11-22T10:00:00.${String(seq).padStart(3, '0')}Z`, value: seq };
  return JSON.stringify({ ...row, status: 'Good', seq, ...more });
}

function received({ first, last, stream = 'live', epoch = 'e1', ...shape }: Shape): Received {
  const lines = shape.lines ?? Array.from({ length: last - first + 1 }, (_, k) => reading(first + k));
  const text = Buffer.from(`${lines.join('\n')}\n`);
  return {
    id: shape.id ?? `gw/${epoch}/${first}-${last}`,
    contentType: 'application/json',
    contentEncoding: shape.gzip ? 'gzip' : 'utf-8',
    body: shape.gzip ? gzipSync(text) : text,
    properties: {
      site: 's',
      gateway: 'gw',
      stream,
      epoch,
      seqFirst: String(first),
      seqLast: String(last),
      count: String(last - first + 1),
      format: 'rows',
      ...shape.properties,
    },
  };
}

const range = fc.tuple(fc.nat(60), fc.nat(8)).map(([first, more]) => ({ first, last: first + more }));

describe('intervals', () => {
  test('are a set of numbers', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
        const intervals = new Intervals();
        const set = new Set<number>();
        for (const { first, last } of ranges) {
          let fresh = 0;
          for (let n = first; n <= last; n++) {
            if (!set.has(n)) fresh += 1;
            set.add(n);
          }
          expect(intervals.add(first, last)).toBe(fresh);
        }
        for (let n = 0; n < 80; n++) expect(intervals.has(n)).toBe(set.has(n));
        expect(intervals.size).toBe(set.size);
        const sorted = [...set].sort((a, b) => a - b);
        const missing = sorted.length === 0 ? 0 : sorted.at(-1)! - sorted[0]! + 1 - sorted.length;
        expect(intervals.missing).toBe(missing);
        expect(intervals.holes.reduce((sum, hole) => sum + hole.last - hole.first + 1, 0)).toBe(missing);
        for (const [i, { first }] of intervals.ranges.entries()) {
          if (i > 0) expect(first).toBeGreaterThan(intervals.ranges[i - 1]!.last + 1);
        }
      }),
    );
  });

  test('of contiguous numbers are one range, however many', () => {
    const intervals = new Intervals();
    for (let n = 0; n < 100_000; n += 10) intervals.add(n, n + 9);
    expect(intervals.ranges).toEqual([{ first: 0, last: 99_999 }]);
  });
});

describe('the account', () => {
  test('agrees with a simple count on any delivery, from bodies and from properties alone', () => {
    const deliveries = fc.array(
      fc.record({ range, stream: fc.constantFrom('live' as const, 'backfill' as const), gzip: fc.boolean() }),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(deliveries, (all) => {
        const accounts = [new Account(), new Account({ detail: 'messages' })];
        const seen = new Set<number>();
        const highest = { live: -1, backfill: -1 };
        let [double, late] = [0, 0];
        for (const { range: numbers, stream, gzip } of all) {
          for (const account of accounts) account.receive(received({ ...numbers, stream, gzip }));
          const before = highest[stream];
          for (let n = numbers.first; n <= numbers.last; n++) {
            if (seen.has(n)) double += 1;
            else if (n < before) late += 1;
            seen.add(n);
            highest[stream] = Math.max(highest[stream], n);
          }
        }
        const sorted = [...seen].sort((a, b) => a - b);
        const missing = sorted.length === 0 ? 0 : sorted.at(-1)! - sorted[0]! + 1 - sorted.length;
        for (const account of accounts) {
          expect(account.flaws).toEqual([]);
          expect(account.summary()).toMatchObject({
            messages: all.length,
            readings: seen.size,
            double,
            missing,
            malformed: 0,
            outOfOrder: late,
          });
        }
        expect(accounts[0]!.tag('T1')?.count ?? 0).toBe(seen.size);
        if (sorted.length > 0) expect(accounts[0]!.tag('T1')?.value).toBe(sorted.at(-1));
      }),
    );
  });

  test('knows a message that came twice from one that only shares numbers', () => {
    const account = new Account();
    account.receive(received({ first: 0, last: 9 }));
    account.receive(received({ first: 0, last: 9 }));
    account.receive(received({ first: 5, last: 14 }));
    expect(account.summary()).toMatchObject({ readings: 15, double: 15, doubleById: 10 });
  });

  test('keeps epochs and gateways apart', () => {
    const account = new Account();
    account.receive(received({ first: 0, last: 9 }));
    account.receive(received({ first: 20, last: 29, epoch: 'e2' }));
    account.receive(received({ first: 35, last: 35, epoch: 'e2' }));
    expect(account.summary().missing).toBe(5);
    expect(account.epochs()).toEqual([
      { gateway: 'gw', epoch: 'e1', delivered: [{ first: 0, last: 9 }], missing: [], explained: [] },
      {
        gateway: 'gw',
        epoch: 'e2',
        delivered: [
          { first: 20, last: 29 },
          { first: 35, last: 35 },
        ],
        missing: [{ first: 30, last: 34 }],
        explained: [],
      },
    ]);
  });

  test('takes numbers given up for explained, in the epoch they belonged to', () => {
    const account = new Account();
    const gap = {
      gateway: 'gw',
      gap: 'buffer-full',
      from: '2026-11-22T10:00:00.000Z',
      to: '2026-11-22T10:01:00.000Z',
      count: 5,
      range: { epoch: 'e1', first: 5, last: 9 },
      seq: 100,
    };
    account.receive(received({ first: 0, last: 4 }));
    account.receive(received({ first: 10, last: 12 }));
    expect(account.summary().missing).toBe(5);
    account.receive(received({ first: 100, last: 100, epoch: 'e2', lines: [JSON.stringify(gap)] }));
    expect(account.summary()).toMatchObject({ missing: 0, explained: 5, gaps: 1, readings: 8 });
    expect(account.gaps).toEqual([gap]);
  });

  test('counts numbers given up before the first and after the last delivered as known', () => {
    const account = new Account();
    const gap = {
      gateway: 'gw',
      gap: 'buffer-full',
      from: 'a',
      to: 'b',
      range: { epoch: 'e1', first: 0, last: 3 },
      seq: 10,
    };
    account.receive(received({ first: 10, last: 10, lines: [JSON.stringify(gap)] }));
    expect(account.summary()).toMatchObject({ missing: 6, explained: 4 });
  });

  test('counts what cannot be read, or does not fit, and lives', () => {
    const cases: Received[] = [
      received({ first: 0, last: 0, properties: { epoch: '' } }),
      received({ first: 0, last: 0, properties: { count: '2' } }),
      received({ first: 3, last: 2 }),
      received({ first: 0, last: 0, properties: { seqLast: 'x' } }),
      received({ first: 0, last: 0, lines: ['{"gateway":'] }),
      received({ first: 0, last: 0, lines: ['null'] }),
      received({ first: 0, last: 0, lines: [reading(1)] }),
      received({ first: 0, last: 0, lines: [reading(0, { gateway: 'other' })] }),
      received({ first: 0, last: 0, lines: [reading(0, { status: undefined })] }),
      received({ first: 0, last: 1, lines: [reading(0)] }),
      { ...received({ first: 0, last: 0 }), contentEncoding: 'gzip' },
      { ...received({ first: 0, last: 0 }), contentEncoding: undefined },
    ];
    for (const each of cases) {
      const account = new Account();
      account.receive(each);
      expect(account.flaws).toHaveLength(1);
      expect(account.summary()).toMatchObject({ messages: 1, malformed: 1 });
    }
  });

  test('keeps the value of the latest timestamp, not of the latest arrival', () => {
    const account = new Account();
    account.receive(received({ first: 5, last: 5 }));
    account.receive(received({ first: 1, last: 1, stream: 'backfill' }));
    expect(account.tag('T1')).toEqual({ count: 2, ts: '2026-11-22T10:00:00.005Z', value: 5, status: 'Good' });
  });
});
