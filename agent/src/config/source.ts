// Checks one source with all its tags, from YAML and from CSV files, and resolves it. Every tag is checked by itself,
// with one schema for both kinds of file, so that a mistake in one hides none in another.

import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { Report } from './checks.ts';
import { readCsv } from './csv.ts';
import type { Part, YamlFile } from './document.ts';
import { tagName } from './fields.ts';
import { type Finding, findings, plainWords } from './issues.ts';
import type { Mistake, Path } from './mistake.ts';
import type { ResolvedSource, ResolvedTag } from './plant.ts';
import { isFields } from './protocols/protocol.ts';
import { protocolNamed, protocolOf } from './protocols/protocols.ts';
import { sourceSchema } from './schema.ts';
import { keysAt } from './shape.ts';
import { substitute } from './substitute.ts';
import { readTagFile } from './tagfile.ts';
import type { TextFile } from './text.ts';

/** What the check of a whole mapping shares. */
export interface Context {
  readonly yaml: YamlFile;
  readonly env: NodeJS.ProcessEnv;
  readonly today: Date;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  /** Tags of all sources so far, and where each stands. */
  readonly names: Map<string, Origin>;
  /** Reads a file that the mapping names, and remembers that it did. */
  readonly readFile: (path: string) => Promise<TextFile>;
}

/** Where a tag was written; a path within the tag leads to one of its keys. */
interface Origin {
  mistake(path: Path, part: Part, message: string, suggestion?: string): Mistake;
}

type Fields = Record<string, unknown>;

/** The source, or undefined when it has a mistake; the mistakes are in the context then. */
export async function readSource(context: Context, name: string, value: unknown): Promise<ResolvedSource | undefined> {
  const { yaml, mistakes, warnings } = context;
  const before = mistakes.length;
  const base = ['sources', name];
  const add = ({ path, part, message, suggestion }: Finding) => {
    mistakes.push(yaml.mistake([...base, ...path], part, message, suggestion));
  };

  const named = protocolNamed(value);
  if (!isFields(value) || named !== value.protocol) parse(sourceSchema, value, name).findings.forEach(add);
  if (!isFields(value) || named === undefined) return undefined;

  const protocol = protocolOf(named);
  const frame: Fields = { ...value, protocol: named };
  const unset = fillIn(context, frame, base);
  if (isFields(value.tags)) frame.tags = {};
  const report =
    (into: Mistake[]): Report =>
    (path, part, message) => {
      into.push(yaml.mistake([...base, ...path], part, message));
    };
  protocol.checkSource(name, frame, context.today, report(mistakes), report(warnings));
  const parsed = parse(protocol.sourceSchema, frame, name);
  for (const finding of parsed.findings) {
    if (finding.path.length !== 1 || !unset.has(String(finding.path[0]))) add(finding);
  }
  // The tags of a source that has a mistake itself are checked with what is left of it.
  const left = parsed.data ?? parse(protocol.sourceSchema.partial(), without(frame, parsed.findings), name).data;
  const config = left as Fields | undefined;
  const tags = taker(
    protocol.tagSchema,
    (name, tag, report) => protocol.checkTag(name, tag, config ?? {}, report),
    (name, tag) => protocol.resolveTag(name, tag, config ?? {}),
  );
  readYamlTags(context, base, value.tags, tags.take);
  await readTagFiles(context, base, value.tagFiles, tags.schema, tags.take);
  if (mistakes.length > before || config === undefined) return undefined;
  if (tags.resolved.length === 0) {
    warnings.push(yaml.mistake(base, 'key', `${name} has no tags: nothing is read from it`));
  }
  return protocol.resolveSource(name, { ...config, tags: tags.written }, tags.resolved);
}

/** What a schema makes of a value, or what it finds wrong with it. */
function parse(schema: z.ZodType, value: unknown, subject: string): { data?: unknown; findings: Finding[] } {
  const result = schema.safeParse(value, { error: plainWords });
  if (result.success) return { data: result.data, findings: [] };
  return { findings: findings(schema, value, result.error.issues, subject) };
}

/** The value without the keys in which something was found. */
function without(value: Fields, found: readonly Finding[]): Fields {
  const wrong = new Set(found.map(({ path }) => path[0]));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !wrong.has(key)));
}

/** Takes tags one by one: the protocol's schema, checks and defaults. */
interface Taker {
  readonly schema: z.ZodType;
  readonly resolved: ResolvedTag[];
  /** The tags of YAML as checked, for the mapping. */
  readonly written: Fields;
  readonly take: (context: Context, name: string, value: unknown, origin: Origin, inYaml: boolean) => void;
}

/** Keys of a tag that are checked against each other. */
const TOGETHER = new Set([
  ...['node', 'path', 'address', 'type', 'order', 'deadband', 'swingingDoor', 'range', 'scale', 'clamp'],
  ...['notImplemented', 'sign', 'encoding'],
]);

function taker(
  schema: z.ZodType,
  check: (name: string, tag: unknown, report: Report) => void,
  resolve: (name: string, tag: unknown) => ResolvedTag,
): Taker {
  const resolved: Taker['resolved'] = [];
  const written: Fields = {};
  const take: Taker['take'] = (context, name, value, origin, inYaml) => {
    const named = tagName.safeParse(name);
    if (!named.success) {
      const message = `tag name ${JSON.stringify(name)}: ${named.error.issues[0]!.message}`;
      context.mistakes.push(origin.mistake([], 'key', message));
    }
    const other = context.names.get(name);
    if (other === undefined) context.names.set(name, origin);
    else {
      const { file, line, column } = other.mistake([], 'key', '');
      context.mistakes.push(origin.mistake([], 'key', `tag ${name} exists already, at ${file}:${line}:${column}`));
    }
    const { data, findings: found } = parse(schema, value, name);
    for (const { path, part, message, suggestion } of found) {
      context.mistakes.push(origin.mistake(path, part, message, suggestion));
    }
    const report: Report = (path, part, message) => context.mistakes.push(origin.mistake(path, part, message));
    if (data !== undefined) {
      if (inYaml) written[name] = data;
      check(name, data, report);
      resolved.push(resolve(name, data));
    } else if (isFields(value) && !found.some(({ path }) => path[0] === undefined || TOGETHER.has(String(path[0])))) {
      // What was found does not touch the keys that are checked together, so these can be checked all the same.
      const rest = parse(schema, without(value, found), name).data;
      if (rest !== undefined) check(name, rest, report);
    }
  };
  return { schema, resolved, written, take };
}

function readYamlTags(context: Context, base: readonly string[], tags: unknown, take: Taker['take']): void {
  if (!isFields(tags)) return;
  const { yaml } = context;
  for (const name of Object.keys(tags)) {
    const place = [...base, 'tags', name];
    const value = asWritten(tags[name], place, yaml);
    const origin: Origin = {
      mistake: (path, part, message, suggestion) => yaml.mistake([...place, ...path], part, message, suggestion),
    };
    take(context, name, value, origin, true);
  }
}

/** Numbers whose writing counts: YAML reads 00011 as 11, 40025.10 as 40025.1, and 0x8000000000000001 as a float. */
const LITERAL = ['address', 'notImplemented'] as const;

function asWritten(value: unknown, place: Path, yaml: YamlFile): unknown {
  if (!isFields(value)) return value;
  let written = value;
  for (const key of LITERAL) {
    const given = value[key];
    const source = (one: unknown, path: Path) => (typeof one === 'number' ? (yaml.source(path) ?? one) : one);
    if (typeof given === 'number') written = { ...written, [key]: source(given, [...place, key]) };
    else if (key === 'notImplemented' && Array.isArray(given)) {
      written = { ...written, [key]: given.map((one, i) => source(one, [...place, key, i])) };
    }
  }
  return written;
}

async function readTagFiles(
  context: Context,
  base: readonly string[],
  files: unknown,
  schema: z.ZodType,
  take: Taker['take'],
): Promise<void> {
  if (!Array.isArray(files)) return;
  const { yaml, mistakes } = context;
  for (const [i, file] of files.entries()) {
    if (typeof file !== 'string' || file === '') continue;
    const wrong = (problem: string) => {
      mistakes.push(yaml.mistake([...base, 'tagFiles', i], 'value', `tag file ${JSON.stringify(file)}: ${problem}`));
    };
    if (files.indexOf(file) < i) {
      wrong('is listed a second time');
      continue;
    }
    const path = file.startsWith('/') ? file : join(dirname(yaml.file), file);
    const read = await context.readFile(path);
    if ('problem' in read) {
      if (read.line === undefined) wrong(read.problem);
      else mistakes.push({ file: path, line: read.line, column: 1, path: [read.line], message: read.problem });
      continue;
    }
    const table = readTagFile(readCsv(path, read.text), keysAt(schema, [], undefined));
    mistakes.push(...table.mistakes);
    for (const { name, value, row } of table.rows) {
      const mistake: Origin['mistake'] = (at, _part, message, suggestion) =>
        table.mistake(row, at[0] === undefined ? undefined : String(at[0]), message, suggestion);
      take(context, name, value, { mistake }, false);
    }
  }
}

/** Fills in the environment variables of a source; returns the keys for which that failed. */
function fillIn(context: Context, source: Fields, base: Path): Set<string> {
  const failed = new Set<string>();
  for (const key of ['host', 'endpoint']) {
    const text = source[key];
    if (typeof text !== 'string') continue;
    const { text: filled, finding } = substitute(text, [...base, key], context.env);
    source[key] = filled;
    if (finding === undefined) continue;
    failed.add(key);
    context.mistakes.push(context.yaml.mistake(finding.path, finding.part, finding.message));
  }
  return failed;
}
