// What the server made of what it was asked for, in flat figures: for the log and /status.

import type { Events } from './events/events.ts';
import type { Subscriptions } from './subscriptions/subscriptions.ts';

/** @param mended links that took the place of a broken one without an outage */
export function report(all: Subscriptions, events: Events | undefined, mended: number): Record<string, number> {
  const intervals = all.intervals();
  const { items, slower, slowest, short, shortest, unmarked, deadbands, unfiltered } = all.granted();
  return {
    subscriptions: intervals.length,
    monitoredItems: items,
    ...(intervals.length > 0 && { publishingMs: Math.min(...intervals) }),
    ...(slower > 0 && { sampledSlower: slower, slowestSamplingMs: slowest }),
    ...(short > 0 && { queuesTooShort: short, shortestQueue: shortest }),
    ...(unmarked > 0 && { queuesOfOne: unmarked }),
    ...(deadbands > 0 && { deadbandsAtServer: deadbands }),
    ...(unfiltered > 0 && { deadbandsHere: unfiltered }),
    ...events?.granted,
    ...(mended > 0 && { linksMended: mended }),
  };
}
