// Whether an authority stands by what it signed: its revocation lists, as RFC 5280 section 5 has them. A list that
// vouches for a certificate must be signed by its issuer, current, and a whole one. A delta list names only what
// came since the whole one, and a partial list only some of the certificates: silence of either means nothing.

import { BasicConstraintsExtension, type X509Crl } from '@peculiar/x509';
import { typed } from '../../typed.ts';
import { type Certificate, day, type Finding, oneLine } from './certificate.ts';

const DELTA = '2.5.29.27';
const SCOPE = '2.5.29.28';
/** Entry of a delta list: the certificate is taken off the whole list again. */
const REMOVED = 8;

/** Every certificate of a path but the root must not be on its issuer's list, and that list must be there and current. */
export async function revocation(
  path: readonly Certificate[],
  lists: readonly X509Crl[],
  today: Date,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [i, one] of path.entries()) {
    const issuer = path[i + 1];
    if (issuer === undefined) break;
    const finding = await judgeOne(one, issuer, i === 0, lists, today);
    if (finding !== undefined) found.push(finding);
  }
  return found;
}

async function judgeOne(
  one: Certificate,
  issuer: Certificate,
  leaf: boolean,
  all: readonly X509Crl[],
  today: Date,
): Promise<Finding | undefined> {
  const unknown = leaf ? 'BadCertificateRevocationUnknown' : 'BadCertificateIssuerRevocationUnknown';
  const revoked = leaf ? 'BadCertificateRevoked' : 'BadCertificateIssuerRevoked';
  const name = oneLine(issuer.x509.subject);
  const mend = `get the current revocation list of ${name}, and: ${typed('certificates issuer FILE')}`;
  const lists = await listsOf(issuer, all);
  const isWhole = (list: X509Crl) => scopeOf(list, one) === 'whole';
  const newest = lists.filter(isWhole).reduce<X509Crl | undefined>(later, undefined);
  // An older whole list does not count any more; what the others name since then does.
  const since = lists.filter((list) => list === newest || (!isWhole(list) && !(newest && older(list, newest))));
  if (since.some((list) => names(list, one))) {
    return { status: revoked, what: `${name} has revoked ${leaf ? 'it' : oneLine(one.x509.subject)}` };
  }
  if (newest === undefined) {
    const only = lists.length > 0 ? 'only a delta or partial' : 'no';
    return { status: unknown, what: `there is ${only} revocation list of ${name}`, mend };
  }
  if (newest.nextUpdate !== undefined && newest.nextUpdate < today) {
    return { status: unknown, what: `the revocation list of ${name} ended on ${day(newest.nextUpdate)}`, mend };
  }
  return undefined;
}

const later = (best: X509Crl | undefined, each: X509Crl) => (best === undefined || older(best, each) ? each : best);

const older = (a: X509Crl, b: X509Crl) => a.thisUpdate < b.thisUpdate;

function names(list: X509Crl, { details }: Certificate): boolean {
  const entry = list.findRevoked(details.serialNumber);
  return entry !== null && (entry.reason as number | undefined) !== REMOVED;
}

/** Whether a list would name this certificate if it were revoked. */
function scopeOf(list: X509Crl, one: Certificate): 'whole' | 'partial' {
  for (const { type, critical, value } of list.extensions) {
    if (type === DELTA) return 'partial';
    if (type === SCOPE) {
      if (!covers(Buffer.from(value), one)) return 'partial';
    } else if (critical) return 'partial'; // RFC 5280 section 5.2: what is critical and not known must not be relied on
  }
  return 'whole';
}

const [PLACE, USERS_ONLY, AUTHORITIES_ONLY] = [0xa0, 0x81, 0x82];

/** IssuingDistributionPoint (RFC 5280 section 5.2.5): whether the list is about all certificates of this kind. */
function covers(point: Buffer, { details }: Certificate): boolean {
  const authority = details.getExtension(BasicConstraintsExtension)?.ca === true;
  // SEQUENCE of tagged fields; DER leaves out what is false.
  let at = contentOf(point, 0)?.from;
  while (at !== undefined && at < point.length) {
    const tag = point[at];
    if (tag !== PLACE && tag !== (authority ? AUTHORITIES_ONLY : USERS_ONLY)) return false;
    at = contentOf(point, at)?.to;
  }
  return at === point.length;
}

/** Where the content of the DER value at a place begins and ends; undefined when it is damaged. */
function contentOf(der: Buffer, at: number): { from: number; to: number } | undefined {
  const first = der[at + 1] ?? 0xff;
  const more = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + more;
  if (more > 4 || first === 0x80 || from > der.length) return undefined;
  return { from, to: from + (more === 0 ? first : der.readUIntBE(at + 2, more)) };
}

async function listsOf(issuer: Certificate, all: readonly X509Crl[]): Promise<X509Crl[]> {
  const found: X509Crl[] = [];
  for (const one of all) {
    if (one.issuer !== issuer.details.subject) continue;
    if (await one.verify({ publicKey: issuer.details }).catch(() => false)) found.push(one);
  }
  return found;
}
