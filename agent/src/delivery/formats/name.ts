// A tag's name in three pieces: what stands before its number, the number, what stands after it. Plants number their
// loops, so thousands of names share a few hundred pairs of texts, and their numbers follow each other. Any text can
// be cut up like this and is put together again exactly.

export interface NamePieces {
  readonly prefix: string;
  /** Absent: there is no number, and the prefix is the whole name. */
  readonly suffix?: string;
  /** 0 when there is none. */
  readonly number: number;
}

/** Digits that a double holds exactly, whatever they are. */
const MOST_DIGITS = 15;

/** Cuts at the longest run of digits, the last one of equals; zeros that lead belong to the prefix. */
export function cutName(name: string): NamePieces {
  let best: RegExpExecArray | undefined;
  for (const run of name.matchAll(/\d+/g)) if (run[0].length >= (best?.[0].length ?? 0)) best = run;
  if (best === undefined) return { prefix: name, number: 0 };
  const number = Number(best[0].slice(-MOST_DIGITS));
  const end = best.index + best[0].length;
  return { prefix: name.slice(0, end - String(number).length), suffix: name.slice(end), number };
}

/** The name again. */
export function joinName({ prefix, suffix, number }: NamePieces): string {
  return suffix === undefined ? prefix : `${prefix}${number}${suffix}`;
}
