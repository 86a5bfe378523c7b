// The Modbus adapter against pymodbus, which shares no code with it, over every way: every type in every order, exact,
// from several units; and addresses and units that are not there.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Transport } from '../../agent/src/adapters/modbus/transport.ts';
import { Kind } from '../../agent/src/model/batch.ts';
import { statusName } from '../../agent/src/model/status.ts';
import { tag } from '../adapters/modbus/tags.ts';
import { mint } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';
import { haveSocat, type SerialLine, serialLine } from '../support/serial-line.ts';
import { until } from '../support/until.ts';
import { expectExact, type Reading, readAll, type Told } from './modbus-values.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();
const WAYS = (['tcp', 'udp', 'rtu-over-tcp', 'tls', 'rtu'] as const).filter((way) => way !== 'rtu' || haveSocat());

describe.skipIf(python === undefined).each(WAYS)('pymodbus, %s', (way) => {
  let peer: Peer;
  let line: SerialLine | undefined;
  let told: readonly Told[];
  let reading: Reading;
  const missing = [
    tag(9_000, 'holding:1995', { unitId: 1 }),
    tag(9_001, 'holding:1999', { unitId: 5, type: 'float32' }),
    tag(9_002, 'holding:0', { unitId: 99 }),
  ];
  const neighbour = tag(9_003, 'holding:2000', { unitId: 5 });

  beforeAll(async () => {
    const transport = await start();
    told = peer.ready.values as Told[];
    reading = await readAll(transport, told, [...missing, neighbour]);
  }, 60_000);
  afterAll(async () => {
    await reading?.stop();
    await peer?.stop();
    await line?.stop();
  });

  async function start(): Promise<Transport> {
    if (way === 'rtu') {
      line = await serialLine();
      peer = await startPeer(python!, 'pymodbus_server.py', [way, line.far]);
      return { kind: 'rtu', device: line.device, baudRate: 19_200, dataBits: 8, parity: 'none', stopBits: 1 };
    }
    if (way !== 'tls') {
      peer = await startPeer(python!, 'pymodbus_server.py', [way]);
      return { kind: way, host: '127.0.0.1', port: Number(peer.ready.port) };
    }
    const folder = scratch();
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const authority = await mint({ name: 'ot-ca', authority: true });
    const server = await mint({ name: 'plc', issuer: authority, hosts: ['127.0.0.1'] });
    const own = await mint({ name: 'fieldgate', issuer: authority });
    const ca = file('ca.pem', authority.pem);
    const theirs = [file('plc.pem', server.pem), file('plc.key', server.keyPem), ca];
    peer = await startPeer(python!, 'pymodbus_server.py', [way, ...theirs]);
    const tls = { ca, certificate: file('own.pem', own.pem), key: file('own.key', own.keyPem) };
    return { kind: 'tcp', host: '127.0.0.1', port: Number(peer.ready.port), tls };
  }

  test('every value of every type, order and unit', () => {
    expect(told.length).toBeGreaterThan(500);
    expectExact(told, reading.sink);
    const float = told.findIndex(([, , type]) => type === 'float32');
    expect(reading.sink.last(float)?.kind).toBe(Kind.Float32);
  });

  test('addresses and units that are not there are Bad, their neighbours are not', async () => {
    const { sink } = reading;
    // A line has no gateway that could say that a unit is missing: there it is silent.
    expect(missing.map(({ index }) => statusName(sink.last(index)!.status))).toEqual([
      'BadConfigurationError',
      'BadConfigurationError',
      expect.stringMatching(/^Bad(NoCommunication|DeviceFailure|Timeout)$/),
    ]);
    await until('unit 99 is left out', () => sink.parts.has('unit 99'));
    const named = [...sink.parts.keys()].filter((name) => !name.includes(' every '));
    expect(named.sort()).toEqual(['T9000', 'T9001', 'unit 99']);
    expect(sink.last(neighbour.index)?.value).toBe(5);
  });

  test('it goes on, and every poll is a reading', async () => {
    const seen = reading.sink.of(0).length;
    await until('five more', () => reading.sink.of(0).length >= seen + 5);
    expect(reading.sink.faults()).toEqual([]);
  });
});
