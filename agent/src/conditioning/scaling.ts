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
