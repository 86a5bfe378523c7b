// The verdict on a server's certificate, in the order of OPC 10000-4 section 6.1.3 (determining if a certificate is
// trusted): structure, chain, signatures, algorithms, trust, validity, host name, ApplicationUri, usage, revocation.
// Every finding is told, not the first one alone, so that a person mends all of them in one go. Reads no files.

import { isIP } from 'node:net';
import { hostname } from 'node:os';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type X509Crl,
} from '@peculiar/x509';
import { crypto_utils } from 'node-opcua-client';
import { typed } from '../../typed.ts';
import { alternativeNames, type Certificate, day, type Finding, oneLine, parseCertificate } from './certificate.ts';
import { revocation } from './revocation.ts';

/** What the PKI folder holds, parsed. */
export interface TrustList {
  /** Servers, or the authorities that sign for them. */
  readonly trusted: readonly Certificate[];
  /** Authorities that complete a chain, and are not trusted by themselves. */
  readonly issuers: readonly Certificate[];
  readonly revocations: readonly X509Crl[];
  /** Host names that somebody accepted for a certificate that does not bear them, by thumbprint. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** Why some of it could not be read, when that is so. */
  readonly unreadable?: string;
}

/** Who the server says it is, and where it was asked. */
export interface Claim {
  /** Host of the endpoint in the mapping: a name or an address. */
  readonly host: string;
  /** ApplicationUri of its endpoint description. */
  readonly applicationUri: string | undefined;
}

/** No waiver covers these: the certificate is none, or its key is known to be in the wrong hands. */
const NEVER: readonly string[] = ['BadCertificateInvalid', 'BadCertificateRevoked', 'BadCertificateIssuerRevoked'];

export const waivable = ({ status }: Finding): boolean => !NEVER.includes(status);

/** Longest chain that is looked at; what a hostile server sends beyond that costs nothing. */
const LONGEST_CHAIN = 8;
const MOST_BYTES = 65_536;
/** Key sizes of Basic256Sha256, Aes128_Sha256_RsaOaep and Aes256_Sha256_RsaPss (OPC 10000-7), bits. */
const SHORTEST_KEY = 2_048;
const LONGEST_KEY = 4_096;

/** The certificates of a chain as a server sends it: one DER after the other, its own first. @throws when it is none */
export function splitChain(chain: Buffer): Certificate[] {
  if (chain.length > MOST_BYTES) throw new RangeError(`a chain of ${chain.length} bytes`);
  return crypto_utils
    .split_der(chain)
    .slice(0, LONGEST_CHAIN)
    .map((der) => parseCertificate(der));
}

const NONE: Finding = { status: 'BadCertificateInvalid', what: 'it is no certificate, or a damaged one' };

/** Everything that speaks against relying on this chain; empty when nothing does. Never rejects. */
export async function judge(chain: Buffer, claim: Claim, list: TrustList, today: Date): Promise<Finding[]> {
  try {
    return await look(splitChain(chain), claim, list, today);
  } catch {
    return [NONE]; // the parsers meet what a hostile server made up
  }
}

async function look(
  [leaf, ...others]: readonly Certificate[],
  claim: Claim,
  list: TrustList,
  today: Date,
): Promise<Finding[]> {
  if (leaf === undefined) return [NONE];
  const { path, findings } = chainOf(leaf, [...others, ...list.issuers, ...list.trusted]);
  if (!path.some((one) => list.trusted.some(({ der }) => der.equals(one.der)))) {
    const who = path.length > 1 ? 'neither it nor an authority that signed it is trusted' : 'nobody has trusted it';
    const closed = list.unreadable === undefined ? '' : `, as far as can be read: ${list.unreadable}`;
    findings.push({ status: 'BadCertificateUntrusted', what: `${who}${closed}` });
  }
  findings.push(...path.flatMap((one, i) => algorithms(one, i)));
  findings.push(...path.flatMap((one, i) => validity(one, i, today)));
  findings.push(...names(leaf, claim, list));
  findings.push(...path.flatMap((one, i) => (i === 0 ? usage(one) : issuerUsage(one, i - 1))));
  findings.push(...(await revocation(path, list.revocations, today)));
  return findings;
}

/** From the certificate to its root, as far as the issuers are known. */
function chainOf(leaf: Certificate, pool: readonly Certificate[]): { path: Certificate[]; findings: Finding[] } {
  const path = [leaf];
  for (let one = leaf; path.length <= LONGEST_CHAIN; ) {
    const { issuer, subject } = one.x509;
    if (issuer === subject && one.x509.verify(one.x509.publicKey)) return { path, findings: [] };
    const named = pool.filter((other) => other.x509.subject === issuer && !path.includes(other));
    const signer = named.find((other) => one.x509.verify(other.x509.publicKey));
    if (signer === undefined) {
      const name = oneLine(issuer);
      if (issuer === subject) {
        return {
          path,
          findings: [{ status: 'BadCertificateInvalid', what: 'its signature is not that of its own key' }],
        };
      }
      const what =
        named.length > 0
          ? `an authority named ${name} is known, but another key has signed it`
          : `its issuer ${name} is not known`;
      const mend = `get the certificate of ${name} and its revocation list, and: ${typed('certificates issuer FILE')}`;
      return { path, findings: [{ status: 'BadCertificateChainIncomplete', what, mend }] };
    }
    path.push(signer);
    one = signer;
  }
  return { path, findings: [{ status: 'BadCertificateChainIncomplete', what: 'its chain does not end' }] };
}

const whose = (position: number) => (position === 0 ? 'its' : "its issuer's");

function algorithms({ x509, details }: Certificate, position: number): Finding[] {
  const found: Finding[] = [];
  const policy = (what: string) =>
    found.push({
      status: 'BadCertificatePolicyCheckFailed',
      what,
      mend: 'have a new one made: RSA of 2048 to 4096 bits, SHA-256',
    });
  const bits = x509.publicKey.asymmetricKeyDetails?.modulusLength;
  if (x509.publicKey.asymmetricKeyType !== 'rsa' || bits === undefined) policy(`${whose(position)} key is no RSA key`);
  else if (bits < SHORTEST_KEY || bits > LONGEST_KEY) policy(`${whose(position)} key has ${bits} bits`);
  const { hash } = details.signatureAlgorithm as { hash?: { name: string } };
  // What a root says of itself is not relied on.
  const root = position > 0 && x509.issuer === x509.subject;
  if (!root && !/^SHA-(256|384|512)$/.test(hash?.name ?? '')) {
    policy(`${whose(position)} signature uses ${hash?.name ?? 'an unknown hash'}`);
  }
  return found;
}

function validity({ x509 }: Certificate, position: number, today: Date): Finding[] {
  const status = position === 0 ? 'BadCertificateTimeInvalid' : 'BadCertificateIssuerTimeInvalid';
  const subject = position === 0 ? 'it' : `its issuer ${oneLine(x509.subject)}`;
  const { validFromDate: from, validToDate: to } = x509;
  if (today > to) return [{ status, what: `${subject} ended on ${day(to)}`, mend: 'have a new one made' }];
  if (today < from) {
    const mend = `compare the clocks: here it is ${today.toISOString().slice(0, 16)}Z`;
    return [{ status, what: `${subject} is valid from ${from.toISOString().slice(0, 16)}Z only`, mend }];
  }
  return [];
}

function names(leaf: Certificate, { host, applicationUri }: Claim, list: TrustList): Finding[] {
  const found: Finding[] = [];
  const { uris, hosts } = alternativeNames(leaf);
  const accepted = list.hosts.get(leaf.thumbprint) ?? [];
  if (![...hosts, ...accepted].some((name) => sameHost(name, host))) {
    const borne = hosts.length > 0 ? hosts.slice(0, 5).join(', ') : 'none';
    found.push({
      status: 'BadCertificateHostNameInvalid',
      what: `it is not made out for the host ${host}; its hosts: ${borne}`,
      mend: 'write one of its hosts in the endpoint, have it made anew, or accept this one',
    });
  }
  if (applicationUri === undefined || !uris.includes(applicationUri)) {
    found.push({
      status: 'BadCertificateUriInvalid',
      what: `it is made out for ${uris[0] ?? 'no ApplicationUri'}, the server calls itself ${applicationUri || 'nothing'}`,
      mend: "have the server's certificate made anew for its ApplicationUri",
    });
  }
  return found;
}

/** Hosts are the same by name, without regard to case, by address in any writing, or when both are this machine. */
function sameHost(a: string, b: string): boolean {
  const [left, right] = [canonical(a), canonical(b)];
  return left === right || (local(left) && local(right));
}

function canonical(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare.replace(/\.$/, '');
}

const local = (host: string) =>
  host === 'localhost' || host === '::1' || /^127\./.test(host) || host === hostname().toLowerCase();

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';

function usage({ details }: Certificate): Finding[] {
  const bits = details.getExtension(KeyUsagesExtension)?.usages;
  const purposes = details.getExtension(ExtendedKeyUsageExtension)?.usages.map(String);
  const missing: string[] = [];
  // Without the extension every use is allowed (RFC 5280 section 4.2.1.3).
  if (bits !== undefined) {
    if ((bits & KeyUsageFlags.digitalSignature) === 0) missing.push('signing');
    if ((bits & (KeyUsageFlags.keyEncipherment | KeyUsageFlags.dataEncipherment)) === 0) missing.push('encryption');
  }
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH) && !purposes.includes(ANY_USAGE))
    missing.push('servers');
  if (missing.length === 0) return [];
  const mend = 'have it made anew as an OPC UA application certificate';
  return [{ status: 'BadCertificateUseNotAllowed', what: `it may not be used for ${missing.join(', ')}`, mend }];
}

/** @param below how many authorities are between it and the certificate itself */
function issuerUsage({ x509, details }: Certificate, below: number): Finding[] {
  const status = 'BadCertificateIssuerUseNotAllowed';
  const bits = details.getExtension(KeyUsagesExtension)?.usages;
  const { ca, pathLength = below } = details.getExtension(BasicConstraintsExtension) ?? { ca: false };
  const name = oneLine(x509.subject);
  if (!ca || (bits !== undefined && (bits & KeyUsageFlags.keyCertSign) === 0)) {
    return [{ status, what: `its issuer ${name} may not sign certificates` }];
  }
  if (pathLength >= below) return [];
  return [{ status, what: `its issuer ${name} may not stand above ${below} other authorities, but ${pathLength}` }];
}
