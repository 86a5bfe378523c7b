// Checks one source with all its tags, from YAML and from CSV files, and resolves it. Every tag is checked by itself,
// with one schema for both kinds of file, so that a mistake in one hides none in another.

import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { checkModbusTag, checkOpcUaTag, checkSource, type Report, type WrittenSource } from './checks.ts';
import { readCsv } from './csv.ts';
import type { Part, YamlFile } from './document.ts';
import { tagName } from './fields.ts';
import { type Finding, findings, plainWords } from './issues.ts';
import type { Mistake, Path } from './mistake.ts';
import { nearest } from './nearest.ts';
import type { ResolvedModbusTag, ResolvedOpcUaTag, ResolvedSource } from './plant.ts';
import { resolveModbusTag, resolveOpcUaTag } from './resolve.ts';
import {
  type ModbusSource,
  type ModbusTag,
  modbusSourceSchema,
  modbusTagSchema,
  type OpcUaSource,
  type OpcUaTag,
  opcuaSourceSchema,
  opcuaTagSchema,
  sourceSchema,
} from './schema.ts';
import { keysAt } from './shape.ts';
import { substitute } from './substitute.ts';
import { readTagFile } from './tagfile.ts';
import { readText } from './text.ts';

/** What the check of a whole mapping shares. */
export interface Context {
  readonly yaml: YamlFile;
  readonly env: NodeJS.ProcessEnv;
  readonly today: Date;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  /** Tags of all sources so far, and where each stands. */
  readonly names: Map<string, Origin>;
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

  const protocol = protocolOf(value);
  if (!isFields(value) || protocol !== value.protocol) parse(sourceSchema, value, name).findings.forEach(add);
  if (!isFields(value) || protocol === undefined) return undefined;

  const frame: Fields = { ...value, protocol };
  const unset = fillIn(context, frame, base);
  if (isFields(value.tags)) frame.tags = {};
  const report =
    (into: Mistake[]): Report =>
    (path, part, message) => {
      into.push(yaml.mistake([...base, ...path], part, message));
    };
  checkSource(name, written(frame), context.today, report(mistakes), report(warnings));
  const schema = protocol === 'opcua' ? opcuaSourceSchema : modbusSourceSchema;
  const parsed = parse(schema, frame, name);
  for (const finding of parsed.findings) {
    if (finding.path.length !== 1 || !unset.has(String(finding.path[0]))) add(finding);
  }
  // The tags of a source that has a mistake itself are checked with what is left of it.
  const config = (parsed.data ?? parse(schema.partial(), without(frame, parsed.findings), name).data) as
    | OpcUaSource
    | ModbusSource
    | undefined;
  const tags = protocol === 'opcua' ? opcuaTags(config as OpcUaSource) : modbusTags(config as ModbusSource);
  readYamlTags(context, base, value.tags, tags.take);
  await readTagFiles(context, base, value.tagFiles, tags.schema, tags.take);
  if (mistakes.length > before || config === undefined) return undefined;
  if (tags.resolved.length === 0) {
    warnings.push(yaml.mistake(base, 'key', `${name} has no tags: nothing is read from it`));
  }
  return resolved(name, config, tags.resolved, tags.written);
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

/** Those parts of a source that are maps of keys at all. */
function written({ defaults, security, insecure }: Fields): WrittenSource {
  return {
    ...(isFields(defaults) ? { defaults } : {}),
    ...(isFields(security) ? { security } : {}),
    ...(insecure === undefined ? {} : { insecure: isFields(insecure) ? insecure : {} }),
  };
}

function resolved(
  name: string,
  config: OpcUaSource | ModbusSource,
  tags: readonly (ResolvedOpcUaTag | ResolvedModbusTag)[],
  written: Fields,
): ResolvedSource {
  if (config.protocol === 'modbus-tcp') {
    const whole = { ...config, tags: written as ModbusSource['tags'] };
    return { name, protocol: config.protocol, config: whole, tags: tags as ResolvedModbusTag[] };
  }
  const own = tags as readonly ResolvedOpcUaTag[];
  const fastest = own.reduce((least, tag) => Math.min(least, tag.sampling), Number.POSITIVE_INFINITY);
  // Publishing faster than four times a second costs the server more than anybody sees; slower than once a second
  // makes readings late.
  const publishing = config.publishing ?? Math.min(1_000, Math.max(250, fastest));
  const whole = { ...config, publishing, tags: written as OpcUaSource['tags'] };
  return { name, protocol: config.protocol, config: whole, tags: own };
}

/** Takes tags one by one: the protocol's schema, checks and defaults. */
interface Taker {
  readonly schema: z.ZodType;
  readonly resolved: (ResolvedOpcUaTag | ResolvedModbusTag)[];
  /** The tags of YAML as checked, for the mapping. */
  readonly written: Fields;
  readonly take: (context: Context, name: string, value: unknown, origin: Origin, inYaml: boolean) => void;
}

/** Keys of a tag that are checked against each other. */
const TOGETHER = new Set(['node', 'path', 'address', 'type', 'order', 'deadband', 'swingingDoor', 'range', 'scale']);

function taker(
  schema: z.ZodType,
  finish: (name: string, tag: unknown, report: Report) => Taker['resolved'][number],
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
      resolved.push(finish(name, data, report));
    } else if (isFields(value) && !found.some(({ path }) => path[0] === undefined || TOGETHER.has(String(path[0])))) {
      // What was found does not touch the keys that are checked together, so these can be checked all the same.
      const rest = parse(schema, without(value, found), name).data;
      if (rest !== undefined) finish(name, rest, report);
    }
  };
  return { schema, resolved, written, take };
}

function opcuaTags(config: OpcUaSource | undefined): Taker {
  const defaults = config?.defaults ?? {};
  return taker(opcuaTagSchema, (name, tag, report) => {
    checkOpcUaTag(name, tag as OpcUaTag, report);
    return resolveOpcUaTag(name, tag as OpcUaTag, defaults);
  });
}

function modbusTags(config: ModbusSource | undefined): Taker {
  const { defaults = {}, maxRegisters = 125, unit = 1 } = config ?? {};
  return taker(modbusTagSchema, (name, tag, report) => {
    checkModbusTag(name, tag as ModbusTag, { defaults, maxRegisters }, report);
    return resolveModbusTag(name, tag as ModbusTag, defaults, unit);
  });
}

function readYamlTags(context: Context, base: readonly string[], tags: unknown, take: Taker['take']): void {
  if (!isFields(tags)) return;
  const { yaml } = context;
  for (const name of Object.keys(tags)) {
    const place = [...base, 'tags', name];
    let value = tags[name];
    if (isFields(value) && typeof value.address === 'number') {
      // As it is written: YAML reads 00011 as the number 11, and 40025.10 as 40025.1.
      value = { ...value, address: yaml.source([...place, 'address']) ?? value.address };
    }
    const origin: Origin = {
      mistake: (path, part, message, suggestion) => yaml.mistake([...place, ...path], part, message, suggestion),
    };
    take(context, name, value, origin, true);
  }
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
    const read = await readText(path);
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

/** The protocol as written; when it is none, the one that the other keys speak for. */
function protocolOf(value: unknown): 'opcua' | 'modbus-tcp' | undefined {
  if (!isFields(value)) return undefined;
  const protocols = ['opcua', 'modbus-tcp'] as const;
  const written = protocols.find((protocol) => protocol === value.protocol);
  if (written !== undefined) return written;
  if (value.endpoint !== undefined) return 'opcua';
  if (value.host !== undefined) return 'modbus-tcp';
  const near = nearest(String(value.protocol), protocols);
  return protocols.find((protocol) => protocol === near);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
