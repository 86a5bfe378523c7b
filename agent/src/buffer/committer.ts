// Group commit: batches of one `commitInterval` become one transaction, so that a disk syncs ten times a second
// instead of once per notification. A commit that fails keeps everything and is tried again; how much may pile up
// meanwhile is bounded by the sender (store/store.ts), who counts what it has to refuse.

import { type Batch, BatchBuilder, bytesOfValue, entries, Kind } from '../model/batch.ts';
import { Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import type { Stream } from '../model/stream.ts';
import type { Priority, Tag } from '../model/tag.ts';
import type { Buffer, Part } from './buffer.ts';

export interface CommitterOptions {
  readonly buffer: Pick<Buffer, 'append' | 'dictionary'>;
  /** Longest that a batch waits for its commit, ms. */
  readonly interval: number;
  /** Called after each commit with the number of batches it held. */
  readonly committed: (batches: number) => void;
  readonly log: Log;
}

export interface Committer {
  /** Tags that later batches may name. */
  define(tags: readonly Tag[]): void;
  /** @param at when the gateway accepted it, ms since 1970; absent for what is not of the sources */
  add(batch: Batch, at?: number): void;
  /** Commits what waits, now. Throws a Fault when the disk does not take it; it is then still waiting. */
  flush(): void;
  /** Whether nothing waits for its commit. */
  readonly idle: boolean;
  /** Readings that wait for their commit. */
  readonly waitingReadings: number;
  /** Ends the timers. What was not flushed is lost, so flush before. */
  close(): void;
}

/** A commit at this size does not wait for the interval: it bounds memory, and the length of one transaction. */
const COMMIT_ENTRIES = 50_000;
/** Readings in a segment: large enough to compress well, small enough that a damaged one is a small loss. */
const SEGMENT_READINGS = 4_096;
/** Strings, arrays and structures in a segment, in bytes: far below what a segment may expand to. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Pause after a failed commit, ms. */
const RETRY = 1_000;

export function committer({ buffer, interval, committed, log }: CommitterOptions): Committer {
  let waiting: Batch[] = [];
  let waitingEntries = 0;
  /** Everything accepted before it waits here or is committed, ms since 1970. */
  let heard: number | undefined;
  let undefinedTags: Tag[] = [];
  const ids: number[] = [];
  const priorities: Priority[] = [];
  let timer: NodeJS.Timeout | undefined;
  let failing: string | undefined;

  function intern(): void {
    const found = buffer.dictionary.intern(undefinedTags);
    for (const [i, tag] of undefinedTags.entries()) {
      ids[tag.index] = found[i] as number;
      priorities[tag.index] = tag.priority;
    }
    undefinedTags = [];
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (undefinedTags.length > 0) intern();
    if (waiting.length === 0) return;
    buffer.append(partition(waiting, ids, priorities), heard);
    const batches = waiting.length;
    waiting = [];
    waitingEntries = 0;
    committed(batches);
  }

  function attempt(): void {
    try {
      flush();
      if (failing !== undefined) log('info', 'the buffer takes readings again');
      failing = undefined;
    } catch (error) {
      const fault = Fault.from(error, 'buffer.disk', 'the buffer cannot commit');
      // Trying again cannot help; the next start sets the file aside.
      if (fault.code === 'buffer.damaged') throw fault;
      if (failing !== fault.code)
        log('error', 'the buffer cannot commit; readings wait in memory', { code: fault.code, reason: fault.message });
      failing = fault.code;
      timer = setTimeout(attempt, RETRY);
    }
  }

  return {
    define(tags) {
      undefinedTags.push(...tags);
    },
    add(batch, at) {
      waiting.push(batch);
      heard = at ?? heard;
      waitingEntries += entries(batch);
      if (failing !== undefined) return;
      if (waitingEntries >= COMMIT_ENTRIES) attempt();
      else timer ??= setTimeout(attempt, interval);
    },
    flush,
    get idle() {
      return waiting.length === 0;
    },
    get waitingReadings() {
      return waiting.reduce((sum, { count }) => sum + count, 0);
    },
    close() {
      clearTimeout(timer);
    },
  };
}

/**
 * Batches as parts of one commit: readings of high priority apart from the others, those of the past apart from those
 * of now, in segments of a bounded size, with the dictionary's numbers for their tags; gap records with the first.
 */
export function partition(batches: readonly Batch[], ids: readonly number[], priorities: readonly Priority[]): Part[] {
  const live = lane('live', batches, ids, priorities);
  const past = batches.some(({ stream }) => stream === 'backfill');
  return past ? [...live, ...lane('backfill', batches, ids, priorities)] : live;
}

function lane(
  stream: Stream,
  batches: readonly Batch[],
  ids: readonly number[],
  priorities: readonly Priority[],
): Part[] {
  const builders = { high: new BatchBuilder(256), normal: new BatchBuilder(1024) };
  const bytes = { high: 0, normal: 0 };
  const parts: Part[] = [];
  const take = (priority: Priority) => ({ priority, batch: builders[priority].take(stream) });
  // A gap record goes with the live readings, whatever it is about: that something is missing must be known soon.
  if (stream === 'live') for (const batch of batches) for (const gap of batch.gaps) builders.high.gap(gap);
  for (const batch of batches) {
    if ((batch.stream ?? 'live') !== stream) continue;
    for (let i = 0; i < batch.count; i++) {
      const index = batch.tag[i] as number;
      const priority = priorities[index] ?? 'normal';
      const builder = builders[priority];
      builder.copy(batch, i, ids[index] as number);
      if (batch.kind[i] === Kind.Other)
        bytes[priority] += bytesOfValue(batch.others[batch.number[i] as number] ?? null);
      if (builder.count < SEGMENT_READINGS && bytes[priority] < SEGMENT_BYTES) continue;
      parts.push(take(priority));
      bytes[priority] = 0;
    }
  }
  for (const priority of ['high', 'normal'] as const) parts.push(take(priority));
  return parts.filter(({ batch }) => entries(batch) > 0);
}
