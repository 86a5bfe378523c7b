// An overload of the store, from the first batch that is refused to the first that is taken again. Promises: every
// reading lost is counted and lies within a gap record; of each tag the newest reading is kept, because a source that
// tells changes alone would not say it again; gap records are kept, up to a bound: the time of those beyond it lies within
// the one about the overload.

import { type Batch, BatchBuilder, Kind, type Value, valueAt } from '../model/batch.ts';
import type { Gap } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import { TICKS_PER_MS, type Timestamp } from '../model/time.ts';

/** Gap records kept while the store is overloaded. */
const MAX_OWED_GAPS = 10_000;

/** A source's clock may be off, and a value may stand for days: such a timestamp does not make everything unknown. */
const REACH = 60_000 * TICKS_PER_MS;

interface Reading {
  readonly time: Timestamp;
  readonly status: number;
  readonly kind: number;
  readonly value: Value;
}

interface Loss {
  from: Timestamp;
  to: Timestamp;
  count: number;
}

export interface Overload {
  /** Refuses a batch. Returns how many readings are lost by it. */
  refuse(batch: Batch): number;
  /** What is to be stored when it is over. @param now when that is */
  end(now: Timestamp): Batch;
}

/** @param begun when it begins */
export function overload(begun: Timestamp): Overload {
  const owed: Gap[] = [];
  /** By tag; none is lost before a newer one comes. */
  const newest = new Map<number, Reading>();
  const losses: Record<Stream, Loss> = {
    live: { from: begun, to: begun, count: 0 },
    backfill: { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY, count: 0 },
  };

  /** Gap records were given up, in whose place the one about the overload stands. */
  let uncovered = false;

  function lose(stream: Stream, time: Timestamp): void {
    const loss = losses[stream];
    loss.count++;
    if (stream === 'live' && time < begun - REACH) return;
    if (time < loss.from) loss.from = time;
    if (time > loss.to) loss.to = time;
  }

  function cover({ from, to }: Gap): void {
    const { live } = losses;
    live.from = Math.min(live.from, from);
    live.to = Math.max(live.to, to ?? from);
    uncovered = true;
  }

  return {
    refuse(batch) {
      const { count, stream = 'live', gaps } = batch;
      const before = losses[stream].count;
      for (let i = 0; i < count; i++) {
        const time = batch.time[i] as number;
        if (stream === 'live') {
          const tag = batch.tag[i] as number;
          const former = newest.get(tag);
          newest.set(tag, {
            time,
            status: batch.status[i] as number,
            kind: batch.kind[i] as number,
            value: valueAt(batch, i),
          });
          if (former !== undefined) lose(stream, former.time);
        } else lose(stream, time);
      }
      for (const gap of gaps) {
        if (owed.length < MAX_OWED_GAPS) owed.push(gap);
        else cover(gap);
      }
      return losses[stream].count - before;
    },
    end(now) {
      const { live, backfill } = losses;
      const builder = new BatchBuilder(newest.size);
      for (const [tag, { time, status, kind, value }] of newest) {
        builder.add(tag, time, status, value, kind === Kind.Float32);
      }
      for (const gap of owed) builder.gap(gap);
      const over = Math.max(begun, now);
      live.to = Math.max(over, Math.min(live.to, over + REACH));
      for (const loss of [live, backfill]) {
        if (loss.count > 0 || (loss === live && uncovered)) builder.gap({ reason: 'store-overload', ...loss });
      }
      return builder.take();
    },
  };
}
