// A certificate, read: both libraries' views of it, its thumbprint, the names it bears, and how people are told of it.

// @peculiar/x509 is built on a container that needs this polyfill before anything else of it loads.
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { SubjectAlternativeNameExtension, X509Certificate as X509Details } from '@peculiar/x509';

export interface Certificate {
  readonly der: Buffer;
  /** SHA-1 of the DER form in lower-case hex (OPC 10000-6 section 6.2.2). */
  readonly thumbprint: string;
  readonly x509: X509Certificate;
  readonly details: X509Details;
}

/** Something that speaks against a certificate. */
export interface Finding {
  /** Name of the StatusCode that OPC 10000-4 gives it: `BadCertificateUntrusted`. */
  readonly status: string;
  /** In words. */
  readonly what: string;
  /** What a person can do about it. */
  readonly mend?: string;
}

/** A certificate from DER or PEM. @throws when it is none */
export function parseCertificate(data: Buffer): Certificate {
  const x509 = new X509Certificate(data);
  const der = x509.raw;
  return { der, thumbprint: thumbprintOf(x509), x509, details: new X509Details(der) };
}

const thumbprintOf = (x509: X509Certificate): string => x509.fingerprint.replaceAll(':', '').toLowerCase();

/** The names in the subject alternative name. */
export function alternativeNames({ details }: Certificate): { uris: string[]; hosts: string[] } {
  const items = details.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const of = (...types: string[]) => items.filter(({ type }) => types.includes(type)).map(({ value }) => value);
  return { uris: of('url'), hosts: of('dns', 'ip') };
}

export const oneLine = (name: string | undefined): string => (name ?? '').split('\n').join(', ');

export const day = (date: Date) => date.toISOString().slice(0, 10);
