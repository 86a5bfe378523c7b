// Whether a connection may be made at all, before a byte of a credential exists: policy and waiver, the endpoint the
// server offers, the server's certificate. Everything here refuses with a fault that says how to mend it.

import { join, relative } from 'node:path';
import {
  crypto_utils,
  type EndpointDescription,
  MessageSecurityMode,
  SecurityPolicy,
  UserTokenType,
} from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';
import type { OpcUaOptions } from './options.ts';
import { describeCertificate, type Pki } from './pki.ts';

type Security = Pick<OpcUaOptions, 'name' | 'security' | 'insecure' | 'user'>;

/**
 * Refuses what is not secure and was not accepted: policy None, a user name without encryption, a waiver whose
 * last day (in UTC) is over. @throws Fault `source.insecure`
 */
export function checkPolicy(options: Security, today: Date): void {
  const { policy, mode } = options.security;
  if (waived(options, today)) return;
  const over = options.insecure ? ` (the waiver ended on ${options.insecure.until})` : '';
  const remedy = 'choose policy and mode, or have it accepted: insecure: { acceptedBy: NAME, until: DATE }';
  if (policy === 'None' || mode === 'None') {
    throw new Fault('source.insecure', `${options.name} asks for a connection without security${over}; ${remedy}`);
  }
  if (mode !== 'SignAndEncrypt' && options.user && 'name' in options.user) {
    throw new Fault('source.insecure', `${options.name} would send its password without encryption${over}; ${remedy}`);
  }
}

/** Whether somebody accepted an insecure connection, and that still holds. */
function waived({ insecure }: Pick<OpcUaOptions, 'insecure'>, today: Date): boolean {
  return insecure !== undefined && today.toISOString().slice(0, 10) <= insecure.until;
}

export const modeOf = (options: Security): MessageSecurityMode => MessageSecurityMode[options.security.mode];
export const policyOf = (options: Security): SecurityPolicy => SecurityPolicy[options.security.policy];

/** The endpoint with the wanted policy and mode; the strongest level if there are several. @throws Fault `source.configuration` */
export function chooseEndpoint(options: Security, endpoints: readonly EndpointDescription[]): EndpointDescription {
  const [best] = endpoints
    .filter((e) => e.securityMode === modeOf(options) && e.securityPolicyUri === policyOf(options))
    .sort((a, b) => b.securityLevel - a.securityLevel);
  if (best) return best;
  const offered = endpoints.map((e) => `${e.securityPolicyUri?.split('#')[1]}/${MessageSecurityMode[e.securityMode]}`);
  const { policy, mode } = options.security;
  throw new Fault(
    'source.configuration',
    `${options.name}: the server does not offer ${policy}/${mode}; it offers ${[...new Set(offered)].join(', ') || 'nothing'}`,
  );
}

/** Whether the endpoint takes the kind of identity that the mapping gives. @throws Fault `source.credentials` */
export function checkIdentity({ name, user }: Security, endpoint: EndpointDescription): void {
  const wanted = !user ? UserTokenType.Anonymous : 'name' in user ? UserTokenType.UserName : UserTokenType.Certificate;
  const taken = new Set((endpoint.userIdentityTokens ?? []).map(({ tokenType }) => tokenType));
  if (taken.has(wanted)) return;
  const kinds = [...taken].map((type) => UserTokenType[type]).join(', ');
  throw new Fault(
    'source.credentials',
    `${name}: the server takes no ${UserTokenType[wanted]} identity; it takes ${kinds || 'none'}`,
  );
}

/**
 * The server's own certificate (without its chain), if the gateway trusts it or a waiver covers it.
 * @throws Fault `source.untrusted`, with the thumbprint and the command that trusts it
 */
export async function checkCertificate(
  options: Security,
  endpoint: EndpointDescription,
  pki: Pki,
  today: Date,
): Promise<Buffer> {
  const chain = endpoint.serverCertificate;
  if (!chain || chain.length === 0) {
    throw new Fault('source.untrusted', `${options.name}: the server shows no certificate`);
  }
  const leaf = crypto_utils.split_der(chain)[0] as Buffer;
  const verdict = await pki.verify(chain);
  if (verdict === 'Good' || waived(options, today)) return leaf;
  const { thumbprint, subject, validFrom, validTo } = describeCertificate(leaf, 'rejected');
  const who = `${options.name}: the server's certificate ${thumbprint} (${subject})`;
  if (verdict === 'BadCertificateUntrusted') {
    throw new Fault(
      'source.untrusted',
      `${who} is not trusted. If it is the right one: ${trustCommand(thumbprint, pki)}`,
    );
  }
  const valid = `valid from ${validFrom.toISOString()} to ${validTo.toISOString()}`;
  throw new Fault('source.untrusted', `${who} cannot be relied on: ${verdict}; ${valid}`);
}

/** What a person types in the folder where the gateway was started; the usual place of the certificates goes without saying. */
function trustCommand(thumbprint: string, { folder }: Pki): string {
  const place = relative('', folder);
  return `fieldgate certificates trust ${thumbprint}${place === join('data', 'pki') ? '' : ` --pki ${folder}`}`;
}
