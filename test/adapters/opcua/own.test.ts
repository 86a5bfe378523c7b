// The gateway's own certificate: made as servers want it, followed in good time, and whole whenever the process dies.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { NOTICE_DAYS, ownCertificate, renewNow } from '../../../agent/src/adapters/opcua/own.ts';
import { mint } from '../../support/mint.ts';
import { scratch } from '../../support/scratch.ts';

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

test('a key that is not that of the certificate is a fault that says so', async () => {
  await ownCertificate(folder, URI, today);
  writeFileSync(at('own/private/private_key.pem'), (await mint({ name: 'another' })).keyPem);
  await expect(ownCertificate(folder, URI, today)).rejects.toMatchObject({
    code: 'source.configuration',
    message: expect.stringContaining('is not the key of'),
  });
});
