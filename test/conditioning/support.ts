// Batches for the tests of conditioning: short to write, short to read.

import { type Batch, BatchBuilder, type Value, valueAt } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { TICKS_PER_MS } from '../../agent/src/model/time.ts';

/** tag, time in seconds, value, status */
export type Row = readonly [tag: number, seconds: number, value: Value, status?: number];

export const seconds = (n: number) => n * 1_000 * TICKS_PER_MS;

export function batchOf(...rows: readonly Row[]): Batch {
  const builder = new BatchBuilder();
  for (const [tag, at, value, status = StatusCode.Good] of rows) builder.add(tag, seconds(at), status, value);
  return builder.take();
}

/** The readings of a batch; a Good status is left out. */
export function rowsOf(batch: Batch | undefined): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < (batch?.count ?? 0); i++) {
    const { tag, time, status } = batch!;
    const row = [tag[i]!, time[i]! / seconds(1), valueAt(batch!, i)] as const;
    rows.push(status[i] === StatusCode.Good ? row : [...row, status[i]!]);
  }
  return rows;
}
