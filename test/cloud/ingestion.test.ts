// The data path without Azure: what a gateway really sends fits the tables, mappings and functions of the data stack. The
// messages come from a gateway process on a simulated PLC through the local hub, and from the formats with every kind of
// value and every reason of a gap.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columns } from '../../agent/src/delivery/formats/columns.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import { BatchBuilder, gapBatch, type Value } from '../../agent/src/model/batch.ts';
import type { Gap, GapReason } from '../../agent/src/model/gap.ts';
import { fromMillis } from '../../agent/src/model/time.ts';
import { ingest } from '../../cloud/terraform/testing/ingestion/ingest.ts';
import {
  type Database,
  readDatabase,
  resultOf,
  structuralFindings,
} from '../../cloud/terraform/testing/ingestion/kusto.ts';
import { type LocalHub, type Receipt, startHub } from '../../sim/hub/hub.ts';
import { startModbusServer } from '../../sim/refinery/modbus.ts';
import { startAgent } from '../support/agent.ts';
import { plantReadings } from '../support/plant-readings.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const KUSTO = join(import.meta.dirname, '..', '..', 'cloud', 'terraform', 'stacks', '40-data', 'kusto');
const TEXTS = readdirSync(KUSTO)
  .filter((file) => file.endsWith('.kql'))
  .sort()
  .map((file) => readFileSync(join(KUSTO, file), 'utf8'));

const database = readDatabase(TEXTS);
const mapping = (name: string, from: Database = database) => {
  const found = from.mappings.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no mapping "${name}"`);
  return found;
};

const linesOf = (body: Buffer): Record<string, unknown>[] =>
  body
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const TIME = fromMillis(Date.UTC(2026, 10, 22, 10)) + 1;
const VALUES: readonly Value[] = [
  12.31,
  42,
  1e-300,
  true,
  'NORMAL',
  2n ** 64n - 1n,
  [1, null],
  { low: 1 },
  null,
  Number.NaN,
];
const REASONS: readonly GapReason[] = [
  ...(['source-down', 'gateway-down', 'reload', 'source-overflow', 'store-overload', 'buffer-full'] as const),
  ...(['buffer-age', 'buffer-damaged', 'too-large', 'clock-step', 'numbers-skipped'] as const),
];
const GAPS: readonly Gap[] = REASONS.map((reason, index) => ({
  reason,
  source: 'flare-plc',
  from: TIME,
  to: index % 2 === 0 ? null : TIME + 10_000_000,
  ...(index > 4 && { count: index, range: { epoch: 'e1', first: 1, last: index } }),
  ...(index === 3 && { tags: ['70PT201'] }),
}));

/** Every kind of value and gap, and a plant's readings. */
function parts() {
  const builder = new BatchBuilder();
  for (const [index, value] of VALUES.entries()) {
    builder.add(0, TIME + index, [0, 0x80310000, 0x00000400][index % 3]!, value, false);
  }
  const odd = builder.take();
  return [
    { first: 1, batch: odd },
    { first: 1 + odd.count, batch: gapBatch(GAPS) },
  ];
}

const plant = plantReadings(200, 2_000);
let hub: LocalHub;
let received: Record<string, unknown>[];

beforeAll(async () => {
  const folder = scratch();
  const receipts: Receipt[] = [];
  hub = await startHub({ folder: join(folder, 'hub'), onMessage: (receipt) => receipts.push(receipt) });
  const plc = await startModbusServer({ site: 'flare' });
  const file = join(folder, 'mapping.yaml');
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: iot-edge, maxDelay: 200ms }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  flare:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    defaults: { poll: 100ms }
    tags:
      70PT201: { address: 400011, type: float32, order: CDAB, unit: barg }
      70XV201.OPEN: { address: "discrete:4", type: bool }
`,
  );
  const agent = startAgent(['run', '--config', file], hub.environment);
  const lines = () =>
    receipts.flatMap(({ body, contentEncoding }) => linesOf(contentEncoding === 'gzip' ? gunzipSync(body) : body));
  try {
    await until('readings at the hub', () => lines().filter(({ tag }) => tag !== undefined).length > 20, 40_000);
    await plc.close();
    await until('a gap record at the hub', () => lines().some(({ gap }) => gap === 'source-down'), 40_000);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${agent.stderr()}`);
  } finally {
    await agent.end('SIGKILL');
  }
  received = lines();
}, 120_000);

afterAll(() => hub?.close());

describe('the database of the data stack', () => {
  it('fits together: mappings, tables, functions, updates', () => {
    expect(structuralFindings(database)).toEqual([]);
    expect(database.tables.size).toBeGreaterThan(3);
    expect(database.functions.size).toBeGreaterThan(5);
    expect(database.updates.length).toBeGreaterThan(1);
  });

  it('takes every line that a gateway sent through the local hub', () => {
    const { records, findings } = ingest(database, mapping('rows'), received);
    expect(findings).toEqual([]);
    const readings = records.filter(({ gap }) => gap === null);
    const gaps = records.filter(({ gap }) => gap !== null);
    expect(readings.length).toBeGreaterThan(20);
    expect(gaps.length).toBeGreaterThan(0);
    for (const { gateway, seq, tag, ts, status } of readings) {
      expect([gateway, seq, tag, ts, status]).not.toContain(null);
    }
    for (const { gateway, seq, fromTime, source } of gaps) expect([gateway, seq, fromTime, source]).not.toContain(null);
  });

  it('takes every kind of value and every reason of a gap as rows', () => {
    const lines = [
      ...linesOf(rows('gw-1', () => ({ name: '70PT201', source: 'flare', unit: 'barg' }), 'e1').encode(parts())),
      ...linesOf(rows('gw-1', plant.tagOf).encode(plant.parts)),
    ];
    const { records, findings } = ingest(database, mapping('rows'), lines);
    expect(findings).toEqual([]);
    expect(records).toHaveLength(VALUES.length + GAPS.length + 2_000);
    const gaps = records.filter(({ gap }) => gap !== null);
    expect(gaps.map(({ gap }) => gap)).toEqual(REASONS);
    const counted = GAPS.filter(({ count }) => count !== undefined).length;
    expect(gaps.filter(({ lost }) => lost !== null)).toHaveLength(counted);
    expect(gaps.filter(({ givenUp }) => givenUp !== null)).toHaveLength(counted);
  });

  it('reads from bodies of columns only what is in them', () => {
    const bodies = [
      columns('gw-1', 'e1', () => ({ name: '70PT201', source: 'flare', unit: 'barg' })).encode(parts()),
      columns('gw-1', 'e1', plant.tagOf).encode(plant.parts),
    ].map((body) => JSON.parse(body.toString()) as Record<string, unknown>);
    expect(ingest(database, mapping('columns'), bodies).findings).toEqual([]);
    const fields = new Set(bodies.flatMap((body) => Object.keys(body)));
    const asked = [...database.functions.values()].flatMap(({ body }) =>
      [...body.matchAll(/\bbody(?:\.(\w+)|\["(\w+)"\])/g)].map(([, member, bracket]) => member ?? bracket!),
    );
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((field) => !fields.has(field))).toEqual([]);
  });
});

/** The same files with one mistake. */
function spoilt(from: string | RegExp, to: string): Database {
  const texts = TEXTS.map((text) => text.replace(from, to));
  expect(texts).not.toEqual(TEXTS);
  return readDatabase(texts);
}

describe('the checker of the data path', () => {
  const line = { gateway: 'g', tag: 't', ts: '2026-11-22T10:00:00Z', value: 1, status: 'Good', seq: 1 };

  it.each([
    ['a mapping to a column that is not there', '"column": "gap"', '"column": "gab"', /Rows has no column gab/],
    [
      'a table without a column that is mapped',
      ', unit: string, gap: string',
      ', gap: string',
      /Rows has no column unit/,
    ],
    [
      'a function that gives its columns in another order',
      'project gateway, epoch, seq, tag, ts',
      'project epoch, gateway, seq, tag, ts',
      /RowsToReadings gives epoch, gateway/,
    ],
    [
      'a function that names no column',
      'where isempty(gap)',
      'where isempty(gab)',
      /RowsToReadings: gab is nothing known/,
    ],
    ['an update by no function', '"RowsToGaps()"', '"RowsToGap()"', /no function RowsToGap\(\)/],
    ['an update from no table', '"Source": "Rows"', '"Source": "Row"', /no table Row$/],
  ])('finds %s', (_, from, to, found) => {
    expect(structuralFindings(spoilt(from, to)).join('\n')).toMatch(found);
  });

  it('finds a value that does not fit its column, and a field that goes nowhere', () => {
    const typed = spoilt('seq: long, tag', 'seq: datetime, tag');
    expect(ingest(typed, mapping('rows', typed), [line]).findings).toEqual([
      '1 does not fit into seq, which is datetime',
    ]);
    const { findings } = ingest(database, mapping('rows'), [{ ...line, quality: 192 }]);
    expect(findings[0]).toMatch(/^the field quality goes nowhere/);
    expect(ingest(database, mapping('rows'), [{ ...line, seq: '1' }]).findings).toHaveLength(1);
    expect(ingest(database, mapping('rows'), [{ ...line, ts: 'yesterday' }]).findings).toHaveLength(1);
  });

  it('refuses a command that it does not understand', () => {
    expect(() => readDatabase(['.drop table Rows'])).toThrow(/\.drop table Rows/);
  });

  it('reads the columns of a result', () => {
    expect(resultOf(database, 'RowsToGaps')).toEqual([...database.tables.get('Gaps')!.columns.keys()]);
  });
});
