// Heartbeats of tags, in contrast to how often their signals are looked at.

import { formatDuration } from '../units.ts';
import type { Placed, Warn } from './protocol.ts';

/** A heartbeat that comes more often than the signal is looked at repeats what is known; nobody means that. */
export function warnOfHeartbeats(tags: readonly Placed[], pace: 'poll' | 'sampling', warn: Warn): void {
  for (const { tag, value, origin } of tags) {
    const every = (tag as Partial<Record<typeof pace, number>>)[pace] ?? 0;
    if (tag.heartbeat === undefined || tag.heartbeat >= every || value.heartbeat === undefined) continue;
    const often = `${formatDuration(tag.heartbeat)}, and its ${pace} is ${formatDuration(every)}`;
    warn(origin, ['heartbeat'], `${tag.name} has a heartbeat of ${often}: the same value is sent again and again`);
  }
}
