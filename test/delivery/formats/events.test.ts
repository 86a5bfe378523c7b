// Events of a source (alarms and conditions) in every format: lines of their own kind, which the consumers of this
// repository understand and count.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Ledger } from '../../../agent/src/audit/ledger.ts';
import { parseLine } from '../../../agent/src/audit/line.ts';
import { columns } from '../../../agent/src/delivery/formats/columns.ts';
import { decodeColumns } from '../../../agent/src/delivery/formats/columns-decode.ts';
import type { TagOf } from '../../../agent/src/delivery/formats/format.ts';
import { opcuaPubsub } from '../../../agent/src/delivery/formats/opcua-pubsub.ts';
import { rows } from '../../../agent/src/delivery/formats/rows.ts';
import { BatchBuilder } from '../../../agent/src/model/batch.ts';
import { eventsTagOf } from '../../../agent/src/model/tag.ts';
import { fromMillis } from '../../../agent/src/model/time.ts';
import { Account } from '../../../sim/hub/account.ts';

const TIME = fromMillis(Date.UTC(2026, 10, 22, 10, 0, 0, 123));
const EVENT = { EventId: 'AAEC', EventType: 'i=9482', Message: 'level "high"', Severity: 800, Active: true };
const TAGS = [
  { name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h' },
  { name: eventsTagOf('cdu1-dcs'), source: 'cdu1-dcs' },
];
const tagOf: TagOf = (id) => TAGS[id] ?? { name: `#${id}`, source: '' };

function parts() {
  const builder = new BatchBuilder();
  builder.add(0, TIME, 0, 12.31);
  builder.add(1, TIME + 4_567, 0, EVENT);
  builder.add(1, TIME, 0, { Severity: Number.NaN });
  builder.add(0, TIME, 0, 12.32);
  return [{ first: 7, batch: builder.take() }];
}

const LINES = [
  '{"gateway":"gw","tag":"20FIC101.PV","ts":"2026-11-22T10:00:00.123Z","value":12.31,"status":"Good","unit":"m3/h","seq":7}',
  `{"gateway":"gw","source":"cdu1-dcs","ts":"2026-11-22T10:00:00.1234567Z","severity":800,"event":${JSON.stringify(EVENT)},"seq":8}`,
  '{"gateway":"gw","source":"cdu1-dcs","ts":"2026-11-22T10:00:00.123Z","event":{"Severity":null},"seq":9}',
  '{"gateway":"gw","tag":"20FIC101.PV","ts":"2026-11-22T10:00:00.123Z","value":12.32,"status":"Good","unit":"m3/h","seq":10}',
];

test('rows: a line of its own kind', () => {
  expect(rows('gw', tagOf).encode(parts()).toString()).toBe(`${LINES.join('\n')}\n`);
});

test('columns: the same lines come back', () => {
  const body = columns('gw', 'e', tagOf).encode(parts());
  expect(decodeColumns(body)).toEqual(LINES.map((line) => JSON.parse(line)));
});

test('opcua-pubsub: a ua-event of a writer beside that of the readings', () => {
  const { Messages } = JSON.parse(opcuaPubsub('gw', 'e', tagOf).encode(parts()).toString());
  expect(Messages).toMatchObject([
    { DataSetWriterName: 'cdu1-dcs', MessageType: 'ua-deltaframe' },
    { DataSetWriterName: 'cdu1-dcs:events', MessageType: 'ua-event', SequenceNumber: 8, Payload: EVENT },
    { DataSetWriterName: 'cdu1-dcs:events', MessageType: 'ua-event', SequenceNumber: 9 },
    { DataSetWriterName: 'cdu1-dcs', MessageType: 'ua-deltaframe', SequenceNumber: 10 },
  ]);
  expect(Messages[0].DataSetWriterId).not.toBe(Messages[1].DataSetWriterId);
});

test('an audit counts events, and misses one that is not there', () => {
  const complete = new Ledger();
  const lacking = new Ledger();
  for (const [i, line] of LINES.entries()) {
    const entries = parseLine(line);
    if (typeof entries === 'string') throw new Error(entries);
    complete.enter(entries);
    if (i !== 1) lacking.enter(entries);
  }
  expect(complete.report()).toMatchObject([{ complete: true, readings: 4 }]);
  expect(lacking.report()).toMatchObject([{ complete: false, missing: [{ first: 8, last: 8 }] }]);
});

test("the local hub's account knows them", () => {
  const account = new Account();
  account.receive({
    id: 'gw/e/7-10',
    contentType: 'application/json',
    contentEncoding: 'gzip',
    properties: { gateway: 'gw', stream: 'live', epoch: 'e', seqFirst: '7', seqLast: '10', count: '4', format: 'rows' },
    body: gzipSync(`${LINES.join('\n')}\n`),
  });
  expect(account.flaws).toEqual([]);
  expect(account.summary()).toMatchObject({ readings: 4, gaps: 0, missing: 0 });
  expect(account.events.map(({ severity }) => severity)).toEqual([800, undefined]);
});
