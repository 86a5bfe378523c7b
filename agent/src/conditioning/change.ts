// Whether a value differs from another by more than a deadband (OPC 10000-8, section 6.2): for an array it is enough
// that one element does. What is no number differs when it is not the same.

import type { Value } from '../model/batch.ts';

/** `|a - b| <= band`, with NaN the same as NaN and an infinity the same as itself. */
export function withinBand(a: number, b: number, band: number): boolean {
  return Math.abs(a - b) <= band || a === b || (Number.isNaN(a) && Number.isNaN(b));
}

/** The same for any value; arrays of another length or shape differ. */
export function unchanged(a: Value, b: Value, band: number): boolean {
  if (typeof a === 'number' && typeof b === 'number') return withinBand(a, b, band);
  if (isInteger(a) && isInteger(b)) {
    // Exact where a double is not: near 2^63 two neighbours are one and the same number.
    const apart = BigInt(a) - BigInt(b);
    return Number(apart < 0n ? -apart : apart) <= band;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, i) => unchanged(element, b[i] as Value, band));
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    return !Array.isArray(a) && !Array.isArray(b) && unchangedFields(a as Fields, b as Fields, band);
  }
  return a === b;
}

type Fields = { readonly [key: string]: Value };

function unchangedFields(a: Fields, b: Fields, band: number): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && unchanged(a[key] as Value, b[key] as Value, band));
}

/** A 64-bit tag gives numbers while they are small and bigints beyond. */
function isInteger(value: Value): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}
