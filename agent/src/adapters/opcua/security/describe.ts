// What people are told of a connection while it lasts: how it is secured, which certificates it stands on and when
// they end, and what works but deserves a look.

import type { EndpointDescription } from 'node-opcua-client';
import type { CertificateFacts, ConnectionFacts } from '../../adapter.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { type Certificate, oneLine, parseCertificate } from './certificate.ts';
import type { Identity } from './identity.ts';
import { NOTICE_DAYS, type OwnCertificate } from './own.ts';
import { type Accepted, describeSecurity } from './security.ts';

const DAY = 86_400_000;
/** Days before the end of somebody else's certificate on which it is remarked. */
const WARNING_DAYS = 30;

/**
 * @param offered policies and modes that the server offers
 * @param accepted the server's certificate; undefined where the connection uses none
 */
export function describeConnection(
  options: OpcUaOptions,
  endpoint: EndpointDescription,
  offered: readonly string[],
  own: OwnCertificate,
  accepted: Accepted | undefined,
  identity: Identity,
  today: Date,
): ConnectionFacts {
  const certificates: CertificateFacts[] = [];
  const remarks = [...identity.notes];
  const { insecure } = options;
  if (accepted !== undefined) {
    const server = parseCertificate(accepted.certificate);
    certificates.push(factsOf('server', server));
    certificates.push(factsOf('gateway', parseCertificate(own.der)));
    if (accepted.findings.length === 0) remarks.push(...ending("the server's certificate", server, today));
    const waived = accepted.findings.map(({ what, status }) => `${what} (${status})`).join('; ');
    if (waived !== '') {
      remarks.push(
        `the server's certificate is accepted by ${insecure?.acceptedBy} until ${insecure?.until}: ${waived}`,
      );
    }
    remarks.push(...ownEnds(own, certificates, today));
  } else {
    remarks.push(`nothing is encrypted; accepted by ${insecure?.acceptedBy} until ${insecure?.until}`);
  }
  if (identity.certificate) {
    certificates.push(factsOf('user', identity.certificate));
    remarks.push(...ending("the user's certificate", identity.certificate, today));
  }
  return { endpoint: options.endpoint, security: describeSecurity(endpoint), offered, certificates, remarks };
}

function ownEnds(own: OwnCertificate, certificates: CertificateFacts[], today: Date): string[] {
  const days = daysTo(own.validTo, today);
  const when = `the gateway's own certificate ends in ${days} days, on ${day(own.validTo)}`;
  if (own.next === undefined) return days > NOTICE_DAYS ? [] : [`${when}; have a new one issued`];
  certificates.push({ ...factsOf('next', own.next), of: 'next' });
  return [`${when}; have its successor ${own.next.thumbprint} (${own.next.file}) trusted on the server before`];
}

function ending(what: string, { x509 }: Certificate, today: Date): string[] {
  const days = daysTo(x509.validToDate, today);
  return days > WARNING_DAYS ? [] : [`${what} ends in ${days} days, on ${day(x509.validToDate)}; have a new one made`];
}

const factsOf = (of: CertificateFacts['of'], { thumbprint, x509 }: Pick<Certificate, 'thumbprint' | 'x509'>) => ({
  of,
  thumbprint,
  subject: oneLine(x509.subject),
  validTo: x509.validToDate.toISOString(),
});

const daysTo = (end: Date, today: Date) => Math.floor((end.getTime() - today.getTime()) / DAY);
const day = (date: Date) => date.toISOString().slice(0, 10);
