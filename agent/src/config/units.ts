// Durations, sizes and dates as people write them in the mapping.

const DURATION = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = { kB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;

/** `100ms`, `1s`, `1.5h` → milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * DURATION[match[2] as keyof typeof DURATION] : undefined;
}

/** `500MB`, `4GB` → bytes; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(kB|MB|GB)$/.exec(text);
  return match ? Math.round(Number(match[1]) * SIZE[match[2] as keyof typeof SIZE]) : undefined;
}

/** Milliseconds in the largest unit that holds them as a whole number: 60000 → `1m`, 1500 → `1500ms`. */
export function formatDuration(ms: number): string {
  const units = Object.entries(DURATION).reverse();
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}
