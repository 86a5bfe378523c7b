// Structures of a server before OPC UA 1.04, which describes them in a type dictionary alone: against asyncua, exact to
// the last field, sent, polled and read once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { opcuaSurvey } from '../../agent/src/adapters/opcua/browse/survey.ts';
import { valueAt } from '../../agent/src/model/batch.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { openly, QUICK } from '../adapters/opcua/rig.ts';
import { recorder } from '../adapters/recorder.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();

const PUMP = {
  Tag: '20P101',
  Running: true,
  Speed: 2950.5,
  Since: '2026-11-22T10:00:00.1234560Z',
  Name: 'Ladepumpe',
  Main: { Name: 'seal', Count: 2n ** 60n },
  Parts: [
    { Name: 'bearing', Count: -5 },
    { Name: null, Count: 0 },
  ],
  Trend: [1.5, -2.25],
};
const EXPECTED: Record<string, unknown> = { pump: PUMP, pumps: [PUMP, PUMP] };
const NAMES = Object.keys(EXPECTED);

describe.skipIf(python === undefined)('asyncua with a type dictionary', () => {
  let peer: Peer;
  const options = (mode: 'subscribe' | 'poll') =>
    openly(
      String(peer.ready.endpoint),
      scratch(),
      NAMES.map((name, index) => {
        return { index, name, node: `nsu=urn:test:dictionary;s=${name}`, sampling: 100, wantsRange: false, mode };
      }),
    );
  beforeAll(async () => {
    peer = await startPeer(python!, 'asyncua_dictionary_server.py', [], 90_000);
  }, 100_000);
  afterAll(() => peer?.stop());

  test.each(['subscribe', 'poll'] as const)('%s', async (mode) => {
    const stop = new AbortController();
    const adapter = opcuaAdapter(options(mode), QUICK);
    const sink = recorder();
    await adapter.connect(stop.signal);
    const run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    await Promise.race([
      run,
      until('first readings', () => sink.readies > 0 && NAMES.every((_, tag) => sink.last(tag))),
    ]);
    stop.abort();
    await run;
    expect([...sink.parts]).toEqual([]);
    const first = NAMES.map((_, tag) => sink.of(tag)[0]!);
    expect(first.map(({ status }) => statusName(status))).toEqual(['Good', 'Good']);
    expect(first.map(({ value }) => value)).toEqual(Object.values(EXPECTED));
  });

  test('fieldgate read', async () => {
    const { batch } = await opcuaSurvey(options('subscribe')).read([0, 1], new AbortController().signal);
    expect(NAMES.map((_, i) => valueAt(batch, i))).toEqual(Object.values(EXPECTED));
  });
});
