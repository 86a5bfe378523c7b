// The gateway's certificates on disk, in the folders that OPC UA stacks use: own/ (key and certificate), trusted/,
// issuers/ (with their revocation lists), rejected/. A certificate that nobody trusted ends in rejected/, nowhere
// else. The folders are read afresh for every verdict, so that what a person changes holds for the next attempt.

import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { crypto_utils } from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';

export type Place = 'own' | 'trusted' | 'issuers' | 'rejected';

export interface CertificateEntry {
  /** SHA-1 of the DER form in lower-case hex: what OPC UA calls the thumbprint (OPC 10000-6 section 6.2.2). */
  readonly thumbprint: string;
  readonly subject: string;
  readonly issuer: string;
  /** ApplicationUri of the subject alternative name, when there is one. */
  readonly applicationUri: string | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
  readonly place: Place;
}

/** The gateway's identity towards servers. */
export interface OwnCertificate {
  readonly der: Buffer;
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly file: string;
}

export interface Pki {
  readonly folder: string;
  /** The gateway's certificate; made with this ApplicationUri and the host's name if there is none (3072 bit, 5 years). */
  own(applicationUri: string): Promise<OwnCertificate>;
  /**
   * Whether a server's certificate (a chain: leaf first) may be relied on: `Good`, or the name of a StatusCode such
   * as `BadCertificateUntrusted`. A certificate nobody trusted is kept in rejected/.
   */
  verify(chain: Buffer): Promise<string>;
  list(): Promise<CertificateEntry[]>;
  /** Moves a certificate from rejected/ to trusted/. @returns the entry, or undefined if rejected/ has none such */
  trust(thumbprint: string): Promise<CertificateEntry | undefined>;
  /** Moves a certificate from trusted/ to rejected/. @returns the entry, or undefined if trusted/ has none such */
  reject(thumbprint: string): Promise<CertificateEntry | undefined>;
}

const CERTIFICATE = 'own/certs/fieldgate.pem';
const FOLDERS: Record<Place, string> = {
  own: 'own/certs',
  trusted: 'trusted/certs',
  issuers: 'issuers/certs',
  rejected: 'rejected',
};

const open = new Map<string, Promise<Pki>>();

/**
 * Opens the PKI in a folder, and makes folders and key if they are missing. Sources of one process share it.
 * Rejects with Fault `source.configuration` when the folder cannot be written.
 */
export function openPki(folder: string): Promise<Pki> {
  const path = resolve(folder);
  let pki = open.get(path);
  if (!pki) {
    pki = initialise(path);
    open.set(path, pki);
    pki.catch(() => open.delete(path));
  }
  return pki;
}

async function initialise(folder: string): Promise<Pki> {
  const manager = new OPCUACertificateManager({
    rootFolder: folder,
    automaticallyAcceptUnknownCertificate: false, // the library's default manager trusts everybody
    keySize: 3072,
    disableFileWatchers: true, // inotify does not see changes on every kind of volume; verify() reads afresh
  });
  try {
    await manager.initialize();
  } catch (error) {
    throw Fault.from(error, 'source.configuration', `The PKI folder ${folder} cannot be used`);
  }
  // One at a time: while the library reads its folders anew, a second question would find them empty.
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const find = async (place: Place, thumbprint: string) =>
    (await entries(folder, place)).find(({ entry }) => entry.thumbprint === thumbprint.toLowerCase());

  return {
    folder,
    own: (applicationUri) => alone(() => ownCertificate(manager, folder, applicationUri)),
    verify: (chain) =>
      alone(async () => {
        await manager.reloadCertificates();
        const certificates = crypto_utils.split_der(chain);
        // The library's checkCertificate would also move certificates about; only the verdict is wanted.
        const verdict = await manager.verifyCertificate(certificates, { acceptCertificateWithValidIssuerChain: true });
        if (verdict === 'BadCertificateUntrusted') await manager.rejectCertificate(certificates[0] as Buffer);
        if (verdict === 'BadCertificateChainIncomplete') {
          for (const certificate of certificates) await manager.rejectCertificate(certificate);
        }
        return verdict;
      }),
    list: async () => {
      const all = await Promise.all((Object.keys(FOLDERS) as Place[]).map((place) => entries(folder, place)));
      return all.flat().map(({ entry }) => entry);
    },
    trust: (thumbprint) =>
      alone(async () => {
        const found = await find('rejected', thumbprint);
        if (!found) return undefined;
        await manager.reloadCertificates();
        await manager.trustCertificate(found.der);
        return { ...found.entry, place: 'trusted' };
      }),
    reject: (thumbprint) =>
      alone(async () => {
        const found = await find('trusted', thumbprint);
        if (!found) return undefined;
        await manager.reloadCertificates();
        await manager.rejectCertificate(found.der);
        return { ...found.entry, place: 'rejected' };
      }),
  };
}

async function ownCertificate(
  manager: OPCUACertificateManager,
  folder: string,
  applicationUri: string,
): Promise<OwnCertificate> {
  const file = join(folder, CERTIFICATE);
  if (!existsSync(file)) {
    await manager.createSelfSignedCertificate({
      applicationUri,
      dns: [hostname()],
      outputFile: file,
      subject: { commonName: `fieldgate ${hostname()}` },
      startDate: new Date(Date.now() - 86_400_000), // a PLC whose clock is late accepts it too
      validity: 365 * 5,
    });
  }
  return { der: new X509Certificate(readFileSync(file)).raw, key: readFileSync(manager.privateKey, 'utf8'), file };
}

async function entries(folder: string, place: Place): Promise<{ entry: CertificateEntry; der: Buffer }[]> {
  const path = join(folder, FOLDERS[place]);
  const names = await readdir(path).catch(() => []);
  const found: { entry: CertificateEntry; der: Buffer }[] = [];
  for (const name of names) {
    if (!/\.(pem|der|crt|cer)$/i.test(name)) continue;
    try {
      const der = new X509Certificate(await readFile(join(path, name))).raw;
      found.push({ entry: describeCertificate(der, place), der });
    } catch {
      // Not a certificate, or just moved elsewhere.
    }
  }
  return found;
}

/** What a person wants to know of a certificate. @throws when it is none */
export function describeCertificate(der: Buffer, place: Place): CertificateEntry {
  const certificate = new X509Certificate(der);
  return {
    thumbprint: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    applicationUri: /URI:([^,]+)/.exec(certificate.subjectAltName ?? '')?.[1],
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
    place,
  };
}

const oneLine = (name: string | undefined) => (name ?? '').split('\n').join(', ');
