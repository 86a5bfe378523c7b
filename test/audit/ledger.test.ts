// The ledger: what is missing, doubled, given up and why, from lines alone; and against the simulated hub's account,
// which was written independently and sees the message properties that a file does not keep.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EpochReport, Ledger, type LedgerOptions, missingOf } from '../../agent/src/audit/ledger.ts';
import { parseLine } from '../../agent/src/audit/line.ts';
import { columns } from '../../agent/src/delivery/formats/columns.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import { BatchBuilder, entries } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { Account } from '../../sim/hub/account.ts';

const TS = '2026-11-22T10:00:00.000Z';
const LATER = '2026-11-22T10:00:03.500Z';
const row = (seq: number, more: object = {}) => ({
  gateway: 'g',
  tag: 'a',
  ts: TS,
  value: 1,
  status: 'Good',
  seq,
  ...more,
});
const gapRow = (seq: number, gap: string, more: object = {}) => ({
  gateway: 'g',
  gap,
  from: TS,
  to: LATER,
  seq,
  ...more,
});

function audit(lines: readonly object[], options?: LedgerOptions): EpochReport[] {
  const ledger = new Ledger(options);
  for (const line of lines) {
    const parsed = parseLine(JSON.stringify(line));
    if (typeof parsed === 'string') throw new Error(parsed);
    ledger.enter(parsed);
  }
  return ledger.report();
}

describe('an epoch', () => {
  test('is complete when every number between the first and the last is there', () => {
    expect(audit([row(7, { epoch: 'e' }), row(9), row(8)])).toEqual([
      {
        gateway: 'g',
        epoch: 'e',
        complete: true,
        readings: 3,
        gapRecords: 0,
        duplicates: 0,
        received: [{ first: 7, last: 9 }],
        explained: [],
        reasons: {},
        missing: [],
        outages: [],
      },
    ]);
  });

  test('from its start needs number 1', () => {
    expect(audit([row(7, { epoch: 'e' })], { fromStart: true })).toMatchObject([
      { complete: false, missing: [{ first: 1, last: 6 }] },
    ]);
    expect(audit([row(1, { epoch: 'e' })], { fromStart: true })).toMatchObject([{ complete: true }]);
  });

  test('misses what nothing explains; what was given up is explained with its reason', () => {
    const range = { epoch: 'e', first: 3, last: 5 };
    expect(audit([row(1, { epoch: 'e' }), row(8), gapRow(9, 'buffer-full', { range })])).toMatchObject([
      {
        complete: false,
        readings: 2,
        gapRecords: 1,
        explained: [{ first: 3, last: 5 }],
        reasons: { 'buffer-full': 3 },
        missing: [
          { first: 2, last: 2 },
          { first: 6, last: 7 },
        ],
      },
    ]);
  });

  test('counts what came again as duplicates, gap records too, and nothing else twice', () => {
    const lines = [row(1, { epoch: 'e' }), row(2), gapRow(3, 'source-down', { source: 'x' })];
    expect(audit([...lines, ...lines])).toMatchObject([
      { readings: 2, gapRecords: 1, duplicates: 3, outages: [{ count: 1, milliseconds: 3_500 }] },
    ]);
  });

  test('belongs to its gateway: two in one file do not mix', () => {
    const other = { gateway: 'h' };
    const found = audit([row(1, { epoch: 'e' }), row(5, { ...other, epoch: 'e' }), row(2), row(6, other)]);
    expect(found.map(({ gateway, complete, readings }) => [gateway, complete, readings])).toEqual([
      ['g', true, 2],
      ['h', true, 2],
    ]);
  });

  test('that ends while another begins is told apart, though the numbers begin again', () => {
    const found = audit([row(1, { epoch: 'e' }), row(2), row(1, { epoch: 'f' }), row(2), row(3)]);
    expect(found.map(({ epoch, readings, duplicates }) => [epoch, readings, duplicates])).toEqual([
      ['e', 2, 0],
      ['f', 3, 0],
    ]);
  });

  test('that a later one explains is explained', () => {
    const range = { epoch: 'e', first: 3, last: 9 };
    expect(audit([row(1, { epoch: 'e' }), row(2), gapRow(1, 'buffer-damaged', { range, epoch: 'f' })])).toMatchObject([
      { epoch: 'e', complete: true, explained: [{ first: 3, last: 9 }] },
      { epoch: 'f', complete: true },
    ]);
  });
});

describe('rows that name no epoch', () => {
  test('are one epoch without a name', () => {
    expect(audit([row(4), row(6)])).toMatchObject([{ epoch: null, missing: [{ first: 5, last: 5 }] }]);
  });

  test.each(['buffer-full', 'numbers-skipped'])(
    'have the name that their gap records use, when they say %s: of their own epoch',
    (reason) => {
      const range = { epoch: 'e', first: 5, last: 5 };
      expect(audit([row(4), row(6), gapRow(7, reason, { range })])).toMatchObject([
        { epoch: 'e', complete: true, readings: 2, reasons: { [reason]: 1 } },
      ]);
    },
  );

  test.each(['buffer-damaged', 'too-large'])('are not explained by %s, which may speak of an older epoch', (reason) => {
    const range = { epoch: 'e', first: 5, last: 5 };
    const found = audit([row(4), row(6), gapRow(7, reason, { range })]);
    expect(found.map(({ epoch, complete }) => [epoch, complete])).toEqual([
      ['e', true],
      [null, false],
    ]);
  });

  test('are another epoch after the buffer was set aside, and the same when that message comes again', () => {
    const anew = [gapRow(1, 'buffer-damaged'), row(2), row(3)];
    const found = audit([row(1), row(2), row(4), ...anew, ...anew]);
    expect(found.map(({ epoch, readings, duplicates, complete }) => [epoch, readings, duplicates, complete])).toEqual([
      [null, 3, 0, false],
      [null, 2, 3, true],
    ]);
  });
});

test('an outage has a beginning and an end, in either order, and may not have ended', () => {
  const down = (seq: number, from: string, to: string | null) => gapRow(seq, 'source-down', { source: 'x', from, to });
  const found = audit([
    down(1, TS, null),
    down(2, LATER, '2026-11-22T10:00:04.500Z'),
    down(3, LATER, null),
    down(4, TS, LATER),
    down(5, '2026-11-22T11:00:00.000Z', null),
    gapRow(6, 'gateway-down'),
  ]);
  expect(found[0]?.outages).toEqual([
    { source: 'x', reason: 'source-down', count: 3, bridged: 0, milliseconds: 4_500, open: 1 },
    { source: null, reason: 'gateway-down', count: 1, bridged: 0, milliseconds: 3_500, open: 0 },
  ]);
});

test('an outage of which nothing is missing is bridged, whether that is known at its end or later', () => {
  const down = (seq: number, from: string, to: string | null, more = {}) =>
    gapRow(seq, 'source-down', { source: 'x', from, to, ...more });
  const found = audit([
    down(1, TS, null),
    down(2, TS, LATER, { complete: true }),
    down(3, LATER, null),
    down(4, LATER, '2026-11-22T10:00:04.500Z'),
    // The history had all of it; of the next one it had a part.
    down(5, LATER, '2026-11-22T10:00:04.500Z', { recovered: 7, complete: true }),
    down(6, '2026-11-22T11:00:00.000Z', '2026-11-22T11:00:02.000Z'),
    down(7, '2026-11-22T11:00:00.000Z', '2026-11-22T11:00:02.000Z', { recovered: 1, complete: false }),
  ]);
  expect(found[0]?.outages).toEqual([
    { source: 'x', reason: 'source-down', count: 3, bridged: 2, milliseconds: 2_000, open: 0 },
  ]);
});

test.each([
  ['is no JSON', '{"gate'],
  ['is no JSON object', '[1]'],
  ['has no "gateway"', '{"seq":1}'],
  ['has no "seq"', '{"gateway":"g","tag":"a"}'],
  ['has no "seq"', '{"gateway":"g","tag":"a","seq":"1"}'],
  ['has an "epoch" that is no text', '{"gateway":"g","tag":"a","seq":1,"epoch":2}'],
  ['is neither a reading, an event nor a gap record', '{"gateway":"g","seq":1}'],
  ['is a gap record with fields missing', '{"gateway":"g","gap":"source-down","seq":1}'],
  ['is a gap record with fields missing', JSON.stringify(gapRow(1, 'x', { range: { epoch: 'e', first: 9, last: 1 } }))],
  ['is of format columns, version 2; this fieldgate knows version 1', '{"gateway":"g","columns":2,"seq":1}'],
  ['is of format columns, without "count" or "gaps"', '{"gateway":"g","columns":1,"seq":1}'],
  [
    'holds a gap record that is wrong',
    JSON.stringify({ gateway: 'g', columns: 1, seq: 5, count: 1, gaps: [gapRow(9, 'x')] }),
  ],
  ['is a message of format opcua-pubsub, which cannot be audited; rows and columns can', '{"MessageType":"ua-data"}'],
])('a line that %s is said to be so', (what, text) => {
  expect(parseLine(text)).toBe(what);
});

// --- against an independent account -----------------------------------------------------------------------------------

interface Sent {
  readonly epoch: string;
  readonly first: number;
  readonly readings: number;
  readonly gaps: readonly Gap[];
}

const rangeGap: fc.Arbitrary<Gap> = fc
  .record({ epoch: fc.constantFrom('e', 'f'), first: fc.integer({ min: 1, max: 60 }), more: fc.nat(6) })
  .map(({ epoch, first, more }) => ({
    reason: 'buffer-full',
    from: 0,
    to: 0,
    range: { epoch, first, last: first + more },
  }));
const sent: fc.Arbitrary<Sent> = fc
  .record({
    epoch: fc.constantFrom('e', 'f'),
    first: fc.integer({ min: 1, max: 60 }),
    readings: fc.nat(6),
    gaps: fc.array(rangeGap, { maxLength: 2 }),
  })
  .filter(({ readings, gaps }) => readings + gaps.length > 0);

test.each(['rows', 'columns'] as const)('whatever arrives as %s, the ledger says what the account says', (format) => {
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 25 }), (messages) => {
      const account = new Account();
      const ledger = new Ledger();
      const seen = new Set<string>();
      for (const { epoch, first, readings, gaps } of messages) {
        // A number always carries the same entry: gap records after readings would otherwise change places.
        const fresh = (from: number, to: number) =>
          Array.from({ length: to - from + 1 }, (_, k) => `${epoch} ${from + k}`).every((key) => !seen.has(key));
        const last = first + readings + gaps.length - 1;
        const usedGaps = gaps.length > 0 && !fresh(first, last) ? [] : gaps;
        if (readings + usedGaps.length === 0) continue;
        const builder = new BatchBuilder();
        for (let i = 0; i < readings; i++) builder.add(1, i * 10_000, 0, i);
        for (const gap of usedGaps) builder.gap(gap);
        const batch = builder.take();
        const count = entries(batch);
        for (let k = 0; k < count; k++) seen.add(`${epoch} ${first + k}`);
        const tagOf = () => ({ name: 'a', source: 's' });
        const parts = [{ first, batch }];
        account.receive({
          id: `g/${epoch}/${first}-${first + count - 1}`,
          contentType: 'application/json',
          contentEncoding: 'gzip',
          properties: {
            gateway: 'g',
            stream: 'live',
            epoch,
            seqFirst: String(first),
            seqLast: String(first + count - 1),
            count: String(count),
            format: 'rows',
          },
          body: gzipSync(rows('g', tagOf).encode(parts)),
        });
        const body = (format === 'rows' ? rows('g', tagOf, epoch) : columns('g', epoch, tagOf))
          .encode(parts)
          .toString();
        for (const line of body.trimEnd().split('\n')) {
          const parsed = parseLine(line);
          if (typeof parsed === 'string') throw new Error(parsed);
          ledger.enter(parsed);
        }
      }
      const report = ledger.report();
      const sum = (of: (epoch: EpochReport) => number) => report.reduce((total, epoch) => total + of(epoch), 0);
      const summary = account.summary();
      expect(summary.malformed).toBe(0);
      expect(report.map(({ epoch, received, missing }) => ({ epoch, received, missing }))).toEqual(
        account.epochs().map(({ epoch, delivered, missing }) => ({ epoch, received: delivered, missing })),
      );
      expect({
        readings: sum((epoch) => epoch.readings),
        gaps: sum((epoch) => epoch.gapRecords),
        double: sum((epoch) => epoch.duplicates),
        missing: sum(missingOf),
        explained: sum((epoch) => Object.values(epoch.reasons).reduce((a, b) => a + b, 0)),
      }).toEqual({
        readings: summary.readings,
        gaps: summary.gaps,
        double: summary.double,
        missing: summary.missing,
        explained: summary.explained,
      });
    }),
    { numRuns: 200 },
  );
});
