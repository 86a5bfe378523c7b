// Certificates for tests, made to order: authorities, servers, users, revocation lists, with whatever is wrong that a
// test wants.

import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

export interface Minted {
  readonly name: string;
  readonly der: Buffer;
  readonly pem: string;
  /** PEM, PKCS#8. */
  readonly keyPem: string;
  readonly serialNumber: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Wish {
  readonly name: string;
  /** Default: signed by itself. */
  readonly issuer?: Minted;
  readonly authority?: boolean;
  /** How many authorities an authority may have below it. */
  readonly below?: number;
  readonly uri?: string;
  readonly hosts?: readonly string[];
  /** From now, in days. */
  readonly from?: number;
  readonly to?: number;
  readonly bits?: number;
  readonly hash?: 'SHA-256' | 'SHA-1';
  readonly usage?: number;
  readonly purposes?: readonly ExtendedKeyUsage[];
}

const DAY = 86_400_000;
const SERVER =
  KeyUsageFlags.digitalSignature |
  KeyUsageFlags.nonRepudiation |
  KeyUsageFlags.keyEncipherment |
  KeyUsageFlags.dataEncipherment;

const algorithm = (hash = 'SHA-256', bits = 2_048) => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash,
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: bits,
});

const at = (days: number) => new Date(Date.now() + days * DAY);

export async function mint(wish: Wish): Promise<Minted> {
  const { name, issuer, authority = false, hash = 'SHA-256' } = wish;
  const { subtle } = webcrypto;
  const keys = (await subtle.generateKey(algorithm(hash, wish.bits), true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const names: JsonGeneralName[] = [
    ...(wish.uri === undefined ? [] : [{ type: 'url' as const, value: wish.uri }]),
    ...(wish.hosts ?? []).map((value) => ({
      type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const),
      value,
    })),
  ];
  const serialNumber = `01${randomBytes(7).toString('hex')}`;
  const signer = issuer ? await keyFor(issuer.keyPem, hash) : keys.privateKey;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(authority, wish.below, true),
    new KeyUsagesExtension(
      wish.usage ?? (authority ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : SERVER),
      true,
    ),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer?.keys.publicKey ?? keys.publicKey),
  ];
  if (!authority) {
    const purposes = wish.purposes ?? [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
    extensions.push(new ExtendedKeyUsageExtension([...purposes]));
  }
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${name}`,
    issuer: `CN=${issuer?.name ?? name}`,
    notBefore: at(wish.from ?? -1),
    notAfter: at(wish.to ?? 365),
    signingAlgorithm: algorithm(hash),
    publicKey: keys.publicKey,
    signingKey: signer,
    extensions,
  });
  const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey));
  return {
    name,
    der: Buffer.from(certificate.rawData),
    pem: `${certificate.toString('pem')}\n`,
    keyPem: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
      type: 'pkcs8',
      format: 'pem',
    }) as string,
    serialNumber,
    keys,
  };
}

/**
 * @param revoked what is on the list; @param to its end, days from now
 * @param more extensions of the list (a delta, a partial one), its beginning in days from now, a reason for every entry
 */
export async function revocationList(
  issuer: Minted,
  revoked: readonly Minted[],
  to = 30,
  more: { extensions?: Extension[]; from?: number; reason?: number } = {},
): Promise<Buffer> {
  const list = await X509CrlGenerator.create({
    issuer: `CN=${issuer.name}`,
    thisUpdate: at(more.from ?? Math.min(-1, to - 30)),
    nextUpdate: at(to),
    signingAlgorithm: algorithm(),
    signingKey: await keyFor(issuer.keyPem, 'SHA-256'),
    ...(more.extensions && { extensions: more.extensions }),
    entries: revoked.map(({ serialNumber }) => ({
      serialNumber,
      revocationDate: at(-0.5),
      ...(more.reason !== undefined && { reason: more.reason }),
    })),
  });
  return Buffer.from(list.rawData);
}

function keyFor(pem: string, hash: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSASSA-PKCS1-v1_5', hash }, true, ['sign']);
}
