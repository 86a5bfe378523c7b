// The OPC UA adapter against asyncua, which shares no code with node-opcua: encryption, user name, every type exact,
// and a counter of which nothing is lost.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { Kind } from '../../agent/src/model/batch.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { formatTime } from '../../agent/src/model/time.ts';
import { type Recorder, recorder } from '../adapters/recorder.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();

const EXPECTED: Record<string, unknown> = {
  Boolean: true,
  SByte: -128,
  Byte: 255,
  Int16: -32_768,
  UInt16: 65_535,
  Int32: -2_147_483_648,
  UInt32: 4_294_967_295,
  'Int64 small': -5,
  Int64: -(2n ** 63n),
  UInt64: 2n ** 64n - 1n,
  Float: Math.fround(12.31),
  Double: 0.1,
  NaN: Number.NaN,
  String: 'Ölstand 5 µm',
  DateTime: '2026-11-22T10:00:00.1234560Z',
  Guid: '72962B91-FA75-4AE6-8D28-B404DC7DAF63',
  ByteString: 'AAH+/w==',
  XmlElement: '<a/>',
  NodeId: 'ns=3;s=A/B',
  StatusCode: 'BadSensorFailure',
  QualifiedName: '2:PV',
  LocalizedText: 'Débit',
  'Float array': [1.5, -2.25],
  'String array': ['a', '', 'ü'],
  'UInt64 array': [7, 2n ** 64n - 1n],
  matrix: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  structure: { low: -1, high: 2.5 },
};
const NAMES = [...Object.keys(EXPECTED), 'timed', 'counter', 'missing'];

describe.skipIf(python === undefined)('asyncua', () => {
  let peer: Peer;
  let sink: Recorder;
  let run: Promise<void>;
  let options: Parameters<typeof opcuaAdapter>[0];
  const stop = new AbortController();

  beforeAll(async () => {
    peer = await startPeer(python!, 'asyncua_server.py', [scratch()]);
    const { endpoint, certificate } = peer.ready as { endpoint: string; certificate: string };
    const pki = scratch();
    mkdirSync(join(pki, 'trusted/certs'), { recursive: true });
    writeFileSync(join(pki, 'trusted/certs/asyncua.der'), Buffer.from(certificate, 'base64'));
    options = {
      name: 'asyncua',
      endpoint,
      security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' },
      user: { name: 'fieldgate', password: async () => 'crude oil' },
      publishing: 200,
      pki,
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: NAMES.map((name, index) => {
        return { index, name, node: `nsu=urn:test:asyncua;s=${name}`, sampling: 20, wantsRange: false };
      }),
    };
    const adapter = opcuaAdapter(options);
    sink = recorder();
    await adapter.connect(stop.signal);
    run = adapter.run(sink, stop.signal).finally(() => adapter.close());
    await Promise.race([run, until('first readings', () => NAMES.every((_, tag) => sink.last(tag)))]);
  });
  afterAll(async () => {
    stop.abort();
    await run;
    await peer?.stop();
  });

  const reading = (name: string) => sink.last(NAMES.indexOf(name))!;

  test.each(Object.keys(EXPECTED))('%s', (name) => {
    expect(statusName(reading(name).status)).toBe('Good');
    expect(reading(name).value).toEqual(EXPECTED[name]);
  });

  test('a float is marked as 32 bits wide', () => {
    expect(reading('Float').kind).toBe(Kind.Float32);
    expect(reading('Double').kind).toBe(Kind.Number);
  });

  test('status and source time', () => {
    expect(statusName(reading('timed').status)).toBe('UncertainLastUsableValue');
    expect(formatTime(reading('timed').time)).toBe('2026-11-22T10:00:00.1234560Z');
    expect(reading('timed').value).toBe(1.5);
  });

  test('an unknown node is Bad alone', () => {
    expect(statusName(reading('missing').status)).toBe('BadNodeIdUnknown');
    expect([...sink.parts.keys()]).toEqual(['missing']);
  });

  test('a counter loses nothing', async () => {
    const count = 200; // no faster than it is sampled: asyncua reports every write, and drops silently
    peer.tell(`tick ${count} 20`);
    expect(await peer.line()).toBe('ticked');
    await until('the last count', () => reading('counter').value === count);
    const values = sink.of(NAMES.indexOf('counter')).map(({ value }) => value);
    expect(values).toEqual(Array.from({ length: count + 1 }, (_, i) => i));
    expect(sink.gaps).toEqual([]);
  });

  test('a wrong password', async () => {
    const adapter = opcuaAdapter({ ...options, user: { name: 'fieldgate', password: async () => 'wrong' } });
    await expect(adapter.connect(new AbortController().signal)).rejects.toMatchObject({ code: 'source.credentials' });
    await adapter.close();
  });

  test('a server that dies ends run', async () => {
    const adapter = opcuaAdapter({ ...options, name: 'second' });
    await adapter.connect(new AbortController().signal);
    const ended = adapter.run(recorder(), new AbortController().signal).catch((error: unknown) => error);
    const first = run.catch((error: unknown) => error);
    run = first.then(() => {});
    await peer.stop();
    expect(await ended).toMatchObject({ code: 'source.closed' });
    expect(await first).toMatchObject({ code: 'source.closed' });
    await adapter.close();
  });
});
