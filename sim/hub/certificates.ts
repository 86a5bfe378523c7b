// The local hub's own certificates: a CA and a server certificate for localhost, made once per folder and kept
// there, so that a hub started again in the same folder is the same hub to those who trusted it.

// @peculiar/x509 is built on a container that needs this polyfill before anything else of it loads.
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts, and the file that holds the CA certificate. */
export interface Certificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly caFile: string;
}

const DAY_MS = 86_400_000;
/** P-256: made in about a millisecond, where RSA takes hundreds. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Those of `folder`, made and written there when it holds none. The server's names are localhost and 127.0.0.1. */
export async function certificatesOf(folder: string): Promise<Certificates> {
  const caFile = join(folder, 'ca.pem');
  const file = join(folder, 'server.pem.json');
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as Omit<Certificates, 'caFile'> & { notAfter: number };
    if (kept.notAfter > Date.now() + DAY_MS) return { ...kept, caFile };
  } catch {
    // None yet, or not readable as such: made anew below.
  }
  const notAfter = Date.now() + 365 * DAY_MS;
  const made = await make(new Date(notAfter));
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify({ ...made, notAfter }), { mode: 0o600 });
  await writeFile(caFile, made.ca);
  return { ...made, caFile };
}

async function make(notAfter: Date): Promise<Omit<Certificates, 'caFile'>> {
  const notBefore = new Date(Date.now() - DAY_MS);
  const caKeys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=fieldgate local hub CA',
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=localhost',
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
  return { ca: `${ca.toString('pem')}\n`, certificate: `${certificate.toString('pem')}\n`, key };
}

/** Positive and not zero, as RFC 5280 wants it. */
function serial(): string {
  return `01${randomBytes(8).toString('hex')}`;
}
