// Gap records that are owed: what was given up, until the next commit tells it. As few records as can be: numbers that
// follow each other and were lost for one reason are one.

import type { Gap } from '../model/gap.ts';

/** Whether `b` continues `a`. */
function continues(a: Gap, b: Gap): boolean {
  return (
    a.reason === b.reason &&
    a.to !== null &&
    b.to !== null &&
    a.range !== undefined &&
    a.range.epoch === b.range?.epoch &&
    a.range.last + 1 === b.range.first &&
    (a.count === undefined) === (b.count === undefined)
  );
}

function joined(a: Gap, b: Gap): Gap {
  const { epoch, first } = a.range as NonNullable<Gap['range']>;
  return {
    reason: a.reason,
    from: Math.min(a.from, b.from),
    to: Math.max(a.to as number, b.to as number),
    ...(a.count !== undefined && { count: a.count + (b.count ?? 0) }),
    range: { epoch, first, last: b.range?.last as number },
  };
}

/** `owed` with one more, joined to the last when it continues that. */
export function owing(owed: readonly Gap[], gap: Gap): Gap[] {
  const last = owed.at(-1);
  return last !== undefined && continues(last, gap) ? [...owed.slice(0, -1), joined(last, gap)] : [...owed, gap];
}

/** The fewest records that say the same; those about the whole file first. */
export function fewest(owed: readonly Gap[]): Gap[] {
  const sorted = [...owed].sort(
    ({ range: a }, { range: b }) => (a?.epoch ?? '').localeCompare(b?.epoch ?? '') || (a?.first ?? 0) - (b?.first ?? 0),
  );
  return sorted.reduce<Gap[]>(owing, []);
}
