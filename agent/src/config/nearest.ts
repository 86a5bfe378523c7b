// "Did you mean …?": the known word that is closest to what was written, when it is close enough to be meant.

/** Steps to turn one word into the other: letters added, left out, replaced, or two neighbours swapped. */
export function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let steps = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        steps = Math.min(steps, beforeLast[j - 2]! + 1);
      }
      row.push(steps);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** The closest of the known words; undefined when none is within a third of its length. Case costs nothing. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  // Nothing that people name is longer; an absurdly long word must not cost absurdly long.
  const given = word.slice(0, 64).toLowerCase();
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    const steps = distance(given, lower);
    const allowed = Math.max(1, Math.floor(Math.max(given.length, lower.length) / 3));
    // "modbus" for "modbus-tcp", "float" for "float32": the beginning of a word is meant, however much is missing.
    const close = (steps <= allowed && steps < lower.length) || (given.length >= 3 && lower.startsWith(given));
    if (close && steps < least) {
      best = candidate;
      least = steps;
    }
  }
  return best;
}
