// Turns what zod found into sentences in the words of the field. zod knows the path and the kind of each issue; the
// schema's own messages say what to write; this puts key, value and advice together.

import type { z } from 'zod';
import type { Part } from './document.ts';
import { blanked, type Path } from './mistake.ts';
import { nearest } from './nearest.ts';
import { keysAt, wordsAt } from './shape.ts';

/** A mistake before it has a place. */
export interface Finding {
  readonly path: Path;
  readonly part: Part;
  readonly message: string;
  readonly suggestion?: string;
}

type Issue = z.core.$ZodIssue;

/** What zod found in `value`, as findings; one per key, because a second one rarely says more. */
export function findings(schema: z.ZodType, value: unknown, issues: readonly Issue[], subject: string): Finding[] {
  const all = issues.flatMap((issue) => translate(issue, { schema, value, subject }));
  const seen = new Set<string>();
  return all.filter(({ path, part }) => {
    const key = `${part} ${JSON.stringify(path)}`;
    return !seen.has(key) && seen.add(key);
  });
}

interface Subject {
  readonly schema: z.ZodType;
  readonly value: unknown;
  /** What the whole is called when the path is empty: a source's or a tag's name. */
  readonly subject: string;
}

function translate(issue: Issue, about: Subject): Finding[] {
  const path = issue.path as Path;
  const value = valueAt(about.value, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, about));
    case 'invalid_key':
      return [{ path, part: 'key', message: `name "${path.at(-1)}": ${issue.issues[0]?.message ?? 'is no name'}` }];
    case 'invalid_union':
      return union(issue, value, about);
    case 'invalid_value': {
      if (value === undefined) return [missing(path, issue.message, about)];
      return [choice(path, value, issue.values.map(String), issue.message, about)];
    }
    default:
      if (value === undefined) return [missing(path, issue.message, about)];
      return [choice(path, value, wordsAt(about.schema, path, about.value), issue.message, about)];
  }
}

function unknownKey(key: string, at: Path, about: Subject): Finding {
  const path = [...at, key];
  const part = 'key';
  if (/^(password|passphrase|pass|pwd)$/i.test(key)) {
    const message =
      'a password does not stand in a mapping: write passwordFile (a file that holds it) or passwordEnv ' +
      '(an environment variable)';
    return { path, part, message };
  }
  if (key === '<<') return { path, part, message: 'merge keys ("<<") are not known here; write "defaults" instead' };
  const known = keysAt(about.schema, at, about.value);
  const suggestion = meant(key, known);
  const message = `unknown key "${key}"`;
  return suggestion === undefined ? { path, part, message } : { path, part, message, suggestion };
}

/** Words of other tools and of other protocols, and what they are called here. A map: a key may be `constructor`. */
const CALLED = new Map<string, readonly string[]>(
  Object.entries({
    sampling: ['poll'],
    poll: ['sampling'],
    samplinginterval: ['sampling'],
    interval: ['poll', 'sampling', 'publishing'],
    scanrate: ['poll', 'sampling'],
    publishinginterval: ['publishing'],
    ip: ['host'],
    url: ['endpoint', 'host'],
    endpointurl: ['endpoint'],
    hostname: ['host'],
    slave: ['unitId', 'unit'],
    slaveid: ['unitId', 'unit'],
    unitid: ['unitId', 'unit'],
    nodeid: ['node'],
    register: ['address'],
    datatype: ['type'],
    byteorder: ['order'],
    wordorder: ['order'],
    swap: ['order'],
    sentinel: ['notImplemented'],
    nodata: ['notImplemented'],
    novalue: ['notImplemented'],
    invalid: ['notImplemented'],
    wirebreak: ['sensorFailure'],
    sensorbreak: ['sensorFailure'],
    burnout: ['sensorFailure'],
    clamping: ['clamp'],
    charset: ['encoding'],
    engineeringunit: ['unit'],
    username: ['name'],
    file: ['path'],
  }),
);

function meant(key: string, known: readonly string[]): string | undefined {
  return CALLED.get(key.toLowerCase())?.find((word) => known.includes(word)) ?? nearest(key, known);
}

function union(issue: z.core.$ZodIssueInvalidUnion, value: unknown, about: Subject): Finding[] {
  const path = issue.path as Path;
  if (issue.discriminator !== undefined) {
    const options = optionsOf(issue);
    const message = `write one of ${options.join(', ')}`;
    if (value === undefined || value === about.value) return [missing(path, message, about)];
    return [choice(path, value, options, message, about)];
  }
  if (value === undefined) return [missing(path, issue.message, about)];
  // Of two forms of an object, the one with the fewest complaints was meant.
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const branch = [...issue.errors].sort((a, b) => a.length - b.length)[0];
    if (branch !== undefined && branch.length > 0) {
      return branch.flatMap((inner) => translate({ ...inner, path: [...issue.path, ...inner.path] } as Issue, about));
    }
  }
  return [choice(path, value, wordsAt(about.schema, path, about.value), issue.message, about)];
}

/** zod lists the literals of a discriminated union, its types do not say so. */
function optionsOf(issue: z.core.$ZodIssueInvalidUnion): string[] {
  const { options } = issue as { readonly options?: readonly unknown[] };
  return (options ?? []).map(String);
}

/** A value that is none of those there are, with the one that was probably meant. */
function choice(path: Path, value: unknown, options: readonly string[], advice: string, about: Subject): Finding {
  const suggestion = typeof value === 'string' ? nearest(value, options) : undefined;
  const finding = { path, part: 'value', message: said(path, value, advice, about) } as const;
  return suggestion === undefined || suggestion === value ? finding : { ...finding, suggestion };
}

function missing(path: Path, advice: string, { subject }: Subject): Finding {
  const key = String(path.at(-1) ?? subject);
  const owner = path.length > 1 ? nameOf(path.slice(0, -1), subject) : subject;
  const article = /[^s]s$/.test(key) ? '' : /^[aeio]/i.test(key) ? 'an ' : 'a ';
  return { path: path.slice(0, -1), part: 'key', message: `${owner} needs ${article}${key}: ${advice}` };
}

/** `sampling is 1: write a duration with its unit, like 1s`; for an object, `user needs passwordFile or …`. */
function said(path: Path, value: unknown, advice: string, { subject }: Subject): string {
  const label = nameOf(path, subject);
  if (advice.startsWith('needs ')) return `${label} ${advice}`;
  return `${label} is ${shown(value)}: ${advice}`;
}

function nameOf(path: Path, subject: string): string {
  const key = path.at(-1);
  if (key === undefined) return subject;
  return typeof key === 'number' ? `${String(path.at(-2) ?? subject)}[${key}]` : key;
}

/** A value as it may stand in a sentence; never long, never over several lines. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : clip(JSON.stringify(value).replaceAll(',', ', '));
  if (typeof value === 'object') return 'a map of keys';
  return clip(typeof value === 'string' ? JSON.stringify(blanked(value)) : String(value));
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** zod's own messages are for programmers; these are for those issues whose schema says nothing itself. */
export function plainWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return EXPECTED[issue.expected as string] ?? `write ${issue.expected}`;
    case 'invalid_value':
      return `write ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'write at least one character' : `the least is ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string' ? `at most ${issue.maximum} characters` : `the most is ${issue.maximum}`;
    default:
      return 'is not allowed here';
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'write text',
  number: 'write a number',
  int: 'write a whole number',
  boolean: 'write true or false',
  array: 'write a list, like [a, b]',
  tuple: 'write a list of two, like [0, 100]',
  object: 'write keys and values under it',
  record: 'write names and what belongs to them under it',
};
