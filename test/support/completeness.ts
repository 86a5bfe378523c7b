// The consumer who trusts nobody: from delivered rows alone, are the counter tags complete? A counter of the
// simulated plant goes up by exactly one per reading, so every step by more than one is a loss, and every loss must
// lie inside a gap record of its source. Rows may come in any order and more than once.

import type { GapRow, Row } from '../../sim/hub/decode.ts';

interface Point {
  readonly value: number;
  readonly at: number;
}

export interface Verdict {
  /** Counter readings looked at, duplicates left out. */
  readonly readings: number;
  /** Values that never came, with a gap record that covers the time. */
  readonly explained: number;
  /** Values that never came and nobody said so: must be empty. */
  readonly unexplained: readonly string[];
}

export class Completeness {
  readonly #counters: ReadonlyMap<string, string>;
  readonly #points = new Map<string, Map<number, number>>();
  readonly gaps: GapRow[] = [];

  /** @param counters the counter tags, and the source of each */
  constructor(counters: ReadonlyMap<string, string>) {
    this.#counters = counters;
    for (const tag of counters.keys()) this.#points.set(tag, new Map());
  }

  see(rows: readonly Row[]): void {
    for (const row of rows) {
      // What claims that nothing is missing explains no loss.
      if ('gap' in row) row.complete === true || this.gaps.push(row);
      else if ('tag' in row && typeof row.value === 'number')
        this.#points.get(row.tag)?.set(row.value, Date.parse(row.ts));
    }
  }

  verdict(): Verdict {
    let readings = 0;
    let explained = 0;
    const unexplained: string[] = [];
    for (const [tag, values] of this.#points) {
      const points: Point[] = [...values].map(([value, at]) => ({ value, at })).sort((a, b) => a.value - b.value);
      readings += points.length;
      for (const [i, point] of points.slice(1).entries()) {
        const before = points[i] as Point;
        if (point.value === before.value + 1) continue;
        if (this.#covered(tag, before.at, point.at)) explained += point.value - before.value - 1;
        else unexplained.push(`${tag}: ${before.value} at ${iso(before.at)}, then ${point.value} at ${iso(point.at)}`);
      }
    }
    return { readings, explained, unexplained };
  }

  /**
   * Values lost between two readings were made between them. A gap record explains them when it reaches from the
   * earlier reading (or before) to the later one, give or take a tick of the plant at either end.
   */
  #covered(tag: string, from: number, to: number): boolean {
    const source = this.#counters.get(tag);
    return this.gaps.some(
      (gap) =>
        (gap.source === undefined || gap.source === source) &&
        (gap.tags === undefined || gap.tags.includes(tag)) &&
        gap.to !== null &&
        Date.parse(gap.from) <= from + TICK &&
        Date.parse(gap.to) >= to - TICK,
    );
  }
}

const TICK = 1_100;

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
