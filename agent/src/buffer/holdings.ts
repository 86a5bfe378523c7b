// What the file holds and is not delivered, in few numbers. They are kept in the file itself, written in the transactions that delete, so
// that opening reads the segments committed since and not all of them: a cold disk reads 1 GB of heads in 6 s.

import type { Kept } from './kept.ts';
import type { openMeta } from './meta.ts';
import { add, covers, type Range, remove } from './ranges.ts';
import type { Row, segmentStatements } from './table.ts';

export interface Holdings {
  readonly entries: number;
  readonly readings: number;
  /** The numbers of all segments that are not delivered. */
  readonly ranges: readonly Range[];
}

type Head = Pick<Row, 'first' | 'last' | 'readings'>;
type Meta = ReturnType<typeof openMeta>;

const NOTHING: Holdings = { entries: 0, readings: 0, ranges: [] };
/** More ranges than this are not written: reading the heads at the next opening costs less. */
const MAX_RANGES = 500;

export function withSegment({ entries, readings, ranges }: Holdings, head: Head): Holdings {
  return {
    entries: entries + head.last - head.first + 1,
    readings: readings + head.readings,
    ranges: add(ranges, head.first, head.last),
  };
}

export function withoutSegment({ entries, readings, ranges }: Holdings, head: Head): Holdings {
  return {
    entries: entries - (head.last - head.first + 1),
    readings: readings - head.readings,
    ranges: remove(ranges, head.first, head.last),
  };
}

/**
 * To be called in every transaction that deletes a segment, after `next` and `alive` were set: a release that does not
 * know these numbers changes those two, and then they count no more.
 */
export function writeHoldings(meta: Meta, held: Holdings): void {
  const known = held.ranges.length <= MAX_RANGES;
  const stored = { next: meta.number('next'), alive: meta.number('alive'), ...held };
  meta.set('held', known ? JSON.stringify(stored) : '');
}

/** What was written, and the segments committed since. @param kept what was delivered; undefined when that is lost */
export function readHoldings(
  meta: Meta,
  sql: Pick<ReturnType<typeof segmentStatements>, 'from'>,
  kept: Kept | undefined,
): Holdings {
  const stored = parse(meta.text('held'));
  const sound =
    kept !== undefined &&
    stored !== undefined &&
    stored.next === meta.number('next') &&
    stored.alive === meta.number('alive');
  const delivered = (kept?.runs ?? []).map(({ first, last }): Range => [first, last]);
  let held: Holdings = sound ? stored : NOTHING;
  for (const row of sql.from.iterate(sound ? stored.next : 0) as Iterable<Row>)
    if (!covers(delivered, row.first, row.last)) held = withSegment(held, row);
  return { entries: held.entries, readings: held.readings, ranges: held.ranges };
}

function parse(text: string): (Holdings & { readonly next: number; readonly alive: number }) | undefined {
  try {
    const found = JSON.parse(text);
    const numbers = [found.next, found.alive, found.entries, found.readings, ...found.ranges.flat()];
    return numbers.every(Number.isSafeInteger) ? found : undefined;
  } catch {
    return undefined;
  }
}
