// From node-opcua's errors to faults. Codes are taken from where the library keeps them (ServiceFault, TCP error
// message, socket error); where it leaves only a text, the caller finds the fact by another way and says it here.

import { describe, Fault, type FaultCode } from '../../../model/fault.ts';
import { StatusCode, statusName } from '../../../model/status.ts';

/** The StatusCode with which a server answered a request badly, if the library kept it. */
export function serviceResult(error: unknown): number | undefined {
  const { response, statusCode } = error as {
    response?: { responseHeader?: { serviceResult?: { value: number } } };
    statusCode?: { value: number };
  };
  return response?.responseHeader?.serviceResult?.value ?? statusCode?.value;
}

/** Codes of a socket that was never connected or broke, in words. */
const UNREACHABLE = new Map([
  ['ECONNREFUSED', 'nothing listens at that port'],
  ['ENOTFOUND', 'the name is not known'],
  ['EAI_AGAIN', 'no name server answers'],
  ['EHOSTUNREACH', 'there is no way to that host'],
  ['EHOSTDOWN', 'the host is down'],
  ['ENETUNREACH', 'there is no way to that network'],
  ['ENETDOWN', 'the network is down'],
  ['ETIMEDOUT', 'nobody answers'],
  ['ECONNRESET', 'the other side hung up'],
  ['EPIPE', 'the other side hung up'],
]);

const CREDENTIALS: readonly number[] = [
  StatusCode.BadIdentityTokenInvalid,
  StatusCode.BadIdentityTokenRejected,
  StatusCode.BadUserAccessDenied,
  StatusCode.BadUserSignatureInvalid,
];

/** How a server says that it does not (yet) trust the gateway's certificate. */
const DISTRUST: readonly number[] = [
  StatusCode.BadSecurityChecksFailed,
  StatusCode.BadCertificateInvalid,
  StatusCode.BadCertificateUntrusted,
  StatusCode.BadCertificateTimeInvalid,
  StatusCode.BadCertificateUriInvalid,
  StatusCode.BadCertificateUseNotAllowed,
  StatusCode.BadCertificateRevoked,
  StatusCode.BadCertificateRevocationUnknown,
  StatusCode.BadCertificateChainIncomplete,
  StatusCode.BadCertificatePolicyCheckFailed,
  StatusCode.BadNoValidCertificates,
  StatusCode.BadApplicationSignatureInvalid,
];

/** How a server says that it takes nobody at the moment: while it starts, ends, or has too many clients. */
const UNREADY: readonly number[] = [
  StatusCode.BadTooManySessions,
  StatusCode.BadTcpServerTooBusy,
  StatusCode.BadTcpNotEnoughResources,
  StatusCode.BadServerTooBusy,
  StatusCode.BadServerHalted,
  StatusCode.BadShutdown,
  StatusCode.BadMaxConnectionsReached,
  StatusCode.BadConnectionRejected,
];

const REFUSED: readonly number[] = [
  StatusCode.BadTooManySubscriptions,
  StatusCode.BadLicenseExpired,
  StatusCode.BadLicenseLimitsExceeded,
  StatusCode.BadResourceUnavailable,
  StatusCode.BadOutOfMemory,
];

const SESSION_GONE: readonly number[] = [
  StatusCode.BadSessionIdInvalid,
  StatusCode.BadSessionClosed,
  StatusCode.BadSecureChannelIdInvalid,
  StatusCode.BadSecureChannelClosed,
  StatusCode.BadConnectionClosed,
  StatusCode.BadNoSubscription,
  StatusCode.BadSubscriptionIdInvalid,
];

/** The fault that a StatusCode of the server amounts to. */
export function faultOf(status: number, doing: string, cause?: unknown): Fault {
  const fault = (code: FaultCode, hint = '') =>
    new Fault(code, `${doing}: the server says ${statusName(status)}${hint}`, cause);
  const code = (status & 0xffff0000) >>> 0;
  if (CREDENTIALS.includes(code))
    return fault(
      'source.credentials',
      "; check user name and password, or whether the server trusts the user's certificate",
    );
  if (DISTRUST.includes(code)) {
    return fault('source.refused', "; it may not trust the gateway's certificate yet: have it trusted on the server");
  }
  if (code === StatusCode.BadInvalidTimestamp) {
    return fault('source.refused', '; the clocks of gateway and server differ too much');
  }
  if (UNREADY.includes(code)) return fault('source.unready');
  if (REFUSED.includes(code)) return fault('source.refused');
  if (SESSION_GONE.includes(code)) return fault('source.closed');
  if (code === StatusCode.BadTimeout || code === StatusCode.BadRequestTimeout) return fault('source.timeout');
  return fault('source.protocol');
}

/** The fault that a failed call of the library amounts to; `otherwise` when it holds no code at all. */
export function faultFrom(error: unknown, doing: string, otherwise: FaultCode): Fault {
  if (error instanceof Fault) return error;
  const status = serviceResult(error);
  if (status !== undefined) return faultOf(status, doing, error);
  const code = socketCode(error);
  const words = code === undefined ? undefined : UNREACHABLE.get(code);
  if (words !== undefined) return new Fault('source.unreachable', `${doing}: ${words} (${code})`, error);
  return new Fault(otherwise, `${doing}: ${describe(error).replace(/\s+/g, ' ').trim()}`, error);
}

/** How a server says that it has no subscriptions at all. */
const NO_SUBSCRIPTIONS: readonly number[] = [
  StatusCode.BadServiceUnsupported,
  StatusCode.BadNotSupported,
  StatusCode.BadNotImplemented,
];

/** What to do about a server that gives none; any other failure as it is. @param status the server's answer */
export function withoutSubscriptions(name: string, status: number | undefined, error: unknown): unknown {
  if (status === undefined || !NO_SUBSCRIPTIONS.includes((status & 0xffff_0000) >>> 0)) return error;
  const said = `the server has no subscriptions (it says ${statusName(status)})`;
  const mend = 'have the tags of this source polled: write "defaults: { mode: poll }" at it';
  return new Fault('source.configuration', `${name}: ${said}; ${mend}`, error);
}

/** What a tag is told for which alone a whole call failed. */
export function failure({ code, cause, message }: Fault): { readonly status: number; readonly failure: string } {
  const otherwise = code === 'source.timeout' ? StatusCode.BadTimeout : StatusCode.BadDecodingError;
  const status = serviceResult(cause ?? {}) ?? otherwise;
  return { status, failure: `${statusName(status)}: the server fails every call that asks for this tag (${message})` };
}

/** The `code` of a socket error; of the first one when a name had several addresses. */
function socketCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return socketCode(error.errors[0]);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
