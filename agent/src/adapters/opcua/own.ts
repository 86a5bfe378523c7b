// The gateway's own certificate and key: made when there are none, and followed by the next pair in good time. Servers
// trust a certificate, not a name, so a new one that nobody was told of would lock the gateway out: the next pair is
// made NOTICE_DAYS before the end and shown to people; the old one serves until its last day. Files are written whole
// and renamed; whatever moment the process dies at, key and certificate of a pair are found together again.

import 'reflect-metadata';
import { createPrivateKey, generateKeyPair, randomBytes, webcrypto, type X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { link, mkdir, readFile, rm } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { Fault } from '../../model/fault.ts';
import { writeWhole } from './files.ts';
import { alternativeNames, type Certificate, parseCertificate } from './trust.ts';

/** The gateway's identity towards servers. */
export interface OwnCertificate {
  readonly der: Buffer;
  readonly thumbprint: string;
  readonly validTo: Date;
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly file: string;
  /** As the certificate says; what the gateway calls itself must be the same (OPC 10000-4 section 5.6.2). */
  readonly applicationUri: string;
  /** What takes its place on its last day; servers must trust it by then. */
  readonly next?: { readonly thumbprint: string; readonly file: string; readonly x509: X509Certificate };
}

/** How long before its end the next one is made, so that people have the time to have it trusted. */
export const NOTICE_DAYS = 60;
const DAY = 86_400_000;
const VALID_DAYS = 5 * 365;
const KEY_BITS = 3_072;

const CURRENT = { certificate: 'own/certs/fieldgate.pem', key: 'own/private/private_key.pem' };
const NEXT = { certificate: 'own/certs/fieldgate-next.pem', key: 'own/private/private_key-next.pem' };
const OLD = { certificate: 'own/old/fieldgate.pem', key: 'own/old/private_key.pem' };

type Pair = typeof CURRENT;

/** The pair that is valid now; made if there is none, renewed if it ends. Rejects with Fault `source.configuration`. */
export async function ownCertificate(folder: string, applicationUri: string, today: Date): Promise<OwnCertificate> {
  settle(folder);
  if (!existsSync(join(folder, CURRENT.certificate))) await make(folder, CURRENT, applicationUri, today);
  let current = read(folder, CURRENT);
  const left = daysOf(current, today);
  // One that an authority signed cannot be followed by one that it did not.
  const selfMade = current.x509.issuer === current.x509.subject;
  if (selfMade && left <= NOTICE_DAYS && !existsSync(join(folder, NEXT.certificate))) {
    await make(folder, NEXT, uriOf(current) ?? applicationUri, today);
  }
  if (left <= 0) {
    if (!selfMade) {
      throw new Fault(
        'source.configuration',
        `the gateway's own certificate ${join(folder, CURRENT.certificate)} ended on ${current.x509.validTo}; ` +
          'put a new one and its key in place, or: fieldgate certificates create --force',
      );
    }
    promote(folder);
    current = read(folder, CURRENT);
  }
  const next = existsSync(join(folder, NEXT.certificate)) ? read(folder, NEXT) : undefined;
  return {
    der: current.der,
    thumbprint: current.thumbprint,
    validTo: current.x509.validToDate,
    key: readKey(folder, current),
    file: join(folder, CURRENT.certificate),
    applicationUri: uriOf(current) ?? applicationUri,
    ...(next && { next: { thumbprint: next.thumbprint, x509: next.x509, file: join(folder, NEXT.certificate) } }),
  };
}

/** A new pair takes the place of the one there is, at once; that one is kept in own/old. */
export async function renewNow(folder: string, applicationUri: string | undefined, today: Date): Promise<void> {
  settle(folder);
  const current = existsSync(join(folder, CURRENT.certificate)) ? read(folder, CURRENT) : undefined;
  const uri = applicationUri ?? (current && uriOf(current));
  if (uri === undefined) throw new Fault('source.configuration', 'a first certificate needs the ApplicationUri');
  for (const file of Object.values(NEXT)) rmSync(join(folder, file), { force: true });
  if (current === undefined) return make(folder, CURRENT, uri, today);
  await make(folder, NEXT, uri, today);
  promote(folder);
}

const uriOf = (certificate: Certificate): string | undefined => alternativeNames(certificate).uris[0];

const daysOf = ({ x509 }: Certificate, today: Date) => (x509.validToDate.getTime() - today.getTime()) / DAY;

function read(folder: string, pair: Pair): Certificate {
  const file = join(folder, pair.certificate);
  try {
    return parseCertificate(readFileSync(file));
  } catch (error) {
    throw Fault.from(error, 'source.configuration', `the gateway's own certificate ${file} cannot be read`);
  }
}

function readKey(folder: string, certificate: Certificate): string {
  const file = join(folder, CURRENT.key);
  try {
    // Nobody but the gateway has business with it.
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    const pem = readFileSync(file, 'utf8');
    if (certificate.x509.checkPrivateKey(createPrivateKey(pem))) return pem;
  } catch (error) {
    throw Fault.from(error, 'source.configuration', `the gateway's private key ${file} cannot be read`);
  }
  throw new Fault(
    'source.configuration',
    `${file} is not the key of ${join(folder, CURRENT.certificate)}; put the right one in place, ` +
      'or: fieldgate certificates create --force',
  );
}

/** The next pair takes the place of the current one. The key goes first: see settle. */
function promote(folder: string): void {
  const at = (file: string) => join(folder, file);
  mkdirSync(at('own/old'), { recursive: true, mode: 0o700 });
  writeWhole(at(OLD.key), readFileSync(at(CURRENT.key)), 0o600);
  writeWhole(at(OLD.certificate), readFileSync(at(CURRENT.certificate)));
  renameSync(at(NEXT.key), at(CURRENT.key));
  renameSync(at(NEXT.certificate), at(CURRENT.certificate));
}

/** Ends what a process that died between two renames left: the next certificate, whose key is the current one already. */
function settle(folder: string): void {
  const at = (file: string) => join(folder, file);
  if (!existsSync(at(NEXT.certificate)) || existsSync(at(NEXT.key))) return;
  try {
    if (read(folder, NEXT).x509.checkPrivateKey(createPrivateKey(readFileSync(at(CURRENT.key)))))
      renameSync(at(NEXT.certificate), at(CURRENT.certificate));
    else rmSync(at(NEXT.certificate), { force: true });
  } catch {
    rmSync(at(NEXT.certificate), { force: true }); // neither half can be used
  }
}

/**
 * Key first, and never over another one: when two processes come here at once, both make their certificate for the key
 * that is there.
 */
async function make(folder: string, pair: Pair, applicationUri: string, today: Date): Promise<void> {
  const at = (file: string) => join(folder, file);
  await mkdir(at('own/private'), { recursive: true, mode: 0o700 });
  await mkdir(at('own/certs'), { recursive: true });
  if (!existsSync(at(pair.key))) {
    const { privateKey } = await promisify(generateKeyPair)('rsa', {
      modulusLength: KEY_BITS,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const aside = `${at(pair.key)}.${randomBytes(6).toString('hex')}`;
    writeWhole(aside, privateKey, 0o600);
    try {
      await link(aside, at(pair.key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(aside, { force: true });
    }
  }
  const pem = await certificateFor(await readFile(at(pair.key), 'utf8'), applicationUri, today);
  writeWhole(at(pair.certificate), pem);
}

/** As OPC 10000-6 section 6.2.2 wants an application's certificate. @returns PEM */
async function certificateFor(key: string, applicationUri: string, today: Date): Promise<string> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const { subtle } = webcrypto;
  const own = createPrivateKey(key);
  const pkcs8 = own.export({ type: 'pkcs8', format: 'der' });
  const privateKey = await subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']);
  const { n, e } = own.export({ format: 'jwk' });
  const jwk = { kty: 'RSA', n: n as string, e: e as string };
  const publicKey = await subtle.importKey('jwk', jwk, algorithm, true, ['verify']);
  const host = hostname();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: [{ CN: [`fieldgate ${host}`] }],
    notBefore: new Date(today.getTime() - DAY), // a PLC whose clock is late accepts it too
    notAfter: new Date(today.getTime() + VALID_DAYS * DAY),
    signingAlgorithm: algorithm,
    keys: { privateKey, publicKey },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature |
          KeyUsageFlags.nonRepudiation |
          KeyUsageFlags.keyEncipherment |
          KeyUsageFlags.dataEncipherment |
          KeyUsageFlags.keyCertSign,
        true,
      ),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'url', value: applicationUri },
        { type: 'dns', value: host },
        ...addresses().map((value) => ({ type: 'ip' as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** This machine's addresses that others can reach. */
function addresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:')).map(({ address }) => address);
}
