// Ranges of sequence numbers: sorted, disjoint, never touching. Pure functions; the buffer's lanes are made of them.

/** First and last number, both included. */
export type Range = readonly [first: number, last: number];

/** `ranges` with `first..last` added, merged with what it touches or overlaps. */
export function add(ranges: readonly Range[], first: number, last: number): Range[] {
  if (last < first) return [...ranges];
  const before = ranges.filter(([, b]) => b < first - 1);
  const after = ranges.filter(([a]) => a > last + 1);
  const touched = ranges.slice(before.length, ranges.length - after.length);
  const merged: Range = [Math.min(first, touched[0]?.[0] ?? first), Math.max(last, touched.at(-1)?.[1] ?? last)];
  return [...before, merged, ...after];
}

/** `ranges` without `first..last`. */
export function remove(ranges: readonly Range[], first: number, last: number): Range[] {
  return ranges.flatMap(([a, b]): Range[] => {
    if (b < first || a > last) return [[a, b]];
    const rest: Range[] = [];
    if (a < first) rest.push([a, first - 1]);
    if (b > last) rest.push([last + 1, b]);
    return rest;
  });
}

/** Whether all of `first..last` lies in one of `ranges`. */
export function covers(ranges: readonly Range[], first: number, last: number): boolean {
  return ranges.some(([a, b]) => a <= first && last <= b);
}

/** Whether any of `first..last` lies in one of `ranges`. */
export function overlaps(ranges: readonly Range[], first: number, last: number): boolean {
  return ranges.some(([a, b]) => a <= last && first <= b);
}

/** How many numbers the ranges hold. */
export function size(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [a, b]) => sum + b - a + 1, 0);
}
