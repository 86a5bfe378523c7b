// What the forwarder needs of whatever keeps the entries. The buffer is one; the forwarder does not know it.

import type { Batch } from '../model/batch.ts';
import type { GapReason } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import type { Timestamp } from '../model/time.ts';

/** Consecutive entries: entry k of the batch (readings first, then gap records) has the number `first + k`. */
export interface Numbered {
  readonly first: number;
  readonly batch: Batch;
}

/** When the first and the last of some entries were. */
export type Times = readonly [from: Timestamp, to: Timestamp];

/** See buffer/buffer.ts for what each call promises. */
export interface Queue {
  readonly epoch: string;
  waiting(stream: Stream): number;
  next(stream: Stream, limit: number): readonly Numbered[];
  ack(first: number, last: number, readings: number): void;
  split(): void;
  giveUp(reason: GapReason, first: number, last: number, readings: number, times?: Times): void;
}
