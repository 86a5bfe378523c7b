// Backfill from the server's history (OPC 10000-11 ReadRaw): what is missing in a gap is read afterwards, where the
// server records the node, and delivered in the backfill lane. It promises:
//
// - Live readings come first: one call at a time, few nodes in it, and a pause as long as the call took.
// - A gap is never forgotten by a link that breaks: what is left is read by the next one. At most so many gaps wait,
//   and those given up are counted.
// - Nothing that was delivered live comes again, and of what was asked for again after a break nothing comes twice.
// - When nothing more can be had, the gap is told again with what was recovered. It counts as complete only where the
//   history was seen to reach over both its ends: an archive that began later, or lags behind, proves nothing.

import { AttributeIds } from 'node-opcua-client';
import type { Gap } from '../../../model/gap.ts';
import { now, TICKS_PER_MS, type Timestamp } from '../../../model/time.ts';
import type { Sink } from '../../adapter.ts';
import { pause } from '../../pause.ts';
import { courteously } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Courtesy, Manner } from '../source/courtesy.ts';
import { type Item, nameOf } from '../source/item.ts';
import type { Roster } from '../source/roster.ts';
import { type Outcome, type Pace, type Part, readPast, type Span } from './read.ts';

/** Gaps that may wait. */
const MOST_GAPS = 64;
/** How far back history is asked for, ticks. */
const FARTHEST = 7 * 86_400_000 * TICKS_PER_MS;
/** How far the clocks of gateway and source may be apart where no reading tells, ticks. */
const SKEW = 600_000 * TICKS_PER_MS;
/** A historian may be some seconds behind its server, ms. */
const LAG = 1_000;
/** When a history that did not reach the end of the gap is asked again, in multiples of the lag. */
const AGAIN = [10, 60];
/** Nodes in a row that were given up, after which the rest of the gap is. */
const MOST_FAILURES = 5;

/** Bounds an answer to about 10,000 values. */
const PACE: Pace = { nodes: 10, values: 1_000, bounds: true };

/** AccessLevel: HistoryRead (OPC 10000-3 section 8.57). */
const HISTORY_READ = 0x04;

/** Something missing; `to` is not null any more. */
export type Lack = Pick<Gap, 'reason' | 'from' | 'tags'> & { readonly to: Timestamp };

interface Job {
  readonly lack: Lack;
  /** The tags that are left, by position; undefined: not looked at yet. */
  todo: number[] | undefined;
  /** Tags whose history does not reach the end of the gap yet. */
  late: number[];
  /** How often such tags were asked again. */
  rounds: number;
  /** Which tags it is about; undefined: all. */
  readonly positions: ReadonlySet<number> | undefined;
  /** By position, the newest reading before the gap, and the first after it: theirs are not delivered again. */
  readonly before: (position: number) => Timestamp;
  readonly after: (position: number) => Timestamp;
  /** How far a tag came. */
  readonly reached: Map<number, Timestamp>;
  count: number;
  complete: boolean;
  due: number;
}

export interface Backfill {
  /**
   * Something is missing: to be had from the history when there is one.
   * @param before and @param after of a position must not change once both are known: what came in between is asked for
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
  /** Readings recovered, and gaps given up because too many waited. */
  readonly counts: { readonly recovered: number; readonly forgotten: number };
}

/**
 * @param courtesy knows the nodes over whose history the server hung up
 * @param lag how long to wait before history is asked for, ms; shorter in tests
 */
export function backfill(roster: Roster, courtesy: Courtesy, lag = LAG): Backfill {
  const jobs: Job[] = [];
  const counts = { recovered: 0, forgotten: 0 };
  /** What this server was seen to cope with. */
  const pace: Pace = { ...PACE };
  let wake: () => void = () => {};
  let working: Job | undefined;

  /** Readings lost to a short queue come again and again: they are given up before the gap of an outage is. */
  function forget(): void {
    const waiting = jobs.filter((job) => job !== working);
    const job = waiting.find(({ lack }) => lack.reason === 'source-overflow') ?? waiting[0];
    // What is given up here stays the gap that it was told as.
    jobs.splice(jobs.indexOf(job as Job), 1);
    counts.forgotten += 1;
  }

  const manner = (position: number): Manner => courtesy.manner(roster.tags[position]?.name ?? '');

  /** As many of these as may be asked for at once, and no more than `most`. */
  function next(todo: readonly number[], most: number): readonly number[] {
    const alone = todo.slice(0, most).findIndex((position) => manner(position) === 'alone');
    return todo.slice(0, alone < 0 ? most : Math.max(1, alone));
  }

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
      const kept = wanted.length > 0 ? await recorded(wanted, server, limits, courtesy) : [];
      job.complete &&= kept.length === (job.positions?.size ?? roster.positions.length);
      job.todo = byStart(kept.map((item) => spanOf(job, item)));
    }
    const some = job.todo.length > 0;
    const deliver = (part: Part) => {
      job.count += part.batch.count;
      counts.recovered += part.batch.count;
      for (const [position, time] of part.reached) job.reached.set(position, time);
      sink.deliver(part.batch);
    };
    let failures = 0;
    let size = pace.nodes;
    while (job.todo.length > 0 && !signal.aborted) {
      let taken = next(job.todo, Math.min(size, limits.history));
      const spans: Span[] = [];
      for (const [i, position] of taken.entries()) {
        if (roster.tags[position] === undefined) continue;
        const item = byPosition.get(position);
        // It cannot be read any more, or not be asked for: what is missing of it stays missing.
        if (item === undefined || manner(position) === 'not') {
          job.complete = false;
          continue;
        }
        const span = spanOf(job, item);
        // One call asks for one time: a device whose clock is hours off would have hours of all others read.
        if (Math.abs(span.start - (spans[0] ?? span).start) > SKEW) {
          taken = taken.slice(0, i);
          break;
        }
        spans.push(span);
      }
      const outcome: Outcome =
        spans.length > 0 ? await readPast(spans, pace, server, courtesy, deliver, signal) : { how: 'read' };
      if (outcome.how === 'aborted') return;
      if (outcome.how === 'none') {
        // The server has no history at all, or will not have it read.
        job.complete = false;
        job.todo = [];
        break;
      }
      if (outcome.how === 'less') {
        if (taken.length > 1) {
          size = Math.ceil(taken.length / 2);
          continue;
        }
        if (outcome.again) continue;
        // It was this node, then: the others are not to suffer.
        pace.nodes = PACE.nodes;
        pace.values = PACE.values;
        failures += 1;
        job.complete = false;
      } else failures = 0;
      const again = outcome.how === 'read' ? (outcome.again ?? []) : [];
      if (outcome.how === 'read') {
        if (outcome.partial === true) job.complete = false;
        job.late.push(...(outcome.late ?? []));
        size = outcome.alone === true ? 1 : pace.nodes;
      }
      job.todo = [...again, ...job.todo.slice(taken.length)];
      if (failures === MOST_FAILURES) job.todo = [];
    }
    if (signal.aborted) return;
    jobs.splice(jobs.indexOf(job), 1);
    const patience = AGAIN[job.rounds];
    if (job.late.length > 0 && patience !== undefined) {
      [job.todo, job.late] = [job.late, []];
      job.rounds += 1;
      job.due = performance.now() + patience * lag;
      jobs.push(job);
      return;
    }
    if (job.late.length > 0) job.complete = false;
    if (some || job.count > 0) sink.gap({ ...job.lack, recovered: job.count, complete: job.complete });
  }

  return {
    counts,
    want(lack, positions, before, after, besides = false) {
      const oldest = now() - FARTHEST;
      if (jobs.length === MOST_GAPS) forget();
      jobs.push({
        lack,
        positions: positions && new Set(positions),
        todo: undefined,
        late: [],
        rounds: 0,
        before,
        after,
        reached: new Map(),
        count: 0,
        complete: lack.from >= oldest && !besides,
        due: performance.now() + lag,
      });
      wake();
    },
    async run(items, server, limits, sink, signal) {
      while (!signal.aborted) {
        const [first, ...others] = jobs;
        if (first === undefined) {
          await woken(signal);
          continue;
        }
        const job = others.reduce((soonest, other) => (other.due < soonest.due ? other : soonest), first);
        const wait = job.due - performance.now();
        if (wait > 0) {
          await woken(signal, wait);
          continue;
        }
        working = job;
        try {
          await work(job, items(), server, limits, sink, signal);
        } finally {
          working = undefined;
        }
      }
    },
  };

  /** Until there is something new to do, but no longer than `ms`. */
  async function woken(signal: AbortSignal, ms = 3_600_000): Promise<void> {
    const early = new AbortController();
    wake = () => early.abort();
    await pause(ms, AbortSignal.any([signal, early.signal]));
  }
}

/** The items whose node has a history that may be read. */
async function recorded(items: readonly Item[], server: Calls, limits: Limits, courtesy: Courtesy): Promise<Item[]> {
  const found: Item[] = [];
  const service = 'asking which nodes have a history';
  await courteously(courtesy, server, true)(service, items, nameOf, limits.read, async (portion) => {
    const ids = portion.map(({ node }) => ({ nodeId: node, attributeId: AttributeIds.AccessLevel }));
    const values = await server.once(service, (session) => session.read(ids));
    for (const [i, item] of portion.entries()) {
      const level: unknown = values[i]?.value.value;
      if (typeof level === 'number' && (level & HISTORY_READ) !== 0) found.push(item);
    }
  });
  return found;
}

/** Positions, with those together that are to be asked for about the same time. */
const byStart = (spans: readonly Span[]) =>
  spans.toSorted((a, b) => a.start - b.start).map(({ item }) => item.position);

/**
 * What is missing of a tag; both ends were delivered or lie outside the gap. The gap is told in the gateway's time,
 * readings in the source's: where there are readings before and after the gap, they say better what is missing between
 * them, unless the one before is merely old.
 */
function spanOf({ lack, before, after, reached }: Job, item: Item): Span {
  const { position, tag } = item;
  const former = before(position);
  const last = Math.max(former, reached.get(position) ?? Number.NEGATIVE_INFINITY);
  const first = after(position);
  // A device's own readings at the ends of the gap are by its clock, which may be hours off.
  const ahead = Math.max(0, former - lack.from);
  const begun = Math.min(lack.from, first - (lack.to - lack.from));
  const from = Number.isFinite(last) ? Math.max(last, begun - SKEW) : lack.from - 1;
  const to = Number.isFinite(first) ? Math.min(first, lack.to + ahead + SKEW) : lack.to + ahead + 1;
  // Where no reading stands at the beginning, one a little earlier shows that the history reaches so far.
  const earlier = from === last ? 0 : Math.max(3_000, 3 * tag.sampling) * TICKS_PER_MS;
  return { item, from, to, start: Math.max(now() - FARTHEST, from - earlier), awaited: Number.isFinite(first) };
}
