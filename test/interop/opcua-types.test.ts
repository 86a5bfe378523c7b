// Types of a server's own, and events, against asyncua: structures by their descriptions, exact to the last field.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { statusName } from '../../agent/src/model/status.ts';
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
const EXPECTED: Record<string, unknown> = {
  pump: PUMP,
  pumps: [PUMP, PUMP],
  'with note': { Number: 7, Note: 'late' },
  'without note': { Number: 8 },
  choice: { Level: 12.5 },
};
const NAMES = Object.keys(EXPECTED);
const EVENTS = 99;

describe.skipIf(python === undefined).each(['subscribe', 'poll'] as const)('asyncua, %s', (mode) => {
  let peer: Peer;
  let sink: Recorder;
  let run: Promise<void>;
  const stop = new AbortController();

  beforeAll(async () => {
    peer = await startPeer(python!, 'asyncua_types_server.py');
    const tags = NAMES.map((name, index) => {
      return { index, name, node: `nsu=urn:test:types;s=${name}`, sampling: 100, wantsRange: false, mode };
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
    const adapter = opcuaAdapter({ ...openly(String(peer.ready.endpoint), scratch(), tags), events }, QUICK);
    sink = recorder();
    await adapter.connect(stop.signal);
    run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    await Promise.race([
      run,
      until('first readings', () => sink.readies > 0 && NAMES.every((_, tag) => sink.last(tag))),
    ]);
  });
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

  test('an event that is severe enough', async () => {
    peer.tell('event');
    expect(await peer.line()).toBe('raised');
    await until('the event', () => sink.last(EVENTS));
    expect(sink.of(EVENTS).map(({ value }) => value)).toMatchObject([{ Severity: 600, Message: 'severity 600' }]);
    expect([...sink.parts]).toEqual([]);
  });
});
