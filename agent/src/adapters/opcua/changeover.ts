// A server that stood by is used: what stands on it is switched on, and it is found out what is missing between the last
// reading of the server before it and the first of this one. Of a hot standby nothing is, where its queues reach back far
// enough; every doubt is told as a gap.

import { Fault } from '../../model/fault.ts';
import { now } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import { pause } from '../pause.ts';
import type { Estate, Kept } from './kept.ts';
import type { Known } from './source/failover.ts';
import { isPolled } from './source/item.ts';
import type { OpcUaTag } from './source/options.ts';
import type { Overlap } from './subscriptions/overlap.ts';

export interface ChangeOver {
  /** Nothing that is subscribed is missing, as far as the server does not say otherwise. */
  readonly whole: boolean;
  /** What tells news from what was delivered; undefined: all is news. */
  readonly overlap: Overlap | undefined;
}

/**
 * Switches on what stands. Rejects with a Fault when the server is gone or does not go along; what stands is of no
 * use then.
 * @param upToDate all tags that there are have been asked for
 */
export async function changeOver(
  kept: Kept,
  estate: Estate,
  known: Known | undefined,
  upToDate: boolean,
): Promise<ChangeOver> {
  const { subscriptions, slept } = estate;
  const { receive, asleep } = subscriptions;
  const hot = asleep === 'hot' && known !== undefined;
  // One that sent in its sleep has nothing left of that in its queues.
  const sent = subscriptions.placed().some(({ item }) => receive.first(item.position) !== Number.POSITIVE_INFINITY);
  const overlap = hot ? receive.follow(known) : undefined;
  if (!(await subscriptions.wake())) {
    kept.estate = undefined;
    kept.debris = subscriptions;
    kept.restless = true;
    throw new Fault('source.protocol', 'the server does not switch on what was made to stand by');
  }
  kept.unreadable.renew(false);
  const whole = hot && upToDate && !sent && !known.apart && slept !== undefined && slept < known.since;
  return { whole, overlap };
}

/** What no subscription bridges: polled tags, and events. */
export function tellUnbridged({ items }: Estate, events: string | undefined, { since }: Known, sink: Sink): void {
  const polled = items.filter(isPolled).map(({ tag }) => tag.name);
  const tags = events === undefined ? polled : [...polled, events];
  if (tags.length > 0) sink.gap({ reason: 'source-down', tags, from: since, to: now() });
}

/** Waits until the queues have come, and tells of those that were too short. */
export async function settle(
  { subscriptions }: Estate,
  overlap: Overlap,
  kept: Kept,
  known: Known,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  const { receive } = subscriptions;
  const interval = Math.max(0, ...subscriptions.intervals());
  let skipped = -1;
  let apart = false;
  while (!signal.aborted && !apart && overlap.skipped !== skipped) {
    skipped = overlap.skipped;
    await pause(2 * interval, signal);
    // Readings go on coming and all of them are old: their times are not those of the other server.
    apart = skipped > 0 && overlap.skipped > skipped && overlap.news === 0;
  }
  receive.part();
  if (apart) {
    const lack = { reason: 'source-down', from: known.since, to: now() } as const;
    sink.gap(lack);
    const first = (position: number) => receive.first(position);
    kept.history.want(lack, undefined, () => Number.NEGATIVE_INFINITY, first);
  }
  const short = overlap.short(subscriptions.placed()).map(({ item }) => item.position);
  const names = short.flatMap((position) => (kept.roster.tags[position] as OpcUaTag | undefined)?.name ?? []);
  if (names.length > 0) {
    const lack = { reason: 'source-overflow', tags: names, from: known.since, to: now() } as const;
    sink.gap(lack);
    kept.history.want(
      lack,
      short,
      (position) => known.latest[position] ?? Number.NEGATIVE_INFINITY,
      receive.stretch().after,
    );
  }
}
