// Checks one source with all its tags, from YAML and from CSV files, and resolves it. Every tag is checked by itself,
// with one schema for both kinds of file, so that a mistake in one hides none in another.

import type { z } from 'zod';
import type { Report } from './checks.ts';
import type { Context, TagPlace } from './context.ts';
import { readCsv } from './csv.ts';
import { tagName } from './fields.ts';
import { type Finding, findings, plainWords } from './issues.ts';
import { listedFiles } from './listed.ts';
import type { Mistake, Path } from './mistake.ts';
import { inRow, inYaml, type Origin, placeOf } from './origin.ts';
import type { ResolvedSource, ResolvedTag } from './plant.ts';
import { readDevices } from './profile.ts';
import { isFields, type Placed, type Warn } from './protocols/protocol.ts';
import { protocolNamed, protocolOf } from './protocols/protocols.ts';
import { sourceSchema } from './schema.ts';
import { substitute } from './substitute.ts';
import { readTagFile } from './tagfile.ts';
import { ofInstance } from './templates/instance.ts';
import { readInstances } from './templates/instances.ts';
import { expand } from './templates/template.ts';
import { asWritten } from './written.ts';

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
  const { tags, written, take } = taker(context, name, protocol, config ?? {});
  readYamlTags(context, base, value.tags, take);
  await readTagFiles(context, base, value.tagFiles, protocol.tagSchema, take);
  await readUses(context, base, value, take);
  const devices = await readProfiles(context, base, name, protocol, config ?? {}, value.profiles);
  const warn: Warn = (at, path, message) => {
    const warning =
      at === 'source'
        ? yaml.mistake([...base, ...path], path.length === 0 ? 'key' : 'value', message)
        : path.length === 0
          ? at.name(message)
          : at.mistake(path, 'value', message);
    if (warning !== undefined) warnings.push(warning);
  };
  if (mistakes.length > before || config === undefined) return undefined;
  const all = [...tags, ...devices];
  protocol.checkTags(all, config, warn);
  if (all.length === 0) {
    warnings.push(yaml.mistake(base, 'key', `${name} has no tags: nothing is read from it`));
  }
  const resolved = all.map(({ tag }) => tag);
  return protocol.resolveSource(name, { ...config, tags: written }, resolved);
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
type Take = (name: string, value: unknown, origin: Origin, from: TagPlace) => void;

interface Taken {
  readonly tags: readonly Placed[];
  /** The tags of YAML as checked, for the mapping. */
  readonly written: Fields;
  readonly take: Take;
}

/** Keys of a tag that are checked against each other. */
const TOGETHER = new Set([
  ...['node', 'path', 'address', 'type', 'order', 'deadband', 'swingingDoor', 'range', 'scale', 'clamp'],
  ...['notImplemented', 'sensorFailure', 'sign', 'encoding'],
]);

/** @param config what of the source has no mistake */
function taker(context: Context, source: string, protocol: ReturnType<typeof protocolOf>, config: Fields): Taken {
  const { mistakes, names } = context;
  const tags: Placed[] = [];
  const written: Fields = {};
  const add = (mistake: Mistake | undefined) => {
    if (mistake !== undefined) mistakes.push(mistake);
  };
  const take: Take = (name, value, origin, from) => {
    context.onTag?.(source, name, value, from);
    const named = tagName.safeParse(name);
    if (!named.success)
      mistakes.push(origin.name(`tag name ${JSON.stringify(name)}: ${named.error.issues[0]!.message}`));
    const other = names.get(name);
    if (other === undefined) names.set(name, origin);
    else mistakes.push(origin.name(`${name} is also defined at ${placeOf(other)}`));
    const { data, findings: found } = parse(protocol.tagSchema, value, name);
    for (const { path, part, message, suggestion } of found) add(origin.mistake(path, part, message, suggestion));
    const report: Report = (path, part, message) => add(origin.mistake(path, part, message));
    if (data !== undefined) {
      if (from === 'yaml') written[name] = data;
      protocol.checkTag(name, data, config, report);
      tags.push({ tag: protocol.resolveTag(name, data, config), value: value as Fields, origin });
    } else if (isFields(value) && !found.some(({ path }) => path[0] === undefined || TOGETHER.has(String(path[0])))) {
      // What was found does not touch the keys that are checked together, so these can be checked all the same.
      const rest = parse(protocol.tagSchema, without(value, found), name).data;
      if (rest !== undefined) protocol.checkTag(name, rest, config, report);
    }
  };
  return { tags, written, take };
}

function readYamlTags({ yaml }: Context, base: readonly string[], tags: unknown, take: Take): void {
  if (!isFields(tags)) return;
  for (const name of Object.keys(tags)) {
    const place = [...base, 'tags', name];
    take(name, asWritten(yaml, place, tags[name]), inYaml(yaml, place), 'yaml');
  }
}

async function readTagFiles(context: Context, base: readonly string[], files: unknown, schema: z.ZodType, take: Take) {
  for await (const { path, text } of listedFiles(context, [...base, 'tagFiles'], files, 'tag file')) {
    const table = readTagFile(readCsv(path, text), schema);
    context.mistakes.push(...table.mistakes);
    for (const { name, value, row } of table.rows) take(name, value, inRow(table, row), 'file');
  }
}

async function readUses(context: Context, base: readonly string[], source: Fields, take: Take): Promise<void> {
  for (const instance of await readInstances(context, base, source)) {
    for (const { name, value, tag } of expand(instance.template, instance.values)) {
      take(name, value, ofInstance(context.yaml, context.faults, instance, tag, name), 'template');
    }
  }
}

/** The tags of devices that a profile describes, each with the unit, the poll and the order of its device. */
async function readProfiles(
  context: Context,
  base: readonly string[],
  source: string,
  protocol: ReturnType<typeof protocolOf>,
  config: Fields,
  uses: unknown,
): Promise<Placed[]> {
  if (!isFields(uses) || !('profiles' in protocol.sourceSchema.shape)) return [];
  const placed: Placed[] = [];
  const devices = await readDevices(context, base, uses);
  for (const { use, defaults, tags } of devices) {
    const { unitId: _unit, ...usual } = isFields(config.defaults) ? config.defaults : {};
    const own = { ...usual, ...defaults, ...(use.poll !== undefined && { poll: use.poll }) };
    const unit = use.unit ?? (isFields(config.defaults) ? config.defaults.unitId : undefined) ?? config.unit;
    const device = taker(context, source, protocol, { ...config, unit, defaults: own });
    for (const { name, value, origin } of tags) device.take(name, value, origin, 'file');
    const places = new Map(tags.map(({ name, sunspec }) => [name, sunspec]));
    for (const one of device.tags) {
      const sunspec = places.get(one.tag.name);
      placed.push(sunspec === undefined ? one : { ...one, tag: { ...one.tag, sunspec } as ResolvedTag });
    }
  }
  return placed;
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
  const { endpoints } = source;
  if (!Array.isArray(endpoints)) return failed;
  source.endpoints = endpoints.map((text: unknown, i) => {
    if (typeof text !== 'string') return text;
    const { text: filled, finding } = substitute(text, [...base, 'endpoints', i], context.env);
    if (finding === undefined) return filled;
    failed.add('endpoints');
    context.mistakes.push(context.yaml.mistake(finding.path, finding.part, finding.message));
    return filled;
  });
  return failed;
}
