// The value of a reading as JSON, as `rows` and `columns` write it: short, readable by any JSON reader, and honest
// about what JSON has no word for. docs/messages.md specifies it.

import { type Batch, Kind, type Value, valueAt } from '../../model/batch.ts';
import { isBad, StatusCode } from '../../model/status.ts';

/**
 * The value as JSON. Integers beyond 2^53 are strings, because most JSON readers would round them; NaN and the
 * infinities, for which JSON has no word, are null.
 */
export function valueText(batch: Batch, i: number): string {
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

/** The reading's status; Uncertain when it is better than that and null in `text` stands for a number. */
export function statusBeside(text: string, batch: Batch, i: number): number {
  const status = batch.status[i] as number;
  return substitutes(text, batch, i) && !isBad(status) ? StatusCode.UncertainSubstituteValue : status;
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

/** A short decimal that is still this 32-bit float: 12.31, not 12.310000419616699. */
export function shortFloat32(value: number): string {
  return String(shorterFloat32(value));
}

/**
 * The number that `shortFloat32` writes. Transmitters quantise, so three decimals nearly always do, and rounding is
 * ten times cheaper than asking for the shortest text.
 */
export function shorterFloat32(value: number): number {
  const rounded = Math.round(value * 1e3) / 1e3;
  if (Math.fround(rounded) === value) return rounded;
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return Number(value.toPrecision(9));
}

/** How urgent an event is, as far as it says so: 1 to 1000 (OPC 10000-5 section 6.4.2). */
export function severityOf(event: Value): number | undefined {
  const { Severity } = (event ?? {}) as { readonly Severity?: Value };
  const known = typeof Severity === 'number' && Number.isInteger(Severity) && Severity >= 1 && Severity <= 1_000;
  return known ? Severity : undefined;
}
