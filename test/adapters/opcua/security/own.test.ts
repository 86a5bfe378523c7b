// The gateway's own certificate: made as servers want it, followed in good time, and whole whenever the process dies.

import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import { NOTICE_DAYS, ownCertificate, renewNow } from '../../../../agent/src/adapters/opcua/security/own.ts';
import { openPki } from '../../../../agent/src/adapters/opcua/security/pki.ts';
import type { Fault } from '../../../../agent/src/model/fault.ts';
import { mint } from '../../../support/mint.ts';
import { scratch } from '../../../support/scratch.ts';

const URI = 'urn:lavera:gw1:fieldgate';
const DAY = 86_400_000;
const today = new Date();
const after = (days: number) => new Date(today.getTime() + days * DAY);
const LIFE = 5 * 365;

let folder: string;
beforeEach(() => {
  folder = scratch();
});
const at = (file: string) => join(folder, file);
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;

test('it names the gateway, its host and the addresses of the host; the key is for nobody else', async () => {
  const { der, key, file, applicationUri } = await ownCertificate(folder, URI, today);
  const certificate = new X509Certificate(der);
  expect(applicationUri).toBe(URI);
  expect(certificate.subjectAltName).toContain(`URI:${URI}`);
  expect(certificate.subjectAltName).toContain(`DNS:${hostname()}`);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3_072);
  expect(file).toBe(at('own/certs/fieldgate.pem'));
  expect(statSync(at('own/private/private_key.pem')).mode & 0o777).toBe(0o600);
  expect(statSync(at('own/private')).mode & 0o777).toBe(0o700);
  expect(readdirSync(at('own/private'))).toEqual(['private_key.pem']); // nothing half done is left
});

test('it stays the same from one start to the next', async () => {
  const first = await ownCertificate(folder, URI, today);
  expect(await ownCertificate(folder, 'urn:lavera:renamed:fieldgate', today)).toEqual(first);
});

test('several that come at once get the same one', async () => {
  const all = await Promise.all([1, 2, 3].map(() => ownCertificate(folder, URI, today)));
  const last = await ownCertificate(folder, URI, today);
  for (const { key } of all) expect(key).toBe(last.key);
});

test('its successor is made in time, with a key of its own, and serves when the old one has ended', async () => {
  const first = await ownCertificate(folder, URI, today);
  expect((await ownCertificate(folder, URI, after(LIFE - NOTICE_DAYS - 1))).next).toBeUndefined();
  const noticed = await ownCertificate(folder, URI, after(LIFE - NOTICE_DAYS));
  expect(noticed.thumbprint).toBe(first.thumbprint);
  const { next } = noticed;
  expect(next?.file).toBe(at('own/certs/fieldgate-next.pem'));
  expect(next?.x509.checkPrivateKey(createPrivateKey(first.key))).toBe(false);
  expect((await ownCertificate(folder, URI, after(LIFE - 1))).thumbprint).toBe(first.thumbprint);
  const second = await ownCertificate(folder, URI, after(LIFE + 1));
  expect(second.thumbprint).toBe(next?.thumbprint);
  expect(second.applicationUri).toBe(URI);
  expect(second.next).toBeUndefined();
  expect(new X509Certificate(readFileSync(at('own/old/fieldgate.pem'))).raw).toEqual(first.der);
});

test('a clock that was years ahead for a while costs no identity that servers trust', async () => {
  const first = await ownCertificate(folder, URI, today);
  const wrong = await ownCertificate(folder, URI, after(3 * LIFE));
  expect(wrong.thumbprint).not.toBe(first.thumbprint);
  expect((await ownCertificate(folder, URI, today)).thumbprint).toBe(first.thumbprint);
  expect(statSync(at('own/private/private_key.pem')).mode & 0o777).toBe(0o600);
  // In its time it is followed as any other.
  expect((await ownCertificate(folder, URI, after(LIFE - NOTICE_DAYS))).next).toBeDefined();
  expect((await ownCertificate(folder, URI, after(LIFE + 1))).thumbprint).not.toBe(wrong.thumbprint);
});

test('a process that died while the successor took its place left a pair that fits', async () => {
  await ownCertificate(folder, URI, today);
  const { next } = await ownCertificate(folder, URI, after(LIFE - 1));
  renameSync(at('own/private/private_key-next.pem'), at('own/private/private_key.pem')); // and then the power failed
  const found = await ownCertificate(folder, URI, after(LIFE - 1));
  expect(found.thumbprint).toBe(next?.thumbprint);
  expect(existsSync(at('own/certs/fieldgate-next.pem'))).toBe(false);
});

test('a process that died between key and certificate goes on with the key', async () => {
  const { key } = await ownCertificate(folder, URI, today);
  renameSync(at('own/certs/fieldgate.pem'), at('lost.pem'));
  expect((await ownCertificate(folder, URI, today)).key).toBe(key);
});

test('renewed at once, the old pair is kept', async () => {
  const first = await ownCertificate(folder, URI, today);
  await renewNow(folder, undefined, today);
  const second = await ownCertificate(folder, URI, today);
  expect(second.thumbprint).not.toBe(first.thumbprint);
  expect(second.applicationUri).toBe(URI);
  expect(readFileSync(at('own/old/private_key.pem'), 'utf8')).toBe(first.key);
  expect(statSync(at('own/old/private_key.pem')).mode & 0o777).toBe(0o600);
});

test('a key that others could read is closed', async () => {
  await ownCertificate(folder, URI, today);
  chmodSync(at('own/private/private_key.pem'), 0o644);
  await ownCertificate(folder, URI, today);
  expect(statSync(at('own/private/private_key.pem')).mode & 0o777).toBe(0o600);
});

test.each(
  Object.entries({
    'a key of another certificate': [
      async () => ({ key: (await mint({ name: 'another' })).keyPem }),
      'is not the key of',
    ],
    'a key that is encrypted': [
      async () => ({ key: rsa().export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) }),
      'encrypted',
    ],
    'a key that is none': [async () => ({ key: 'rubbish' }), 'damaged'],
    'a key of an elliptic curve': [
      async () => ({
        key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      }),
      'RSA key of 2048 to 4096 bits',
    ],
    'a key that is too short': [
      async () => {
        const { pem, keyPem } = await mint({ name: 'gw', uri: URI, bits: 1_024 });
        return { key: keyPem, certificate: pem };
      },
      'RSA key of 2048 to 4096 bits',
    ],
    'a certificate that is none': [async () => ({ certificate: 'rubbish' }), 'no certificate'],
    'a certificate without ApplicationUri': [
      async () => {
        const { pem, keyPem } = await mint({ name: 'gw' });
        return { key: keyPem, certificate: pem };
      },
      'names no ApplicationUri',
    ],
  } satisfies Record<string, [() => Promise<{ key?: string | Buffer; certificate?: string }>, string]>),
)('%s is a fault that says so and how to mend it', async (_, [files, says]) => {
  await ownCertificate(folder, URI, today);
  const { key, certificate } = (await files()) as { key?: string; certificate?: string };
  if (key !== undefined) writeFileSync(at('own/private/private_key.pem'), key);
  if (certificate !== undefined) writeFileSync(at('own/certs/fieldgate.pem'), certificate);
  const fault = await ownCertificate(folder, URI, today).catch((error: unknown) => error);
  expect(fault).toMatchObject({ code: 'source.configuration', message: expect.stringContaining(says) });
  expect((fault as Fault).message).toMatch(/certificates create MAPPING --force|openssl/);
  expect((fault as Fault).message).not.toContain('PRIVATE KEY');
});

test('without a key the certificate is of no use, and a new pair is made on request', async () => {
  await ownCertificate(folder, URI, today);
  rmSync(at('own/private/private_key.pem'));
  await expect(ownCertificate(folder, URI, today)).rejects.toMatchObject({
    message: expect.stringContaining('not there'),
  });
  await renewNow(folder, URI, today);
  expect((await ownCertificate(folder, URI, today)).applicationUri).toBe(URI);
});

const root = process.getuid?.() === 0;

test.runIf(root)('what root makes belongs to whom the folder belongs', async () => {
  chownSync(folder, 12_345, 12_345);
  const pki = openPki(at('data/pki'));
  await pki.own(URI, today);
  await pki.add((await mint({ name: 'PLC 7' })).der, 'trusted');
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(all.length).toBeGreaterThan(10);
  for (const each of all) expect([each, statSync(at(each)).uid]).toEqual([each, 12_345]);
});

test.runIf(root)('a folder of somebody else is a fault that says whose it is', async () => {
  const pki = at('pki');
  await openPki(pki).own(URI, today);
  chownSync(folder, 12_345, 12_345);
  chmodSync(folder, 0o755);
  const source = `
    const { openPki } = await import(${JSON.stringify(new URL('../../../../agent/src/adapters/opcua/security/pki.ts', import.meta.url).href)});
    process.setgid(12_345);
    process.setuid(12_345);
    const own = await openPki(process.argv[1]).own('urn:x', new Date()).catch((fault) => fault);
    process.stdout.write(own.code + ': ' + own.message);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source, pki]);
  expect(stdout).toContain('source.configuration: ');
  expect(stdout).toContain('belongs to user 0; as root: chown -R 12345 ');
});
