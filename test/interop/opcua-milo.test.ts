// The OPC UA adapter against Eclipse Milo, the stack in Java behind many gateways and SCADA systems.

import { afterAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { formatTime } from '../../agent/src/model/time.ts';
import { pkiTrusting } from '../adapters/opcua/rig.ts';
import { recorder } from '../adapters/recorder.ts';
import { freePort } from '../support/free-port.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { interopSuite } from './opcua-suite.ts';
import { miloStack } from './plant.ts';
import type { Peer } from './python.ts';

const stack = await miloStack();

interopSuite(stack, { pace: 30, filters: false, refreshes: true });

const EXPECTED: Record<string, unknown> = {
  Boolean: true,
  Int16: -32_768,
  Int64: -(2n ** 63n),
  UInt64: 2n ** 64n - 1n,
  Float: Math.fround(12.31),
  Double: 0.1,
  String: 'Ölstand 5 µm',
  'Double array': [1.5, -2.25],
};
const NAMES = [...Object.keys(EXPECTED), 'timed', 'missing'];

describe.skipIf(stack === undefined)('Eclipse Milo', () => {
  let peer: Peer | undefined;
  afterAll(() => peer?.stop());

  test('values, statuses and times are exact', { timeout: 60_000 }, async () => {
    peer = await stack!.start(scratch(), await freePort());
    const adapter = opcuaAdapter({
      name: 'milo',
      endpoint: String(peer.ready.endpoint),
      user: { name: 'fieldgate', password: async () => 'crude oil' },
      publishing: 100,
      pki: pkiTrusting(Buffer.from(String(peer.ready.certificate), 'base64')),
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: NAMES.map((name, index) => {
        return { index, name, node: `nsu=urn:test:plant;s=${name}`, sampling: 20, wantsRange: false };
      }),
    });
    const sink = recorder();
    const stop = new AbortController();
    await adapter.connect(stop.signal);
    const run = adapter.run(sink, stop.signal);
    await Promise.race([run, until('first readings', () => NAMES.every((_, tag) => sink.last(tag)))]);
    for (const [name, value] of Object.entries(EXPECTED)) {
      const reading = sink.last(NAMES.indexOf(name))!;
      const told = { name, status: statusName(reading.status), value: reading.value };
      expect.soft(told).toEqual({ name, status: 'Good', value });
    }
    const timed = sink.last(NAMES.indexOf('timed'))!;
    expect(statusName(timed.status)).toBe('UncertainLastUsableValue');
    expect(formatTime(timed.time)).toBe('2021-01-01T00:00:00.1234567Z');
    expect(statusName(sink.last(NAMES.indexOf('missing'))!.status)).toBe('BadNodeIdUnknown');
    stop.abort();
    await run;
    await adapter.close();
  });
});
