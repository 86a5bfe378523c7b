// Whether a connection may be made at all, before a byte of a credential exists: policy and waiver, the endpoint the
// server offers, the server's certificate. Everything here refuses with a fault that says how to mend it.

import { join, relative } from 'node:path';
import {
  crypto_utils,
  type EndpointDescription,
  MessageSecurityMode,
  type OPCUAClientOptions,
  SecurityPolicy,
  StatusCodes,
  type UserTokenPolicy,
  UserTokenType,
} from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import { typed } from '../../typed.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { type Finding, oneLine, parseCertificate } from './certificate.ts';
import type { Pki } from './pki.ts';
import { waivable } from './trust.ts';

type Security = Pick<OpcUaOptions, 'name' | 'endpoint' | 'security' | 'insecure' | 'user'>;

/** The policies that are held to be secure, best first. */
const SOUND: readonly SecurityPolicy[] = [
  SecurityPolicy.Aes256_Sha256_RsaPss,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
  SecurityPolicy.Basic256Sha256,
];

const REMEDY = 'choose policy and mode, or have it accepted: insecure: { acceptedBy: NAME, until: DATE }';

/**
 * Refuses what is not secure and was not accepted: policy None, a user name without encryption, a waiver whose
 * last day (in UTC) is over. @throws Fault `source.insecure`
 */
export function checkPolicy(options: Security, today: Date): void {
  const { policy, mode } = options.security ?? {};
  if (waived(options, today)) return;
  const over = options.insecure ? ` (the waiver ended on ${options.insecure.until})` : '';
  if (policy === 'None' || mode === 'None') {
    throw new Fault('source.insecure', `${options.name} asks for a connection without security${over}; ${REMEDY}`);
  }
  if (mode === 'Sign' && options.user && 'name' in options.user) {
    throw new Fault('source.insecure', `${options.name} would send its password without encryption${over}; ${REMEDY}`);
  }
}

/** Whether somebody accepted an insecure connection, and that still holds. */
function waived({ insecure }: Pick<OpcUaOptions, 'insecure'>, today: Date): boolean {
  return insecure !== undefined && today.toISOString().slice(0, 10) <= insecure.until;
}

/** Encryption unless the mapping says otherwise: nobody gets less because the server offers less. */
const wantedMode = ({ security }: Security) => MessageSecurityMode[security?.mode ?? 'SignAndEncrypt'];

const policyName = (uri: string | null | undefined) => uri?.split('#')[1] ?? 'no policy';

/** `Aes256_Sha256_RsaPss/SignAndEncrypt` */
export const describeSecurity = ({ securityPolicyUri, securityMode }: EndpointDescription): string =>
  `${policyName(securityPolicyUri)}/${MessageSecurityMode[securityMode]}`;

/** Every policy and mode that a server offers, once; a hostile one may offer very many. */
export const offeredBy = (endpoints: readonly EndpointDescription[]): string[] =>
  [...new Set(endpoints.slice(0, 100).map(describeSecurity))].slice(0, 20);

/**
 * The endpoint with the wanted policy and mode; with the best policy that both know where the mapping names none; the
 * strongest level if there are several. @throws Fault `source.configuration`
 */
export function chooseEndpoint(options: Security, endpoints: readonly EndpointDescription[]): EndpointDescription {
  const { policy } = options.security ?? {};
  const wanted = policy === undefined ? SOUND : [SecurityPolicy[policy]];
  const mode = wantedMode(options);
  const rank = ({ securityPolicyUri }: EndpointDescription) => wanted.indexOf(securityPolicyUri as SecurityPolicy);
  const [best] = endpoints
    .filter((e) => e.securityMode === mode && rank(e) >= 0 && /^opc\.tcp:/i.test(e.endpointUrl ?? 'opc.tcp:'))
    .sort((a, b) => rank(a) - rank(b) || b.securityLevel - a.securityLevel);
  if (best) return best;
  const offered = offeredBy(endpoints).join(', ') || 'nothing';
  const asked = policy ?? SOUND.map(policyName).join(' or ');
  throw new Fault(
    'source.configuration',
    `${options.name}: the server does not offer ${asked} with ${MessageSecurityMode[mode]}; it offers ${offered}`,
  );
}

/** The endpoints of a list that are secured like this one. */
export const alike = (chosen: EndpointDescription, endpoints: readonly EndpointDescription[]): EndpointDescription[] =>
  endpoints.filter((e) => e.securityMode === chosen.securityMode && e.securityPolicyUri === chosen.securityPolicyUri);

/**
 * Whether the endpoint takes the kind of identity that the mapping gives, and protects it: neither in clear, nor in a
 * way that is known to be broken.
 * @throws Fault `source.credentials`, `source.insecure`
 */
export function checkIdentity(options: Security, endpoint: EndpointDescription, today: Date): void {
  const { name, user } = options;
  const wanted = !user ? UserTokenType.Anonymous : 'name' in user ? UserTokenType.UserName : UserTokenType.Certificate;
  const tokens = endpoint.userIdentityTokens ?? [];
  const fitting = tokens.filter(({ tokenType }) => tokenType === wanted);
  if (fitting.length === 0) {
    const kinds = [...new Set(tokens.map(({ tokenType }) => UserTokenType[tokenType]))].join(', ');
    throw new Fault(
      'source.credentials',
      `${name}: the server takes no ${UserTokenType[wanted]} identity; it takes ${kinds || 'none'}. ` +
        'In the mapping: user: { name, passwordFile } or { certificate, key }, or no user for Anonymous',
    );
  }
  if (wanted === UserTokenType.Anonymous || waived(options, today)) return;
  if (fitting.some((token) => isSound(token, endpoint))) return;
  const policies = [...new Set(fitting.map((token) => policyName(token.securityPolicyUri)))].join(', ');
  throw new Fault(
    'source.insecure',
    `${name}: the server wants the ${UserTokenType[wanted]} identity protected by ${policies} only; have the ` +
      'encryption of user tokens switched on at the server, or have it accepted: insecure: { acceptedBy: NAME, until: DATE }',
  );
}

/** Encrypted or signed for itself, with a policy of its own or that of the channel. */
const isProtected = ({ securityPolicyUri: own }: UserTokenPolicy, channel: EndpointDescription) =>
  SOUND.includes((own || channel.securityPolicyUri) as SecurityPolicy);

/** Many servers leave it to an encrypted channel to protect the identity, as OPC 10000-4 section 7.41 allows. */
const isSound = (token: UserTokenPolicy, channel: EndpointDescription) =>
  isProtected(token, channel) ||
  (token.securityPolicyUri === SecurityPolicy.None && channel.securityMode === MessageSecurityMode.SignAndEncrypt);

/** The kinds of identity that an endpoint takes protected for themselves. */
export const protectedKinds = (endpoint: EndpointDescription): ReadonlySet<UserTokenType> =>
  new Set(
    (endpoint.userIdentityTokens ?? []).filter((one) => isProtected(one, endpoint)).map(({ tokenType }) => tokenType),
  );

/**
 * Takes from an endpoint the weaker ways to send an identity where there is a better one for the same kind: the library
 * prefers a password that is not encrypted for itself when the channel is.
 */
export function preferSound(endpoint: EndpointDescription): void {
  const better = protectedKinds(endpoint);
  endpoint.userIdentityTokens = (endpoint.userIdentityTokens ?? []).filter(
    (token) => isProtected(token, endpoint) || !better.has(token.tokenType),
  );
}

/** A server's own certificate, and what speaks against it but is covered by a waiver. */
export interface Accepted {
  readonly certificate: Buffer;
  readonly findings: readonly Finding[];
}

/**
 * The server's own certificate (without its chain), if the gateway trusts it or a waiver covers what is wrong.
 * @throws Fault `source.untrusted`, with the thumbprint, every reason, and what to do
 */
export async function checkCertificate(
  options: Security,
  endpoint: EndpointDescription,
  pki: Pki,
  today: Date,
): Promise<Accepted> {
  const chain = endpoint.serverCertificate;
  if (!chain || chain.length === 0) {
    throw new Fault('source.untrusted', `${options.name}: the server shows no certificate`);
  }
  const host = hostOf(options.endpoint);
  const claim = { host, applicationUri: endpoint.server?.applicationUri ?? undefined };
  const findings = await pki.judge(chain, claim, today);
  if (findings.length === 0 || (findings.every(waivable) && waived(options, today))) {
    return { certificate: crypto_utils.split_der(chain)[0] as Buffer, findings };
  }
  const kept = await pki.keep(chain, options.name, host, findings);
  throw new Fault('source.untrusted', refusal(options.name, chain, findings, pki, kept));
}

const hostOf = (endpoint: string): string => URL.parse(endpoint)?.hostname ?? endpoint;

/** What `certificates trust` can settle: it is the person's word that this is the server, at this host. */
const SETTLED_BY_TRUST = ['BadCertificateUntrusted', 'BadCertificateHostNameInvalid'];

/** @param lost why the certificate could not be kept, if that is so: nobody can trust it then */
function refusal(
  name: string,
  chain: Buffer,
  findings: readonly Finding[],
  pki: Pki,
  lost: string | undefined,
): string {
  const reasons = findings.map(({ status, what }) => `${what} (${status})`).join('; ');
  let who: string;
  let thumbprint: string;
  try {
    const leaf = parseCertificate(crypto_utils.split_der(chain)[0] as Buffer);
    thumbprint = leaf.thumbprint;
    who = `${thumbprint} (${oneLine(leaf.x509.subject)})`;
  } catch {
    return `${name}: what the server shows as its certificate is refused: ${reasons}`;
  }
  const settled = findings.filter(({ status }) => SETTLED_BY_TRUST.includes(status));
  const mends = [...new Set(findings.filter((one) => !settled.includes(one)).flatMap(({ mend }) => mend ?? []))];
  if (lost !== undefined) mends.push(`it could not be kept for a person to trust it: ${lost}`);
  else if (settled.length > 0) mends.push(`if it is the right server: ${trustCommand(thumbprint, pki)}`);
  return `${name}: the server's certificate ${who} is refused: ${reasons}${mends.length > 0 ? `. To mend: ${mends.join('; ')}` : ''}`;
}

/** What a person types where the gateway was started; the usual place of the certificates goes without saying. */
function trustCommand(thumbprint: string, { folder }: Pki): string {
  const usual = relative('', folder) === join('data', 'pki');
  const quoted = /[^\w/.:@+-]/.test(folder) ? `'${folder.replaceAll("'", "'\\''")}'` : folder;
  return typed(`certificates trust ${thumbprint}${usual ? '' : ` --pki ${quoted}`}`);
}

/** A store of certificates for the library that vouches for none: the gateway's verdict is made before. */
export function trustNobody(): NonNullable<OPCUAClientOptions['clientCertificateManager']> {
  const store = {
    referenceCounter: 0,
    initialize: async () => {},
    dispose: async () => {},
    checkCertificate: async () => StatusCodes.BadCertificateUntrusted,
    verifyCertificate: async () => 'BadCertificateUntrusted',
    getTrustStatus: async () => StatusCodes.BadCertificateUntrusted,
    trustCertificate: async () => {},
    rejectCertificate: async () => {},
    addIssuer: async () => {},
    addRevocationList: async () => {},
  };
  return store as unknown as NonNullable<OPCUAClientOptions['clientCertificateManager']>;
}
