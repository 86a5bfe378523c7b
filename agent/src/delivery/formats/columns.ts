// The format `columns`: the same facts as `rows`, one JSON object per message with a dictionary of its tags and a
// column for each field. docs/columns.md is its specification. Nothing is rounded: what is written as differences
// is whole numbers, from which a consumer gets every timestamp and every value back exactly.

import { type Batch, Kind } from '../../model/batch.ts';
import { infoBits, statusName } from '../../model/status.ts';
import { formatTime, type Timestamp } from '../../model/time.ts';
import type { Numbered } from '../queue.ts';
import { decimalsOf, holds, wholeOf } from './decimal.ts';
import type { Format, TagOf } from './format.ts';
import { gapFields } from './gap.ts';
import { cutName } from './name.ts';
import { shorterFloat32, statusBeside, valueText } from './value.ts';

/** What never changes of a tag. */
interface Known {
  /** Opening fields of its family's object, which also tell families apart. */
  readonly family: string;
  readonly number: number;
}

/** A tag in a message. */
interface Member extends Known {
  readonly index: number;
  /** Fewest decimals that all its numbers have room in; -1: none. */
  decimals: number;
  /** Greatest of its numbers, without sign. */
  greatest: number;
  /** Its last number, in units of the family's last decimal. */
  last: number;
  group: Family | undefined;
}

/** Tags whose names differ by a number only, with the same unit and source. */
interface Family {
  readonly head: string;
  readonly index: number;
  decimals: number;
  greatest: number;
}

/** @param gateway, epoch as in the message's properties, @param tagOf resolves the tag column */
export function columns(gateway: string, epoch: string, tagOf: TagOf): Format {
  const head = `{"gateway":${JSON.stringify(gateway)},"columns":1,"epoch":${JSON.stringify(epoch)}`;
  const known = new Map<number, Known>();

  function know(id: number): Known {
    let found = known.get(id);
    if (found === undefined) {
      const { name, source, unit } = tagOf(id);
      const { prefix, suffix, number } = cutName(name);
      found = { family: JSON.stringify({ prefix, suffix, unit, source }).slice(0, -1), number };
      known.set(id, found);
    }
    return found;
  }

  return {
    name: 'columns',
    contentType: 'application/json',
    encode(parts: readonly Numbered[]): Buffer {
      const members = new Map<number, Member>();
      const tag: Member[] = [];
      const status = new StatusColumn();
      const times = new TimeColumn();
      /** Numbers, and the text of everything else. */
      const values: (number | string)[] = [];
      const gaps: string[] = [];
      let entries = 0;

      for (const { first, batch } of parts) {
        for (let i = 0; i < batch.count; i++) {
          const id = batch.tag[i] as number;
          let member = members.get(id);
          if (member === undefined) {
            member = { ...know(id), index: members.size, decimals: 0, greatest: 0, last: 0, group: undefined };
            members.set(id, member);
          }
          tag.push(member);
          times.push(batch.time[i] as number);
          const value = numberOf(batch, i);
          if (Number.isFinite(value)) {
            if (member.decimals >= 0) member.decimals = decimalsOf(value, member.decimals);
            member.greatest = Math.max(member.greatest, Math.abs(value));
            values.push(value);
            status.push(batch.status[i] as number);
          } else {
            const text = valueText(batch, i);
            values.push(text);
            status.push(statusBeside(text, batch, i));
          }
        }
        for (const [i, gap] of batch.gaps.entries()) gaps.push(`{${gapFields(gap, first + batch.count + i)}`);
        entries += batch.count + batch.gaps.length;
      }

      const dictionary = [...members.values()];
      const families = group(dictionary);
      const fields = [
        head,
        `"seq":${parts[0]?.first ?? 0}`,
        `"count":${entries}`,
        `"tags":${members.size}`,
        `"families":[${families.map(familyText).join(',')}]`,
        `"family":${column(dictionary.map((member) => (member.group as Family).index))}`,
        `"number":${column(
          differences(
            dictionary.map((member) => member.number),
            0,
          ),
        )}`,
        `"statuses":[${status.texts.join(',')}]`,
        times.head,
        `"tag":${column(
          differences(
            tag.map((member) => member.index),
            -1,
          ),
        )}`,
        `"ts":${times.text()}`,
        `"status":${column(status.indices)}`,
        `"value":[${values.map((value, i) => valueField(value, tag[i] as Member)).join(',')}]`,
        `"gaps":[${gaps.join(',')}]}`,
      ];
      return Buffer.from(fields.join(','));
    },
  };
}

/** A reading's value when it is a finite number, else NaN. */
function numberOf(batch: Batch, i: number): number {
  switch (batch.kind[i]) {
    case Kind.Number:
      return batch.number[i] as number;
    case Kind.Float32: {
      const number = batch.number[i] as number;
      return Number.isFinite(number) ? shorterFloat32(number) : Number.NaN;
    }
    default:
      return Number.NaN;
  }
}

/** Gives every tag its family. Tags whose numbers are no short decimals are a family beside the others of their kind. */
function group(members: readonly Member[]): Family[] {
  const families = new Map<string, Family>();
  for (const member of members) {
    const key = member.decimals < 0 ? `${member.family} plain` : member.family;
    let family = families.get(key);
    if (family === undefined) {
      family = { head: member.family, index: families.size, decimals: member.decimals, greatest: 0 };
      families.set(key, family);
    }
    family.decimals = Math.max(family.decimals, member.decimals);
    family.greatest = Math.max(family.greatest, member.greatest);
    member.group = family;
  }
  for (const family of families.values()) {
    if (family.decimals >= 0 && !holds(family.greatest, family.decimals)) family.decimals = -1;
  }
  return [...families.values()];
}

function familyText({ head, decimals }: Family): string {
  return decimals < 0 ? `${head}}` : `${head},"decimals":${decimals}}`;
}

function valueField(value: number | string, member: Member): number | string {
  if (typeof value === 'string') return value;
  const { decimals } = member.group as Family;
  if (decimals < 0) return value;
  const whole = wholeOf(value, decimals);
  const step = whole - member.last;
  member.last = whole;
  return step;
}

/** Each number less the one before it; the first one less `before`. */
function differences(numbers: readonly number[], before: number): number[] {
  return numbers.map((number, i) => number - (i === 0 ? before : (numbers[i - 1] as number)));
}

/** A column: an array, or the element alone when all are the same. */
function column(elements: readonly (number | string)[]): string {
  const [first] = elements;
  const same = first !== undefined && elements.every((element) => element === first);
  return same ? String(first) : `[${elements.join(',')}]`;
}

/** The statuses of a message: each once, and by its place for every reading. */
class StatusColumn {
  readonly texts: string[] = [];
  readonly indices: number[] = [];
  readonly #places = new Map<number, number>();

  push(status: number): void {
    let place = this.#places.get(status);
    if (place === undefined) {
      place = this.texts.length;
      this.#places.set(status, place);
      const statusCode = infoBits(status) === 0 ? undefined : status;
      this.texts.push(JSON.stringify({ status: statusName(status), statusCode }));
    }
    this.indices.push(place);
  }
}

/**
 * The timestamps of a message: the first one in full, the others as differences in steps that are as coarse as they
 * can be. A timestamp that is too far away for exact arithmetic (1601, 9999) stands in the column as text, outside the
 * chain.
 */
class TimeColumn {
  #start: Timestamp | undefined;
  #last = 0;
  #step = 0;
  readonly #elements: (number | string)[] = [];

  push(time: Timestamp): void {
    const difference = time - (this.#start === undefined ? time : this.#last);
    if (!Number.isSafeInteger(time) || !Number.isSafeInteger(difference)) {
      this.#elements.push(`"${formatTime(time)}"`);
      return;
    }
    this.#start ??= time;
    this.#last = time;
    if (difference !== 0 && (this.#step === 0 || difference % this.#step !== 0)) {
      this.#step = commonDivisor(this.#step, Math.abs(difference));
    }
    this.#elements.push(difference);
  }

  /** Where the chain begins, and how many ticks of 100 ns a step has. */
  get head(): string {
    const start = this.#start === undefined ? null : formatTime(this.#start);
    return `"start":${JSON.stringify(start)},"step":${this.#step || 1}`;
  }

  text(): string {
    const step = this.#step || 1;
    return column(this.#elements.map((element) => (typeof element === 'number' ? element / step : element)));
  }
}

/** The greatest whole number that divides both; 0 divides nothing and is divided by everything. */
function commonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
