// The format `rows`: JSON Lines, one flat object per reading, so that Azure Data Explorer, Fabric or Spark take it
// with no code. docs/messages.md is its specification. Rows are put together as text: what never changes of a tag
// is made once, and a reading costs one concatenation.

import { type Batch, Kind, type Value, valueAt } from '../../model/batch.ts';
import type { Gap } from '../../model/gap.ts';
import { infoBits, isBad, StatusCode, statusName } from '../../model/status.ts';
import { formatTime, TICKS_PER_MS, type Timestamp } from '../../model/time.ts';
import type { Numbered } from '../queue.ts';
import type { Format, TagOf } from './format.ts';

/** Servers may send any status; the texts of so many are kept. */
const MAX_STATUSES = 1_000;

/** @param gateway the name in every row, @param tagOf resolves the tag column */
export function rows(gateway: string, tagOf: TagOf): Format {
  const heads: string[] = [];
  const tails: string[] = [];
  const gapHead = `{"gateway":${JSON.stringify(gateway)},"gap":`;
  const times = new TimeText();
  const statuses = new Map<number, string>();

  function learn(id: number): void {
    const { name, unit } = tagOf(id);
    heads[id] = `{"gateway":${JSON.stringify(gateway)},"tag":${JSON.stringify(name)},"ts":"`;
    tails[id] = unit === undefined ? '' : `"unit":${JSON.stringify(unit)},`;
  }

  function statusText(status: number): string {
    let text = statuses.get(status);
    if (text === undefined) {
      const bits = infoBits(status);
      text = `,"status":"${statusName(status)}",${bits === 0 ? '' : `"statusCode":${status},`}`;
      if (statuses.size >= MAX_STATUSES) statuses.clear();
      statuses.set(status, text);
    }
    return text;
  }

  function row(batch: Batch, i: number, seq: number): string {
    const id = batch.tag[i] as number;
    if (heads[id] === undefined) learn(id);
    let status = batch.status[i] as number;
    const value = valueText(batch, i);
    if (substitutes(value, batch, i) && !isBad(status)) status = StatusCode.UncertainSubstituteValue;
    return `${heads[id]}${times.of(batch.time[i] as number)}","value":${value}${statusText(status)}${tails[id]}"seq":${seq}}\n`;
  }

  function gapRow(gap: Gap, seq: number): string {
    const { reason, source, tags, from, to, count, range } = gap;
    const fields = JSON.stringify({
      source,
      tags,
      from: formatTime(from),
      to: to === null ? null : formatTime(to),
      count,
      range,
      seq,
    });
    return `${gapHead}${JSON.stringify(reason)},${fields.slice(1)}\n`;
  }

  return {
    name: 'rows',
    contentType: 'application/json',
    encode(parts: readonly Numbered[]): Buffer {
      const lines: string[] = [];
      for (const { first, batch } of parts) {
        for (let i = 0; i < batch.count; i++) lines.push(row(batch, i, first + i));
        for (const [i, gap] of batch.gaps.entries()) lines.push(gapRow(gap, first + batch.count + i));
      }
      return Buffer.from(lines.join(''));
    },
  };
}

/**
 * The value as JSON. Integers beyond 2^53 are strings, because most JSON readers would round them; NaN and the
 * infinities, for which JSON has no word, are null.
 */
function valueText(batch: Batch, i: number): string {
  const number = batch.number[i] as number;
  switch (batch.kind[i]) {
    case Kind.Number:
      return Number.isFinite(number) ? String(number) : 'null';
    case Kind.Float32:
      return Number.isFinite(number) ? shortFloat32(number) : 'null';
    case Kind.Boolean:
      return number === 0 ? 'false' : 'true';
    default:
      return JSON.stringify(plain(valueAt(batch, i)));
  }
}

/** Whether null in the text stands for a number that JSON cannot write. */
function substitutes(text: string, batch: Batch, i: number): boolean {
  const kind = batch.kind[i];
  if (kind === Kind.Other) return text.includes('null') && !allFinite(valueAt(batch, i));
  return text === 'null' && kind !== Kind.Null;
}

/** No number in the value is NaN or infinite. */
function allFinite(value: Value): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(allFinite);
}

function plain(value: Value): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  }
  return value;
}

/**
 * A short decimal that is still this 32-bit float: 12.31, not 12.310000419616699. Transmitters quantise, so three
 * decimals nearly always do, and rounding is ten times cheaper than asking for the shortest text.
 */
export function shortFloat32(value: number): string {
  const rounded = Math.round(value * 1e3) / 1e3;
  if (Math.fround(rounded) === value) return String(rounded);
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}

const TICKS_PER_SECOND = 1_000 * TICKS_PER_MS;
const MILLIS = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);

/** Timestamps as text. Neighbouring readings share their second, so that only the milliseconds are looked up. */
class TimeText {
  #second = Number.NaN;
  #prefix = '';

  of(time: Timestamp): string {
    const second = Math.floor(time / TICKS_PER_SECOND);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = formatTime(second * TICKS_PER_SECOND).slice(0, -4);
    }
    const millis = (time - second * TICKS_PER_SECOND) / TICKS_PER_MS;
    return Number.isInteger(millis) ? this.#prefix + MILLIS[millis] : formatTime(time);
  }
}
