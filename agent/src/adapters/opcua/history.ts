// Backfill from the server's history (OPC 10000-11 ReadRaw): what is missing in a gap is read afterwards, where the
// server records the node, and delivered in the backfill lane. It promises:
//
// - Live readings come first: one call at a time, few nodes in it, and a pause as long as the call took.
// - A gap is never forgotten by a link that breaks: what is left is read by the next one. At most so many gaps wait.
// - When nothing more can be had, the gap is told again with what was recovered, and whether that is all of it.

import {
  AttributeIds,
  HistoryData,
  HistoryReadRequest,
  type HistoryReadResponse,
  type NodeId,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from 'node-opcua-client';
import { BatchBuilder } from '../../model/batch.ts';
import { Fault } from '../../model/fault.ts';
import type { Gap } from '../../model/gap.ts';
import { isBad } from '../../model/status.ts';
import { now, TICKS_PER_MS, type Timestamp, toMillis } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import type { Calls, Limits } from './calls.ts';
import { serviceResult } from './faults.ts';
import type { Item } from './items.ts';
import { pause } from './poll.ts';
import { rawValues, ValueReader } from './raw.ts';
import type { Roster } from './roster.ts';

/** Nodes in one call, and values of each: bounds the answer to about 10,000 values. */
const NODES = 10;
const VALUES = 1_000;
/** Calls for one portion of nodes before it is given up: a server whose continuation never ends. */
const MOST_CALLS = 10_000;
/** Gaps that may wait. */
const MOST_GAPS = 64;
/** How far back history is asked for, ticks. */
const FARTHEST = 7 * 86_400_000 * TICKS_PER_MS;
/** How far the clocks of gateway and source may be apart, ticks. */
const SKEW = 600_000 * TICKS_PER_MS;
/** A historian may be some seconds behind its server, ms. */
const LAG = 1_000;

/** AccessLevel: HistoryRead (OPC 10000-3 section 8.57). */
const HISTORY_READ = 0x04;

/** Something missing; `to` is not null any more. */
export type Lack = Pick<Gap, 'reason' | 'from' | 'tags'> & { readonly to: Timestamp };

interface Job {
  readonly lack: Lack;
  /** The tags that are left, by position; undefined: not looked at yet. */
  todo: number[] | undefined;
  /** Which tags it is about; undefined: all. */
  readonly positions: ReadonlySet<number> | undefined;
  /** By position, the newest reading before the gap, and the first after it: theirs are not delivered again. */
  readonly before: (position: number) => Timestamp;
  readonly after: (position: number) => Timestamp;
  /** How far a tag came. */
  readonly reached: Map<number, Timestamp>;
  count: number;
  complete: boolean;
  readonly due: number;
}

export interface Backfill {
  /**
   * Something is missing: to be had from the history when there is one.
   * @param besides whether something else is missing too, which no history of tags has
   */
  want(
    lack: Lack,
    positions: readonly number[] | undefined,
    before: (position: number) => Timestamp,
    after: (position: number) => Timestamp,
    besides?: boolean,
  ): void;
  /**
   * Works until the signal aborts. Rejects with a Fault only when the link is broken.
   * @param items the tags whose history may be read, asked for anew for each gap
   */
  run(items: () => readonly Item[], server: Calls, limits: Limits, sink: Sink, signal: AbortSignal): Promise<void>;
}

/** @param lag how long to wait before history is asked for, ms; shorter in tests */
export function backfill(roster: Roster, lag = LAG): Backfill {
  const jobs: Job[] = [];
  let wake: () => void = () => {};

  /** What is left of a job, in portions, until the link breaks or all is done. */
  async function work(
    job: Job,
    items: readonly Item[],
    server: Calls,
    limits: Limits,
    sink: Sink,
    signal: AbortSignal,
  ) {
    const byPosition = new Map(items.map((item) => [item.position, item]));
    if (job.todo === undefined) {
      const wanted = items.filter((item) => job.positions === undefined || job.positions.has(item.position));
      const kept = wanted.length > 0 ? await recorded(wanted, server, limits) : [];
      job.complete &&= kept.length === (job.positions?.size ?? roster.positions.length);
      job.todo = kept.map(({ position }) => position);
    }
    const size = Math.min(NODES, limits.history);
    const some = job.todo.length > 0;
    while (job.todo.length > 0 && !signal.aborted) {
      const portion = job.todo.slice(0, size).flatMap((position) => byPosition.get(position) ?? []);
      if (portion.length > 0 && !(await readPortion(job, portion, roster, server, sink, signal))) return;
      job.todo = job.todo.slice(size);
    }
    if (signal.aborted) return;
    jobs.splice(jobs.indexOf(job), 1);
    if (some || job.count > 0) sink.gap({ ...job.lack, recovered: job.count, complete: job.complete });
  }

  return {
    want(lack, positions, before, after, besides = false) {
      const oldest = now() - FARTHEST;
      jobs.push({
        lack,
        positions: positions && new Set(positions),
        todo: undefined,
        before,
        after,
        reached: new Map(),
        count: 0,
        complete: lack.from >= oldest && !besides,
        due: performance.now() + lag,
      });
      // What is dropped here stays the gap that it was told as.
      if (jobs.length > MOST_GAPS) jobs.shift();
      wake();
    },
    async run(items, server, limits, sink, signal) {
      while (!signal.aborted) {
        const [job] = jobs;
        if (job === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
            if (signal.aborted) resolve();
          });
          continue;
        }
        await pause(job.due - performance.now(), signal);
        if (!signal.aborted) await work(job, items(), server, limits, sink, signal);
      }
    },
  };
}

/** The items whose node is recorded and may be read. */
async function recorded(items: readonly Item[], server: Calls, limits: Limits): Promise<Item[]> {
  const found: Item[] = [];
  const half = Math.max(1, Math.floor(limits.read / 2));
  await server.portions(items, half, async (portion) => {
    const ids = portion.flatMap(({ node }) => [
      { nodeId: node, attributeId: AttributeIds.AccessLevel },
      { nodeId: node, attributeId: AttributeIds.Historizing },
    ]);
    const values = await server.once('asking which nodes have a history', (session) => session.read(ids));
    for (const [i, item] of portion.entries()) {
      const level: unknown = values[2 * i]?.value.value;
      const historizing: unknown = values[2 * i + 1]?.value.value;
      if (typeof level === 'number' && (level & HISTORY_READ) !== 0 && historizing !== false) found.push(item);
    }
  });
  return found;
}

/** Reads the gap for some nodes, to its end; false when the signal aborted before. */
async function readPortion(
  job: Job,
  portion: readonly Item[],
  roster: Roster,
  server: Calls,
  sink: Sink,
  signal: AbortSignal,
): Promise<boolean> {
  let left = portion;
  while (left.length > 0) {
    const cut = await readPages(job, left, roster, server, sink, signal);
    if (cut === undefined) return false;
    left = cut;
  }
  return true;
}

/**
 * Reads the gap for some nodes, to the end of their continuation. Resolves with those that have more: a server may answer
 * with as many values as were asked for, and no continuation point. Undefined when the signal aborted before.
 */
async function readPages(
  job: Job,
  portion: readonly Item[],
  { tags }: Roster,
  server: Calls,
  sink: Sink,
  signal: AbortSignal,
): Promise<Item[] | undefined> {
  const cut: Item[] = [];
  const windows = portion.map(({ position }) => windowOf(job, position));
  const start = Math.max(now() - FARTHEST, Math.min(...windows.map(({ from }) => from)));
  const end = Math.max(...windows.map(({ to }) => to));
  const details = new ReadRawModifiedDetails({
    isReadModified: false,
    startTime: new Date(toMillis(start)),
    endTime: new Date(toMillis(end) + 1),
    numValuesPerNode: VALUES,
    returnBounds: false,
  });
  let open = portion.map((item, i) => ({
    item,
    window: windows[i] as Window,
    continuationPoint: null as Buffer | null,
  }));
  for (let calls = 0; open.length > 0; calls++) {
    if (calls === MOST_CALLS) {
      job.complete = false;
      return [];
    }
    const began = performance.now();
    const request = (release: boolean) =>
      new HistoryReadRequest({
        historyReadDetails: details,
        timestampsToReturn: TimestampsToReturn.Both,
        releaseContinuationPoints: release,
        nodesToRead: open.map(({ item, continuationPoint }) => ({
          nodeId: item.node as NodeId,
          ...(continuationPoint && { continuationPoint }),
        })),
      });
    let answer: HistoryReadResponse;
    try {
      answer = await server.ask<HistoryReadResponse>('reading the history', request(false), 'long');
    } catch (error) {
      // The server will not have it, or is too slow for it: these nodes stay as they are, and live readings go on.
      const answered = error instanceof Fault && serviceResult(error.cause ?? {}) !== undefined;
      if (!answered && !(error instanceof Fault && error.code === 'source.timeout')) throw error;
      job.complete = false;
      return [];
    }
    const builder = new BatchBuilder(VALUES);
    const next: typeof open = [];
    for (const [i, { item, window }] of open.entries()) {
      const result = answer.results?.[i];
      if (result === undefined || isBad(result.statusCode.value)) {
        job.complete = false;
        continue;
      }
      const before = job.reached.get(item.position);
      const isPresent = tags[item.position] !== undefined;
      const count = isPresent ? take(job, item, window, result.historyData, builder) : 0;
      if (result.continuationPoint && result.continuationPoint.length > 0)
        next.push({ item, window, continuationPoint: result.continuationPoint });
      else if (count >= VALUES && job.reached.get(item.position) !== before) cut.push(item);
      else if (count >= VALUES) job.complete = false;
    }
    if (builder.count > 0) {
      job.count += builder.count;
      sink.deliver(builder.take('backfill'));
    }
    open = next;
    await pause(performance.now() - began, signal);
    if (!signal.aborted) continue;
    if (open.length > 0) await server.ask('giving up continuation points', request(true)).catch(() => {});
    return undefined;
  }
  return cut;
}

/** What is missing of a tag; both ends were delivered or lie outside the gap. */
interface Window {
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/**
 * The gap is told in the gateway's time, readings in the source's: where there are readings before and after the gap,
 * they say better what is missing between them, unless the one before is merely old.
 */
function windowOf({ lack, before, after, reached }: Job, position: number): Window {
  const last = Math.max(before(position), reached.get(position) ?? Number.NEGATIVE_INFINITY);
  const first = after(position);
  return {
    from: Number.isFinite(last) ? Math.max(last, lack.from - SKEW) : lack.from - 1,
    to: Number.isFinite(first) ? Math.min(first, lack.to + SKEW) : lack.to + 1,
  };
}

/** Adds what lies in the window and was not delivered before; how many values there were. */
function take(job: Job, item: Item, { from, to }: Window, data: object | null, builder: BatchBuilder): number {
  const list = data instanceof HistoryData ? rawValues(data) : undefined;
  if (list === undefined) return 0;
  const values = new ValueReader(list);
  let newest = from;
  for (let i = 0; i < values.count; i++) {
    values.next();
    if (values.time <= from || values.time >= to) continue;
    values.push(builder, item.tag.index);
    newest = Math.max(newest, values.time);
  }
  if (newest > from) job.reached.set(item.position, newest);
  return values.count;
}
