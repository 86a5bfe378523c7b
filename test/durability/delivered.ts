// What a file hub has got: the rows of a JSON Lines file, each known by the reading that its time names. A row that
// comes again has the number it had; a number has one row.

import { existsSync, readFileSync } from 'node:fs';
import { TICKS_PER_MS } from '../../agent/src/model/time.ts';
import type { Row } from '../../sim/hub/decode.ts';
import { numberAt, TAGS, tagOf } from './content.ts';

export interface Delivered {
  /** Readings, in the order of their first arrival. */
  readonly numbers: ReadonlySet<number>;
  /** The greatest number of a row. */
  readonly last: number;
  /** Rows that had come before. */
  readonly again: number;
  readonly gaps: readonly string[];
  readonly wrong: readonly string[];
}

/** @param path a file whose last line may be torn */
export function deliveredTo(path: string): Delivered {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  const seqs = new Map<number, number>();
  const numbers = new Set<number>();
  const gaps: string[] = [];
  const wrong: string[] = [];
  let [again, last] = [0, 0];
  for (const line of lines) {
    const row = JSON.parse(line) as Row;
    last = Math.max(last, row.seq);
    if ('gap' in row) {
      gaps.push(row.gap);
      continue;
    }
    if ('event' in row) continue;
    const n = numberOf(row.ts);
    const known = seqs.get(row.seq);
    if (known === n) again++;
    else if (known !== undefined || numbers.has(n)) wrong.push(`reading ${n} as ${row.seq}, which was ${known}`);
    if (row.tag !== TAGS[tagOf(n)]?.name) wrong.push(`reading ${n} has the tag ${row.tag}`);
    seqs.set(row.seq, n);
    numbers.add(n);
  }
  return { numbers, last, again, gaps, wrong };
}

/** Seven decimals, or three. */
function numberOf(ts: string): number {
  const ms = Date.parse(`${ts.slice(0, 23)}Z`) - Date.UTC(2020, 0, 1);
  return numberAt(ms * TICKS_PER_MS + (ts.length > 24 ? Number(ts.slice(23, 27)) : 0));
}
