// The gateway's certificates on disk, in the folders that OPC UA stacks use: own/ (key and certificate), trusted/ and
// issuers/ (certs/ and crl/), rejected/. A certificate that nobody trusted ends in rejected/, with a note of who showed
// it and what was wrong, and nowhere else. The folders are read afresh for every verdict, so that what a person
// changes holds for the next one.

// @peculiar/x509 is built on a container that needs this polyfill before anything else of it loads.
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { X509Crl } from '@peculiar/x509';
import { Fault } from '../../../model/fault.ts';
import { typed } from '../../typed.ts';
import { alternativeNames, type Certificate, type Finding, oneLine, parseCertificate } from './certificate.ts';
import { makeFolder, unusable, writeWhole } from './files.ts';
import { type OwnCertificate, ownCertificate, renewNow } from './own.ts';
import { type Claim, judge, splitChain, type TrustList } from './trust.ts';

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
  readonly file: string;
  /** Which source met it last and what was wrong, of certificates in rejected/. */
  readonly note?: Note;
}

interface Note {
  readonly source: string;
  readonly host: string;
  readonly seen: string;
  readonly findings: readonly Finding[];
}

export interface Pki {
  readonly folder: string;
  /** The gateway's certificate; see own.ts. Rejects with Fault `source.configuration`. */
  own(applicationUri: string, today: Date): Promise<OwnCertificate>;
  /** Makes a new own certificate now; the old one is kept in own/old. @param applicationUri default: as in the old one */
  renew(applicationUri: string | undefined, today: Date): Promise<void>;
  /** Everything that speaks against a server's certificate (a chain: its own first); empty: nothing. */
  judge(chain: Buffer, claim: Claim, today: Date): Promise<Finding[]>;
  /** Keeps what a server showed, for people to look at and to trust. Never rejects; resolves with why it could not. */
  keep(chain: Buffer, source: string, host: string, findings: readonly Finding[]): Promise<string | undefined>;
  list(): Promise<CertificateEntry[]>;
  /**
   * A rejected certificate becomes trusted; where it was not made out for the host it was met at, that host is accepted
   * for it from now on. @returns the entry, or undefined if there is none such
   */
  trust(thumbprint: string): Promise<CertificateEntry | undefined>;
  /** A trusted certificate becomes rejected. @returns the entry, or undefined if trusted/ has none such */
  reject(thumbprint: string): Promise<CertificateEntry | undefined>;
  /**
   * Takes certificates or a revocation list into a place. @returns what each was. Rejects with Fault
   * `source.configuration` when it is neither, and when it is not clear which one is to be trusted
   */
  add(data: Buffer, place: 'trusted' | 'issuers'): Promise<string[]>;
}

const FOLDERS: Record<Place, string> = {
  own: 'own/certs',
  trusted: 'trusted/certs',
  issuers: 'issuers/certs',
  rejected: 'rejected',
};
const REVOCATIONS = ['trusted/crl', 'issuers/crl'];
const HOSTS = 'trusted/hosts.json';
/** A server that shows a new certificate every time must not fill the disk. */
const MOST_REJECTED = 100;
/** Larger files are none of ours. */
const MOST_BYTES = 4 * 1024 * 1024;

const open = new Map<string, Pki>();

/** Opens the PKI in a folder, and makes the folders that are missing. @throws Fault `source.configuration` */
export function openPki(folder: string): Pki {
  const path = resolve(folder);
  const known = open.get(path);
  if (known) return known;
  try {
    for (const each of [...Object.values(FOLDERS), ...REVOCATIONS]) makeFolder(join(path, each));
    makeFolder(join(path, 'own/private'), 0o700);
  } catch (error) {
    throw new Fault(
      'source.configuration',
      `the folder of the certificates, ${path}, cannot be used: ${unusable(error, path)}`,
      error,
    );
  }
  const pki = pkiIn(path);
  open.set(path, pki);
  return pki;
}

function pkiIn(folder: string): Pki {
  // What changes the folder is done one after the other.
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const at = (place: Place, name: string) => join(folder, FOLDERS[place], name);
  const find = async (place: Place, thumbprint: string) =>
    (await read(folder, place)).filter((one) => one.thumbprint === thumbprint.toLowerCase());
  const entry = async (one: Found, place: Place) => entryOf(one, place, await noteOf(folder, one.thumbprint));
  const move = async (found: readonly Found[], to: 'trusted' | 'rejected') => {
    for (const one of found) {
      const file = at(to, `${one.thumbprint}.der`);
      writeWhole(file, one.der);
      if (file !== one.file) await rm(one.file, { force: true });
    }
  };

  return {
    folder,
    own: (applicationUri, today) => alone(() => ownCertificate(folder, applicationUri, today)),
    renew: (applicationUri, today) => alone(() => renewNow(folder, applicationUri, today)),
    judge: async (chain, claim, today) => judge(chain, claim, await trustList(folder), today),
    keep: (chain, source, host, findings) =>
      alone(async () => {
        try {
          const [leaf] = splitChain(chain);
          if (leaf === undefined) return undefined;
          const trusted = (await find('trusted', leaf.thumbprint)).length > 0;
          if (!trusted) writeWhole(at('rejected', `${leaf.thumbprint}.der`), leaf.der);
          const note: Note = { source, host, seen: new Date().toISOString(), findings };
          writeWhole(at('rejected', `${leaf.thumbprint}.json`), JSON.stringify(note, undefined, 2));
          await prune(folder);
          return undefined;
        } catch (error) {
          return unusable(error, folder);
        }
      }),
    list: async () => {
      const places = Object.keys(FOLDERS) as Place[];
      const all = await Promise.all(
        places.map(async (place) => Promise.all((await read(folder, place)).map((one) => entry(one, place)))),
      );
      return all.flat();
    },
    trust: (thumbprint) =>
      alone(async () => {
        const rejected = await find('rejected', thumbprint);
        const [one] = rejected.length > 0 ? rejected : await find('trusted', thumbprint);
        if (one === undefined) return undefined;
        const result = await entry(one, 'trusted');
        const wrongHost = result.note?.findings.some(({ status }) => status === 'BadCertificateHostNameInvalid');
        if (wrongHost && result.note) {
          const hosts = await acceptedHosts(folder);
          hosts[one.thumbprint] = [...new Set([...(hosts[one.thumbprint] ?? []), result.note.host])];
          writeWhole(join(folder, HOSTS), JSON.stringify(hosts, undefined, 2));
        }
        await move(rejected, 'trusted');
        await rm(at('rejected', `${one.thumbprint}.json`), { force: true });
        return result;
      }),
    reject: (thumbprint) =>
      alone(async () => {
        const found = await find('trusted', thumbprint);
        const [one] = found;
        if (one === undefined) return undefined;
        const hosts = await acceptedHosts(folder);
        if (hosts[one.thumbprint]) {
          delete hosts[one.thumbprint];
          writeWhole(join(folder, HOSTS), JSON.stringify(hosts, undefined, 2));
        }
        await move(found, 'rejected');
        return entry(one, 'rejected');
      }),
    add: (data, place) =>
      alone(async () => {
        const certificates = certificatesIn(data);
        if (place === 'trusted' && certificates.length > 1) {
          throw new Fault(
            'source.configuration',
            `that holds ${certificates.length} certificates; give the one to be trusted alone, and the authorities ` +
              `above it by: ${typed('certificates issuer FILE')}`,
          );
        }
        for (const { thumbprint, der } of certificates) writeWhole(at(place, `${thumbprint}.der`), der);
        if (certificates.length > 0) {
          return certificates.map(({ thumbprint, x509 }) => `certificate ${thumbprint}  ${oneLine(x509.subject)}`);
        }
        const list = attempt(() => new X509Crl(crlBytes(data)));
        if (!list) throw new Fault('source.configuration', neither(data));
        const name = createHash('sha1').update(Buffer.from(list.rawData)).digest('hex');
        writeWhole(join(folder, place, 'crl', `${name}.crl`), Buffer.from(list.rawData));
        return [`revocation list of ${list.issuer}, ${list.entries.length} entries`];
      }),
  };
}

const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse();
  } catch {
    return undefined;
  }
};

/** The certificates of a file: one in DER, or any number in PEM. */
function certificatesIn(data: Buffer): Certificate[] {
  const blocks = data.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  const all = blocks ? blocks.map((block) => Buffer.from(block, 'latin1')) : [data];
  return all.flatMap((one) => attempt(() => parseCertificate(one)) ?? []);
}

/** What a file is that people give by mistake. */
function neither(data: Buffer): string {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(data.toString('latin1'))) {
    return 'that is a private key, which nobody but its owner should have; give the certificate that goes with it';
  }
  if (/-----BEGIN CERTIFICATE REQUEST-----/.test(data.toString('latin1'))) {
    return 'that is a request for a certificate; give the certificate that the authority made of it';
  }
  return 'that is neither a certificate nor a revocation list (PEM or DER)';
}

/** DER as it is, PEM as text. */
const crlBytes = (data: Buffer) => (data.includes('-----BEGIN') ? data.toString('latin1') : data);

interface Found extends Certificate {
  readonly file: string;
}

async function trustList(folder: string): Promise<TrustList> {
  const [trusted, issuers, hosts, ...lists] = await Promise.all([
    read(folder, 'trusted'),
    read(folder, 'issuers'),
    acceptedHosts(folder),
    ...REVOCATIONS.map((each) => files(join(folder, each), /\.(pem|der|crl)$/i)),
  ]);
  const revocations = lists.flat().flatMap(({ data }) => attempt(() => new X509Crl(crlBytes(data))) ?? []);
  const closed = await unreadable(folder, ['trusted', 'issuers']);
  return {
    trusted,
    issuers,
    revocations,
    hosts: new Map(Object.entries(hosts)),
    ...(closed !== undefined && { unreadable: closed }),
  };
}

/** Why not all of these folders can be read, if that is so: what is in there does not count then. */
async function unreadable(folder: string, places: readonly Place[]): Promise<string | undefined> {
  for (const place of places) {
    const path = join(folder, FOLDERS[place]);
    try {
      for (const name of await readdir(path)) await access(join(path, name), constants.R_OK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return unusable(error, folder);
    }
  }
  return undefined;
}

async function read(folder: string, place: Place): Promise<Found[]> {
  const all = await files(join(folder, FOLDERS[place]), /\.(pem|der|crt|cer)$/i);
  return all.flatMap(({ file, data }) => {
    const certificate = attempt(() => parseCertificate(data));
    return certificate ? [{ ...certificate, file }] : [];
  });
}

async function files(folder: string, pattern: RegExp): Promise<{ file: string; data: Buffer }[]> {
  const names = await readdir(folder).catch(() => []);
  const all = await Promise.all(
    names
      .filter((name) => pattern.test(name))
      .map(async (name) => {
        const file = join(folder, name);
        try {
          return (await stat(file)).size > MOST_BYTES ? [] : [{ file, data: await readFile(file) }];
        } catch {
          return []; // just moved elsewhere
        }
      }),
  );
  return all.flat();
}

async function acceptedHosts(folder: string): Promise<Record<string, string[]>> {
  const text = await readFile(join(folder, HOSTS), 'utf8').catch(() => '{}');
  const value: unknown = attempt(() => JSON.parse(text));
  const entries = Object.entries(typeof value === 'object' && value !== null ? value : {});
  return Object.fromEntries(entries.filter(([, hosts]) => Array.isArray(hosts)));
}

async function noteOf(folder: string, thumbprint: string): Promise<Note | undefined> {
  const text = await readFile(join(folder, FOLDERS.rejected, `${thumbprint}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : attempt(() => JSON.parse(text) as Note);
}

/** The oldest rejected certificates go first. */
async function prune(folder: string): Promise<void> {
  const place = join(folder, FOLDERS.rejected);
  const names = (await readdir(place)).filter((name) => !name.endsWith('.json'));
  if (names.length <= MOST_REJECTED) return;
  const aged = await Promise.all(names.map(async (name) => ({ name, time: (await stat(join(place, name))).mtimeMs })));
  aged.sort((a, b) => a.time - b.time);
  for (const { name } of aged.slice(0, names.length - MOST_REJECTED)) {
    await rm(join(place, name), { force: true });
    await rm(join(place, name.replace(/\.\w+$/, '.json')), { force: true });
  }
}

function entryOf(one: Found, place: Place, note: Note | undefined): CertificateEntry {
  return {
    thumbprint: one.thumbprint,
    subject: oneLine(one.x509.subject),
    issuer: oneLine(one.x509.issuer),
    applicationUri: alternativeNames(one).uris[0],
    validFrom: one.x509.validFromDate,
    validTo: one.x509.validToDate,
    place,
    file: one.file,
    ...(note && { note }),
  };
}
