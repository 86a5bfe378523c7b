// What an error of the network means for a connection attempt, told from codes alone: Node's and OpenSSL's names are
// strings, an MQTT broker's refusals are numbers.

import { describe, Fault, type FaultCode } from '../../model/fault.ts';

/** Certificates that do not fit: waiting mends none of these, except an expiry on the peer's side. */
const TRUST = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Files and sockets that are not there or not for us. */
const PERMISSION = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EROFS', 'ELOOP', 'ENAMETOOLONG']);

/** `error` as the fault of a connection attempt that was doing `doing`. */
export function connectFault(error: unknown, doing: string): Fault {
  return error instanceof Fault ? error : new Fault(codeOf(error), `${doing}: ${describe(error)}`, error);
}

function codeOf(error: unknown): FaultCode {
  // Happy eyeballs: one error per address, of which the first tells enough.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code === 'number') return 'hub.refused';
  if (typeof code !== 'string') return 'hub.unreachable';
  return TRUST.has(code) || PERMISSION.has(code) ? 'hub.configuration' : 'hub.unreachable';
}
