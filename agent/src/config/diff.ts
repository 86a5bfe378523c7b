// What changes from one plant to the next: pure, so that a reload can be decided on and shown before anything is
// touched. Sources and tags are compared by name; a tag that moves to another source is removed there and added here.
// The order in which a mapping lists sources, tags and keys means nothing.

import { isDeepStrictEqual } from 'node:util';
import { formatAddress, type ModbusAddress } from './address.ts';
import type { Deadband } from './fields.ts';
import { shown } from './issues.ts';
import { blanked } from './mistake.ts';
import type { Plant, ResolvedSource, ResolvedTag, Scale } from './plant.ts';
import { protocolOf } from './protocols/protocols.ts';
import { isDuration } from './shape.ts';
import { formatDuration } from './units.ts';

/** One key with both of its values; undefined where it is not there. */
export interface Change {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface TagChange<Tag extends ResolvedTag = ResolvedTag> {
  readonly name: string;
  readonly before: Tag;
  readonly after: Tag;
  /** At least one. */
  readonly changes: readonly Change[];
  /** What is asked of the source changes. Otherwise it is only what is done with readings: scaling, thinning, unit. */
  readonly reads: boolean;
}

export interface SourceChange {
  readonly name: string;
  readonly before: ResolvedSource;
  readonly after: ResolvedSource;
  /** Settings of the source itself, without those that are merged into its tags (defaults, tags, tagFiles). */
  readonly settings: readonly Change[];
  /** One of `settings` is of the connection. Otherwise they are of the pace (publishing, the plan of requests). */
  readonly reconnects: boolean;
  readonly added: readonly ResolvedTag[];
  readonly removed: readonly ResolvedTag[];
  readonly changed: readonly TagChange[];
}

export interface PlantDiff {
  /** Site and gateway: they are part of every message, so that a change needs a restart. */
  readonly identity: readonly Change[];
  /** In the order of the plant in which they stand. */
  readonly added: readonly ResolvedSource[];
  readonly removed: readonly ResolvedSource[];
  /** Sources that stay, and in which something changes. */
  readonly changed: readonly SourceChange[];
}

/** Keys of a source that its resolved tags hold already. */
const IN_TAGS = new Set(['tags', 'tagFiles', 'defaults', 'use', 'useFiles']);

/** Settings of the pace: they can take effect on a connection that stands. `publishing` also follows from the tags. */
const PACE = new Set(['publishing', 'delayBetweenRequests', 'maxRegisters', 'maxGap']);

/** Keys of a tag that say what is done with its readings. All others say what is read. */
const AFTER_READING = new Set([
  'unit',
  'description',
  'priority',
  'deadband',
  'range',
  'heartbeat',
  'swingingDoor',
  'scale',
  'clamp',
]);

/** What changes when `after` takes the place of `before`. Linear in the number of tags. */
export function diffPlants(before: Plant, after: Plant): PlantDiff {
  const old = new Map(before.sources.map((source) => [source.name, source]));
  const kept = new Set<string>();
  const added: ResolvedSource[] = [];
  const changed: SourceChange[] = [];
  for (const source of after.sources) {
    const previous = old.get(source.name);
    if (previous === undefined) {
      added.push(source);
      continue;
    }
    kept.add(source.name);
    const change = diffSources(previous, source);
    if (change !== undefined) changed.push(change);
  }
  const { site, gateway } = before;
  return {
    identity: diffKeys({ site, gateway }, { site: after.site, gateway: after.gateway }),
    added,
    removed: before.sources.filter(({ name }) => !kept.has(name)),
    changed,
  };
}

/** Nothing changes at all. */
export function isEmpty({ identity, added, removed, changed }: PlantDiff): boolean {
  return identity.length + added.length + removed.length + changed.length === 0;
}

function diffSources(before: ResolvedSource, after: ResolvedSource): SourceChange | undefined {
  const all = diffKeys(before.config, after.config);
  // `endpoints` is there in any case; where the mapping says `endpoint`, that is the one to show.
  const one = all.some(({ key }) => key === 'endpoint');
  const settings = all.filter(({ key }) => !IN_TAGS.has(key) && !(one && key === 'endpoints'));
  const old = new Map<string, ResolvedTag>(before.tags.map((tag) => [tag.name, tag]));
  const kept = new Set<string>();
  const added: ResolvedTag[] = [];
  const changed: TagChange[] = [];
  for (const tag of after.tags) {
    const previous = old.get(tag.name);
    if (previous === undefined) {
      added.push(tag);
      continue;
    }
    kept.add(tag.name);
    const changes = diffKeys(previous, tag);
    if (changes.length === 0) continue;
    const reads = changes.some(({ key }) => !AFTER_READING.has(key));
    changed.push({ name: tag.name, before: previous, after: tag, changes, reads });
  }
  const removed = before.tags.filter(({ name }) => !kept.has(name));
  if (settings.length + added.length + removed.length + changed.length === 0) return undefined;
  const reconnects = settings.some(({ key }) => !PACE.has(key));
  return { name: after.name, before, after, settings, reconnects, added, removed, changed };
}

/** The keys in which two objects differ: those of `before` in its order, then those that are new. */
export function diffKeys(before: object, after: object): Change[] {
  const was = before as Readonly<Record<string, unknown>>;
  const is = after as Readonly<Record<string, unknown>>;
  const changes: Change[] = [];
  for (const key in was) if (!same(was[key], is[key])) changes.push({ key, before: was[key], after: is[key] });
  for (const key in is) {
    if (!Object.hasOwn(was, key) && is[key] !== undefined) changes.push({ key, before: undefined, after: is[key] });
  }
  return changes;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && isDeepStrictEqual(a, b));
}

/**
 * The difference as lines that people read: `+` added, `-` removed, `~` changed. Of the tags of a source at most
 * `most` of each kind are named, the rest is counted. No line holds a secret.
 */
export function printDiff({ identity, added, removed, changed }: PlantDiff, most = 50): string[] {
  const lines = identity.map(({ key, before, after }) => `~ ${key}: ${shown(before)} → ${shown(after)}`);
  for (const { name, protocol, tags } of removed) lines.push(`- source ${name} (${protocol}, ${counted(tags.length)})`);
  for (const { name, protocol, tags } of added) lines.push(`+ source ${name} (${protocol}, ${counted(tags.length)})`);
  for (const source of changed) lines.push(...sourceLines(source, most));
  return lines.map(blanked);
}

function sourceLines({ name, after, settings, reconnects, ...tags }: SourceChange, most: number): string[] {
  const { sourceSchema, tagSchema } = protocolOf(after.protocol);
  const lines = [`~ source ${name}${reconnects ? ' (reconnects)' : ''}`];
  for (const change of settings) lines.push(`    ${said(change, isDuration(sourceSchema, change.key))}`);
  const list = <T>(all: readonly T[], what: string, line: (one: T) => string) => {
    for (const one of all.slice(0, most)) lines.push(line(one));
    if (all.length > most) lines.push(`  … and ${counted(all.length - most)} more ${what}`);
  };
  list(tags.removed, 'removed', (tag) => `  - ${tag.name}`);
  list(tags.added, 'added', (tag) => `  + ${tag.name}`);
  list(tags.changed, 'changed', (tag) => {
    const changes = tag.changes.map((change) => said(change, isDuration(tagSchema, change.key)));
    return `  ~ ${tag.name}: ${changes.join(', ')}`;
  });
  return lines;
}

function counted(tags: number): string {
  return `${tags} tag${tags === 1 ? '' : 's'}`;
}

function said({ key, before, after }: Change, duration: boolean): string {
  return `${key} ${written(key, before, duration)} → ${written(key, after, duration)}`;
}

/** A resolved value as a mapping would have it. */
function written(key: string, value: unknown, duration: boolean): string {
  if (value === undefined) return '(none)';
  if (duration && typeof value === 'number') return formatDuration(value);
  switch (key) {
    case 'deadband': {
      const { kind, size } = value as Deadband;
      return `${size}${kind === 'percent' ? '%' : ''}`;
    }
    case 'address':
      return formatAddress(value as ModbusAddress);
    case 'scale': {
      const { from, to } = value as Scale;
      return `${from.join('..')} to ${to.join('..')}`;
    }
    case 'enumText':
      return value === 'wanted' ? 'true' : 'true by default';
    case 'range':
      return (value as readonly number[]).join('..');
    default:
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}
