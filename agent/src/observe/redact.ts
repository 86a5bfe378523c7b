// Redaction: what goes into a log line or a status page, without its secrets. Fields are cleaned by their names and
// every text by its shape, because the messages of libraries quote connection strings, tokens and URLs. What comes
// out is plain JSON of a bounded size, whatever a hostile peer put into an error message.

import { describe } from '../model/fault.ts';

const REDACTED = '[redacted]';

/** Longest text kept, in characters: a server may send megabytes as a reason. */
const MAX_TEXT = 2_000;
/** Most members kept of one list, and how deep structures are followed. */
const MAX_MEMBERS = 100;
const MAX_DEPTH = 4;

/** Field names that hold a secret. Whole words, because tag names are keys too: 20KEYPHASOR is none. */
const SECRET_NAME =
  /^(key|sig|sas|token|secret|authorization|credentials?|cookie|pfx|pin)$|(password|passwd|passphrase|secret|private_?key|access_?key|primary_?key|shared_?key|symmetric_?key|api_?key|sas_?token|access_?token|connection_?string|shared_?access_?signature)$/i;

/** Secrets within a text; what is kept of a match comes before it in group 1. */
const SECRET_TEXT: readonly RegExp[] = [
  // Connection strings and SAS tokens: SharedAccessKey=…; SharedAccessSignature sr=…&sig=…&se=…
  /((?:Shared)?Access(?:Policy)?Key=)[^;\s"',&]+/gi,
  /(\bsig=)[^&;\s"']+/gi,
  // key: value and key=value of the words below, quoted (to the closing quote, with blanks) or not.
  /((?:password|passwd|passphrase|secret|private_?key|primary_?key|symmetric_?key|api_?key|sas_?token|access_?token|connection_?string)["']?\s*[:=]\s*)(?:"[^"]*"?|'[^']*'?|[^\s"',;&}]+)/gi,
  /(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}/g,
  // scheme://user:password@host
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi,
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?=-----END|$)/g,
];

/** A text without its secrets, cut to a bounded length. */
export function redactText(text: string): string {
  // Cut first, with room for a secret at the cut, so that a long text costs no more than a short one.
  let clean = text.slice(0, 2 * MAX_TEXT);
  for (const secret of SECRET_TEXT) clean = clean.replace(secret, `$1${REDACTED}`);
  return clean.length > MAX_TEXT || text.length > 2 * MAX_TEXT
    ? `${clean.slice(0, MAX_TEXT)}… (${text.length} characters)`
    : clean;
}

/** Fields as plain JSON without secrets: maps become objects, errors their message, bigints text. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return plainObject(Object.entries(fields), 0);
}

function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : plainStructure(value, depth);
    default:
      return String(value);
  }
}

function plainStructure(value: object, depth: number): unknown {
  if (value instanceof Error) return redactText(describe(value));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value) || value instanceof Set) {
    const members = [...value];
    const kept = members.slice(0, MAX_MEMBERS).map((member) => plain(member, depth + 1));
    return members.length > MAX_MEMBERS ? [...kept, `… ${members.length - MAX_MEMBERS} more`] : kept;
  }
  return plainObject(value instanceof Map ? [...value] : Object.entries(value), depth + 1);
}

function plainObject(members: readonly (readonly [unknown, unknown])[], depth: number): Record<string, unknown> {
  const kept = members.slice(0, MAX_MEMBERS).map(([key, value]) => {
    const name = redactText(String(key));
    return [name, SECRET_NAME.test(name) && value !== undefined ? REDACTED : plain(value, depth)] as const;
  });
  if (members.length > MAX_MEMBERS) kept.push(['…', `${members.length - MAX_MEMBERS} more`]);
  return Object.fromEntries(kept);
}
