// Wiring: what the mapping says, as the rooms want it. Tags get their numbers here, rules go to conditioning,
// connection settings to the adapters (one file in wiring/ for each protocol). Nobody else knows which there are.

import { dirname, join } from 'node:path';
import type { Source } from './adapters/adapter.ts';
import type { Owed } from './adapters/modbus/owed.ts';
import type { Rule } from './conditioning/conditioner.ts';
import type { TagChange } from './config/diff.ts';
import type { Plant, ResolvedSource, ResolvedTag } from './config/plant.ts';
import { eventsTagOf, type Tag } from './model/tag.ts';
import { modbusSource } from './wiring/modbus.ts';
import { asksAnew, opcuaSource } from './wiring/opcua.ts';

/** A source with its tags numbered. */
export interface Wired {
  readonly source: Source;
  /** `Tag.index` by name. */
  readonly indices: ReadonlyMap<string, number>;
  /** Tags that got their number now. */
  readonly fresh: readonly Tag[];
  /** What is to be done with the readings of a tag of the source; an empty rule for nothing. */
  ruleOf(name: string): Rule;
}

export interface Wirer {
  /** A source says of a tag in which unit it is; the tag with it, when the mapping does not say. */
  learnUnit(index: number, unit: string): Tag | undefined;
  /** Every tag that was ever numbered, by `Tag.index`. A number is never given twice, so that none means two tags. */
  readonly tags: readonly Tag[];
  /**
   * @param kept numbers of those tags that go on as they are, by name
   * @param before the source whose place this one takes without being connected anew
   */
  wire(source: ResolvedSource, kept?: ReadonlyMap<string, number>, before?: Source): Wired;
}

/** @param bufferPath the gateway's data folder is the one that holds the buffer; its certificates are in `pki` beside it */
export function wirer(plant: Pick<Plant, 'site' | 'gateway'>, bufferPath: string): Wirer {
  const tags: Tag[] = [];
  /** Tags whose unit the source told: it may tell another one later. */
  const learned = new Set<number>();
  const pki = join(dirname(bufferPath), 'pki');
  /** Tags that take the events of a source, by its name. */
  const takers = new Map<string, Tag>();
  /** What Modbus devices owe, by place. */
  const debts = new Map<string, Owed>();

  function number(source: string, { name, priority, unit }: Pick<ResolvedTag, 'name' | 'priority' | 'unit'>): Tag {
    const tag = { index: tags.length, name, source, priority, ...(unit !== undefined && { unit }) };
    tags.push(tag);
    return tag;
  }

  /** The tag that takes the source's events, if they are wanted. They are given up last. */
  function taker({ name, config }: ResolvedSource, fresh: Tag[]): Tag | undefined {
    if (!('events' in config && config.events !== undefined)) return undefined;
    let tag = takers.get(name);
    if (tag === undefined) {
      tag = number(name, { name: eventsTagOf(name), priority: 'high' });
      takers.set(name, tag);
      fresh.push(tag);
    }
    return tag;
  }

  return {
    tags,
    learnUnit(index, unit) {
      const tag = tags[index];
      if (tag === undefined || tag.unit === unit || (tag.unit !== undefined && !learned.has(index))) return undefined;
      learned.add(index);
      const told = { ...tag, unit };
      tags[index] = told;
      return told;
    },
    wire(source, kept = new Map(), before = undefined) {
      const fresh: Tag[] = [];
      const indices = new Map<string, number>();
      const byName = new Map<string, ResolvedTag>();
      for (const tag of source.tags) {
        byName.set(tag.name, tag);
        let index = kept.get(tag.name);
        if (index === undefined) {
          const numbered = number(source.name, tag);
          fresh.push(numbered);
          index = numbered.index;
        }
        indices.set(tag.name, index);
      }
      const events = taker(source, fresh);
      return {
        source: sourceOf(source, [...indices.values()], plant, pki, events, before, debts),
        indices,
        fresh,
        ruleOf: (name) =>
          name === events?.name ? { tag: events.index } : ruleOf(byName.get(name)!, indices.get(name)!),
      };
    },
  };
}

/** What a reading says besides its raw value: a value that stands is to be sent in the new terms, so it is read anew. */
const SAID = new Set(['unit', 'priority', 'scale', 'clamp']);

/**
 * Whether a changed tag keeps its number: only which of its readings are sent is another. A deadband in percent of a
 * range that only the server knows has to ask for it, so that tag is read anew.
 */
export function keepsNumber({ reads, changes, before, after }: TagChange): boolean {
  if (reads || changes.some(({ key }) => SAID.has(key) || (key === 'range' && after.clamp === true))) return false;
  if ('sampling' in after && 'sampling' in before && asksAnew(before, after)) return false;
  return !(after.deadband?.kind === 'percent' && after.range === undefined);
}

function ruleOf({ scale, deadband, range, clamp, swingingDoor, heartbeat }: ResolvedTag, tag: number): Rule {
  return {
    tag,
    ...(scale !== undefined && { scale }),
    ...(deadband !== undefined && { deadband }),
    ...(range !== undefined && { range }),
    ...(clamp === true && range !== undefined && { clamp: range }),
    ...(swingingDoor !== undefined && { swingingDoor }),
    ...(heartbeat !== undefined && { heartbeat }),
  };
}

function sourceOf(
  source: ResolvedSource,
  indices: readonly number[],
  plant: Pick<Plant, 'site' | 'gateway'>,
  pki: string,
  events: Tag | undefined,
  before: Source | undefined,
  debts: Map<string, Owed>,
): Source {
  switch (source.protocol) {
    case 'opcua':
      return opcuaSource(source, indices, plant, pki, events, before);
    default:
      return modbusSource(source, indices, debts);
  }
}
