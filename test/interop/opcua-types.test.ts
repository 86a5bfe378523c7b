// Types of a server's own, and events, against asyncua: structures by their descriptions, exact to the last field.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { opcuaSurvey } from '../../agent/src/adapters/opcua/browse/survey.ts';
import { type Kept, keep } from '../../agent/src/adapters/opcua/kept.ts';
import { valueAt } from '../../agent/src/model/batch.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { now, TICKS_PER_MS } from '../../agent/src/model/time.ts';
import { openly, QUICK } from '../adapters/opcua/rig.ts';
import { type Recorder, recorder } from '../adapters/recorder.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();

const PUMP = {
  Tag: '20P101',
  State: 1,
  Speed: 2950.5,
  Main: { Name: 'seal', Count: 2n ** 60n },
  Parts: [
    { Name: 'bearing', Count: -5 },
    { Name: null, Count: 0 },
  ],
  Trend: [1.5, -2.25],
};
/** One value of each built-in type. */
const EVERY: Record<string, unknown> = {
  Boolean: true,
  SByte: -128,
  Byte: 255,
  Int16: -32_768,
  UInt16: 65_535,
  Int32: -(2 ** 31),
  UInt32: 2 ** 32 - 1,
  Int64: -(2n ** 63n),
  UInt64: 2n ** 64n - 1n,
  Float: 12.5,
  Double: 0.1,
  String: 'Ölstand 5 µm',
  DateTime: '2026-11-22T10:00:00.1234560Z',
  Guid: '72962B91-FA75-4AE6-8D28-B404DC7DAF63',
  ByteString: 'AAH+/w==',
  XmlElement: '<a b="c"/>',
  NodeId: 'ns=3;s=A/B',
  ExpandedNodeId: 'svr=1;nsu=urn:x;s=A/B',
  StatusCode: 'BadSensorFailure',
  QualifiedName: '2:PV',
  LocalizedText: 'Débit',
  DataValue: { value: 7, status: 'Good', time: null },
  DiagnosticInfo: { SymbolicId: 3, AdditionalInfo: 'why' },
  Variant: [1, 2],
};
const twice = (value: unknown) => [value, value];
const plain = (name: string) => (name === 'Variant' ? [EVERY[name]] : EVERY[name]);
const WITH_NOTE = { Number: 7, Note: 'late' };
const EXPECTED: Record<string, unknown> = {
  everything: EVERY,
  lists: Object.fromEntries(Object.entries(EVERY).map(([name, value]) => [name, twice(value)])),
  nest: {
    Batch: WITH_NOTE,
    Choices: [{ Level: 12.5 }, { Text: 'by hand' }],
    Batches: [{ Number: 8 }, WITH_NOTE],
    Nobody: [],
  },
  ...Object.fromEntries(Object.keys(EVERY).map((name) => [`plain ${name}`, plain(name)])),
  'first DateTime': null,
  'early DateTime': '1601-01-01T00:00:01.0000010Z',
  'old DateTime': '1969-12-31T23:59:59.9999990Z',
  'last DateTime': '9999-12-31T23:59:59.000Z',
  NaN: Number.NaN,
  infinite: Number.NEGATIVE_INFINITY,
  matrix: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  cube: [
    [[1.5], [2.5]],
    [[3.5], [4.5]],
  ],
  'matrix of texts': [
    ['a', null],
    ['', 'b'],
  ],
  pump: PUMP,
  'recorded pump': { ...PUMP, Speed: 3 },
  pumps: [PUMP, PUMP],
  'with note': WITH_NOTE,
  'without note': { Number: 8 },
  choice: { Level: 12.5 },
};
const NAMES = Object.keys(EXPECTED);
const EVENTS = 99;

describe.skipIf(python === undefined)('asyncua, looked at', () => {
  let peer: Peer;
  beforeAll(async () => {
    peer = await startPeer(python!, 'asyncua_types_server.py', [], 90_000);
  }, 100_000);
  afterAll(() => peer?.stop());

  test('browse tells what enumerations and states mean, and read sends it', async () => {
    const tags = ['state', 'valve'].map((name, index) => ({
      index,
      name,
      node: `nsu=urn:test:types;s=${name}`,
      sampling: 100,
      wantsRange: false,
      enumText: 'wanted' as const,
    }));
    const survey = opcuaSurvey(openly(String(peer.ready.endpoint), scratch(), tags));
    const { signal } = new AbortController();
    const found = new Map<string, unknown>();
    for await (const { name, type, texts } of survey.browse!({ progress: () => {} }, signal))
      found.set(name, { type, texts });
    expect(found.get('state')).toEqual({ type: 'PumpState', texts: { 0: 'Stopped', 1: 'Running', 2: 'Failed' } });
    expect(found.get('valve')).toEqual({ type: 'Boolean', texts: { false: 'Shut', true: 'Open' } });
    expect(found.get('plain Int32')).toEqual({ type: 'Int32', texts: undefined });
    const { batch } = await survey.read([0, 1], signal);
    expect([valueAt(batch, 0), valueAt(batch, 1)]).toEqual(['Running', 'Open']);
  });
});

describe.skipIf(python === undefined).each(['subscribe', 'poll'] as const)('asyncua, %s', (mode) => {
  let peer: Peer;
  let kept: Kept;
  let sink: Recorder;
  let run: Promise<void>;
  const stop = new AbortController();

  beforeAll(async () => {
    peer = await startPeer(python!, 'asyncua_types_server.py', [], 90_000);
    const tags = NAMES.map((name, index) => {
      return {
        index,
        name,
        node: `nsu=urn:test:types;s=${name}`,
        sampling: 100,
        wantsRange: false,
        mode,
        history: true,
      };
    });
    const events = {
      index: EVENTS,
      name: 'plc:events',
      notifier: 'i=2253',
      severityFrom: 500,
      types: ['i=2130'],
      fields: [],
      conditions: false,
    };
    const options = { ...openly(String(peer.ready.endpoint), scratch(), tags), events };
    kept = keep(options, 10);
    const adapter = opcuaAdapter(options, QUICK, kept);
    sink = recorder();
    await adapter.connect(stop.signal);
    run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    await Promise.race([
      run,
      until('first readings', () => sink.readies > 0 && NAMES.every((_, tag) => sink.last(tag))),
    ]);
  }, 100_000);
  afterAll(async () => {
    stop.abort();
    await run;
    await peer?.stop();
  });

  test.each(NAMES)('%s', (name) => {
    const reading = sink.of(NAMES.indexOf(name))[0]!;
    expect(statusName(reading.status)).toBe('Good');
    expect(reading.value).toEqual(EXPECTED[name]);
  });

  test('structures of the history', async () => {
    const tag = NAMES.indexOf('recorded pump');
    const to = now();
    const from = to - 600_000 * TICKS_PER_MS;
    const ever = () => Number.NEGATIVE_INFINITY;
    kept.history.want({ reason: 'source-down', from, to }, [tag], ever, () => Number.POSITIVE_INFINITY);
    await until('what was recovered', () => sink.gaps.find(({ recovered = 0 }) => recovered >= 3));
    const past = sink.batches.filter(({ stream }) => stream === 'backfill');
    const values = past.flatMap((batch) => Array.from({ length: batch.count }, (_, i) => valueAt(batch, i)));
    expect(values.slice(-3)).toEqual([1, 2, 3].map((Speed) => ({ ...PUMP, Speed })));
  });

  test('an event that is severe enough', async () => {
    peer.tell('event');
    expect(await peer.line()).toBe('raised');
    await until('the event', () => sink.last(EVENTS));
    expect(sink.of(EVENTS).map(({ value }) => value)).toMatchObject([{ Severity: 600, Message: 'severity 600' }]);
    // A busy machine may be too slow for the polling; that is told, and is not what is asked here.
    expect([...sink.parts.keys()].filter((key) => !key.startsWith('polling'))).toEqual([]);
  });
});
