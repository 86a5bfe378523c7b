// The gateway's own certificate and key: made when there are none, and followed by the next pair in good time. Servers
// trust a certificate, not a name, so a new one that nobody was told of would lock the gateway out: the next pair is
// made NOTICE_DAYS before the end and shown to people; the old one serves until its last day. Files are written whole
// and renamed; whatever moment the process dies at, key and certificate of a pair are found together again.

import 'reflect-metadata';
import {
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  webcrypto,
  type X509Certificate,
} from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { link, readFile, rm } from 'node:fs/promises';
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
import { Fault } from '../../../model/fault.ts';
import { typed } from '../../typed.ts';
import { alternativeNames, type Certificate, parseCertificate } from './certificate.ts';
import { makeFolder, unusable, writeWhole } from './files.ts';

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
/** Of a common name (RFC 5280 appendix A.1). */
const LONGEST_NAME = 64;

const CURRENT = { certificate: 'own/certs/fieldgate.pem', key: 'own/private/private_key.pem' };
const NEXT = { certificate: 'own/certs/fieldgate-next.pem', key: 'own/private/private_key-next.pem' };
const OLD = { certificate: 'own/old/fieldgate.pem', key: 'own/old/private_key.pem' };

type Pair = typeof CURRENT;

/** The pair that is valid now; made if there is none, renewed if it ends. Rejects with Fault `source.configuration`. */
export async function ownCertificate(folder: string, applicationUri: string, today: Date): Promise<OwnCertificate> {
  try {
    return await validNow(folder, applicationUri, today);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const what = `the gateway's own certificate in ${folder} cannot be made: ${unusable(error, folder)}`;
    throw new Fault('source.configuration', what, error);
  }
}

async function validNow(folder: string, applicationUri: string, today: Date): Promise<OwnCertificate> {
  settle(folder);
  if (!existsSync(join(folder, CURRENT.certificate))) await make(folder, CURRENT, applicationUri, today);
  let current = read(folder, CURRENT);
  if (current.x509.validFromDate > today && takeBack(folder, today)) current = read(folder, CURRENT);
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
        `the gateway's own certificate ${join(folder, CURRENT.certificate)} ended on ${current.x509.validTo}; ${ANEW}`,
      );
    }
    promote(folder);
    current = read(folder, CURRENT);
  }
  const next = existsSync(join(folder, NEXT.certificate)) ? read(folder, NEXT) : undefined;
  const uri = uriOf(current);
  if (uri === undefined) {
    const file = join(folder, CURRENT.certificate);
    throw new Fault('source.configuration', `the gateway's own certificate ${file} names no ApplicationUri; ${ANEW}`);
  }
  return {
    der: current.der,
    thumbprint: current.thumbprint,
    validTo: current.x509.validToDate,
    key: readKey(folder, current),
    file: join(folder, CURRENT.certificate),
    applicationUri: uri,
    ...(next && { next: { thumbprint: next.thumbprint, x509: next.x509, file: join(folder, NEXT.certificate) } }),
  };
}

/** A new pair takes the place of the one there is, at once; that one is kept in own/old. */
export async function renewNow(folder: string, applicationUri: string | undefined, today: Date): Promise<void> {
  settle(folder);
  const there = existsSync(join(folder, CURRENT.certificate));
  // Whoever names the ApplicationUri may do so because the certificate there is damaged.
  const uri = applicationUri ?? (there ? uriOf(read(folder, CURRENT)) : undefined);
  if (uri === undefined) throw new Fault('source.configuration', 'a first certificate needs the ApplicationUri');
  for (const file of Object.values(NEXT)) rmSync(join(folder, file), { force: true });
  if (!there) return make(folder, CURRENT, uri, today);
  await make(folder, NEXT, uri, today);
  promote(folder);
}

const uriOf = (certificate: Certificate): string | undefined => alternativeNames(certificate).uris[0];

const daysOf = ({ x509 }: Certificate, today: Date) => (x509.validToDate.getTime() - today.getTime()) / DAY;

/** What a person does about a pair that cannot be used. */
const ANEW = `put the right one in place, or have a new pair made: ${typed('certificates create MAPPING --force')}`;

function read(folder: string, pair: Pair): Certificate {
  const file = join(folder, pair.certificate);
  const refuse = (why: string, error: unknown) =>
    new Fault('source.configuration', `the gateway's own certificate ${file} cannot be used: ${why}`, error);
  let data: Buffer;
  try {
    data = readFileSync(file);
  } catch (error) {
    throw refuse(unusable(error, folder), error);
  }
  try {
    return parseCertificate(data);
  } catch (error) {
    throw refuse(`it is damaged or no certificate; ${ANEW}`, error);
  }
}

function readKey(folder: string, certificate: Certificate): string {
  const file = join(folder, CURRENT.key);
  const refuse = (why: string, error?: unknown) =>
    new Fault('source.configuration', `the gateway's private key ${file} cannot be used: ${why}`, error);
  let pem: string;
  try {
    close(file);
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? `it is not there; ${ANEW}` : undefined;
    throw refuse(why ?? unusable(error, folder), error);
  }
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw refuse('it is encrypted, and nobody is there to type its passphrase: openssl pkey -in IN -out OUT');
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    // The library's own words may quote the file.
    throw refuse(`it is damaged or no key in PEM; ${ANEW}`, error);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < 2_048 || bits > 4_096) {
    throw refuse(`the policies of OPC UA need an RSA key of 2048 to 4096 bits; ${ANEW}`);
  }
  if (certificate.x509.checkPrivateKey(key)) return pem;
  throw refuse(`it is not the key of ${join(folder, CURRENT.certificate)}; ${ANEW}`);
}

/** Nobody but the gateway has business with it. A key that somebody else mounted here stays as it is. */
function close(file: string): void {
  if ((statSync(file).mode & 0o077) === 0) return;
  try {
    chmodSync(file, 0o600);
  } catch {
    // It can be read, and that is what is needed now.
  }
}

/** The next pair takes the place of the current one. The key goes first: see settle. */
function promote(folder: string): void {
  const at = (file: string) => join(folder, file);
  makeFolder(at('own/old'), 0o700);
  if (existsSync(at(CURRENT.key))) writeWhole(at(OLD.key), readFileSync(at(CURRENT.key)), 0o600);
  writeWhole(at(OLD.certificate), readFileSync(at(CURRENT.certificate)));
  renameSync(at(NEXT.key), at(CURRENT.key));
  renameSync(at(NEXT.certificate), at(CURRENT.certificate));
}

/**
 * A pair that is not valid yet was made when the clock was ahead: the one before it, which servers trust, serves on.
 * @returns whether there is one that can
 */
function takeBack(folder: string, today: Date): boolean {
  const at = (file: string) => join(folder, file);
  try {
    const { x509 } = read(folder, OLD);
    const key = readFileSync(at(OLD.key));
    if (x509.validFromDate > today || x509.validToDate <= today || !x509.checkPrivateKey(createPrivateKey(key)))
      return false;
    writeWhole(at(CURRENT.key), key, 0o600);
    writeWhole(at(CURRENT.certificate), readFileSync(at(OLD.certificate)));
    return true;
  } catch {
    return false; // there is none, or it cannot be used
  }
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
  makeFolder(at('own/private'), 0o700);
  makeFolder(at('own/certs'));
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
    name: [{ CN: [`fieldgate ${host}`.slice(0, LONGEST_NAME)] }],
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
