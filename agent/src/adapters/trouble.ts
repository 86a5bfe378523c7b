// What is shown of a source's trouble: 5,000 wrong tags of 10,000 are a mistake in the mapping, not 5,000 lines at every
// look. The count is always exact.

/** Parts that are shown one by one. */
const SHOWN = 100;

/** Reasons that are counted where not all parts are shown. */
const REASONS = 20;

export interface Trouble {
  /** What is wrong, by tag or unit: the first hundred, as the adapter tells them (what concerns many tags comes first). */
  readonly trouble: ReadonlyMap<string, string>;
  /** How many parts there are. */
  readonly troubleCount: number;
  /** Where not all are shown: how many parts have each reason; the most frequent ones. */
  readonly troubleReasons?: ReadonlyMap<string, number>;
}

export function troubleOf(parts: ReadonlyMap<string, string>): Trouble {
  const troubleCount = parts.size;
  if (troubleCount <= SHOWN) return { trouble: parts, troubleCount };
  const counts = new Map<string, number>();
  for (const reason of parts.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, REASONS);
  return { trouble: new Map([...parts].slice(0, SHOWN)), troubleCount, troubleReasons: new Map(frequent) };
}
