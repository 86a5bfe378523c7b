// Linear scaling from raw to engineering units: `{ from: [0, 4095], to: [0, 100] }`. Values outside `from` are scaled
// along the same line, and clamped only for a tag that says so: 4 mA means 0 and 3.6 mA means a broken wire, which
// somebody wants to see.

import type { Value } from '../model/batch.ts';

export interface Scaling {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

/** The line as factor and offset: `value * factor + offset`. */
export function lineOf({ from, to }: Scaling): { factor: number; offset: number } {
  const factor = (to[1] - to[0]) / (from[1] - from[0]);
  return { factor, offset: to[0] - from[0] * factor };
}

/** A value of any kind, scaled: bigints become numbers, arrays element by element, the rest stays as it is. */
export function scaled(value: Value, factor: number, offset: number): Value {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) * factor + offset;
  return Array.isArray(value) ? value.map((element) => scaled(element, factor, offset)) : value;
}

/** One value as conditioning scales and clamps it, for whoever reads beside the running sources. */
export function engineering(
  tag: { readonly scale?: Scaling; readonly clamp?: boolean; readonly range?: readonly [number, number] },
  given: Value,
): Value {
  if (given === null) return null;
  const line = tag.scale && lineOf(tag.scale);
  const value = line ? scaled(given, line.factor, line.offset) : given;
  if (tag.clamp !== true || tag.range === undefined || typeof value !== 'number') return value;
  return Math.min(tag.range[1], Math.max(tag.range[0], value));
}
