// Modbus over TLS: whom the gateway talks to, what it shows of itself, and what becomes of everybody else.

import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createSecureServer, type TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { TlsFiles } from '../../../agent/src/adapters/modbus/tcp.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { type ModbusSim, startModbusServer } from '../../../sim/refinery/modbus.ts';
import { type Minted, mint } from '../../support/mint.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { polled } from './polled.ts';
import { tag } from './tags.ts';

const folder = scratch();
let authority: Minted;
let server: Minted;
let own: Minted;
let files: { ca: string; certificate: string; key: string };

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(async () => {
  authority = await mint({ name: 'ot-ca', authority: true });
  server = await mint({ name: 'flare-plc', issuer: authority, hosts: ['127.0.0.1', 'flare-plc.lavera.example'] });
  own = await mint({ name: 'fieldgate', issuer: authority });
  files = {
    ca: file('ca.pem', authority.pem),
    certificate: file('own.pem', own.pem),
    key: file('own.key', own.keyPem),
  };
});

/** A device that wants a certificate of whoever connects; behind it is the simulated PLC. */
async function device(options: TlsOptions = {}) {
  const sim: ModbusSim = await startModbusServer({ site: 'flare', ticking: false });
  sim.setRegister(1, 'holding', 500, [77]);
  const shown: string[] = [];
  const secure = createSecureServer(
    {
      cert: server.pem,
      key: server.keyPem,
      ca: authority.pem,
      requestCert: true,
      rejectUnauthorized: true,
      ...options,
    },
    (socket) => {
      shown.push(socket.getPeerCertificate().subject?.CN as string);
      const plain = connect(sim.port, '127.0.0.1');
      socket.pipe(plain).pipe(socket);
      for (const end of [socket, plain]) {
        end.on('error', () => {});
        end.on('close', () => {
          socket.destroy();
          plain.destroy();
        });
      }
    },
  );
  secure.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await new Promise<void>((resolve) => {
      secure.close(() => resolve());
      void sim.close();
    });
  });
  return { port: (secure.address() as { port: number }).port, shown, sim };
}

const TAGS = [tag(1, 'holding:500', { poll: 20 })];

const run = (port: number, tls: TlsFiles, host = '127.0.0.1') =>
  polled({ kind: 'tcp', host, port, tls }, TAGS, { timeout: 500 });

const fault = (promise: Promise<unknown>) => promise.then(() => 'connected', (thrown) => (thrown instanceof Fault ? thrown : String(thrown))); // biome-ignore format: one line

async function code(promise: Promise<unknown>): Promise<string> {
  const thrown = await fault(promise);
  return typeof thrown === 'string' ? thrown : thrown.code;
}

test('both sides show their certificates, and values are read', async () => {
  const { port, shown } = await device();
  const { sink } = await run(port, files);
  await until('readings', () => sink.of(1).length > 5);
  expect(sink.last(1)?.value).toBe(77);
  expect(shown).toEqual(['fieldgate']);
});

test('a device with another name is reached under the name in its certificate', async () => {
  const named = await mint({ name: 'plc', issuer: authority, hosts: ['flare-plc.lavera.example'] });
  const { port } = await device({ cert: named.pem, key: named.keyPem });
  expect(await code(run(port, files))).toBe('source.untrusted');
  const { sink } = await run(port, { ...files, serverName: 'flare-plc.lavera.example' });
  await until('readings', () => sink.of(1).length > 0);
});

describe('nobody else is believed', () => {
  test.each<[string, () => Promise<Minted>]>([
    ['signed by itself', () => mint({ name: 'flare-plc', hosts: ['127.0.0.1'] })],
    [
      'signed by another authority of the same name',
      async () =>
        mint({ name: 'flare-plc', hosts: ['127.0.0.1'], issuer: await mint({ name: 'ot-ca', authority: true }) }),
    ],
    ['for another host', () => mint({ name: 'flare-plc', hosts: ['10.0.0.1'], issuer: authority })],
    ['expired', () => mint({ name: 'flare-plc', hosts: ['127.0.0.1'], issuer: authority, from: -30, to: -1 })],
    ['not valid yet', () => mint({ name: 'flare-plc', hosts: ['127.0.0.1'], issuer: authority, from: 1, to: 30 })],
  ])('a certificate %s', async (_, make) => {
    const wrong = await make();
    const { port, sim } = await device({ cert: wrong.pem, key: wrong.keyPem });
    const thrown = await fault(run(port, files));
    expect(thrown).toMatchObject({ code: 'source.untrusted', message: expect.stringContaining('tls.ca') });
    expect(sim.requests()).toEqual([]);
  });

  test('an old TLS', async () => {
    const { port } = await device({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    expect(await code(run(port, files))).toBe('source.unreachable');
  });

  test('a device without TLS is told nothing', async () => {
    const received: Buffer[] = [];
    const plain = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => received.push(bytes));
      socket.write(Buffer.from('000000000006010302004d', 'hex'));
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void plain.close());
    expect(await code(run((plain.address() as { port: number }).port, files))).toBe('source.unreachable');
    // A handshake begins with 0x16; a Modbus request never left.
    for (const bytes of received) expect(bytes[0]).toBe(0x16);
  });
});

describe('a device that does not take the gateway', () => {
  test.each([
    ['because it shows no certificate', async () => ({ ca: files.ca })],
    [
      'because its certificate is of another authority',
      async () => {
        const other = await mint({ name: 'fieldgate' });
        return { ca: files.ca, certificate: file('other.pem', other.pem), key: file('other.key', other.keyPem) };
      },
    ],
  ])('%s', async (_, make) => {
    const { port, sim } = await device();
    const tls = await make();
    // With TLS 1.3 the refusal comes after the handshake.
    const made = await run(port, tls).catch(() => undefined);
    if (made) await until('the end', () => made.ended);
    expect(made?.sink.readings.filter(({ status }) => status === 0) ?? []).toEqual([]);
    expect(sim.requests()).toEqual([]);
  });
});

test.each([
  ['a CA file that is not there', () => ({ ...files, ca: '/nowhere/ca.pem' }), '/nowhere/ca.pem'],
  ['a key that is not there', () => ({ ...files, key: '/nowhere/own.key' }), '/nowhere/own.key'],
  [
    'a certificate that is none',
    () => ({ ...files, certificate: file('text.pem', 'no certificate') }),
    'cannot be used',
  ],
  ['a key of another certificate', () => ({ ...files, key: file('ca.key', authority.keyPem) }), 'cannot be used'],
])('%s is told as such', async (_, make, words) => {
  const { port } = await device();
  const thrown = await fault(run(port, make()));
  expect(thrown).toMatchObject({ code: 'source.credentials', message: expect.stringContaining(words) });
});
