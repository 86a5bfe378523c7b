// The tags over which the server may fail, apart from all others: withheld when a link begins, asked for when the others
// stand, few at a time.

import { Fault } from '../../model/fault.ts';
import type { Sink } from '../adapter.ts';
import { pause } from '../pause.ts';
import type { Kept } from './kept.ts';
import { isPolled } from './source/item.ts';

/** The server fails every call that asks for this tag. */
export function setAside({ suspects, unreadable }: Kept, position: number, status: number, reason: string): void {
  suspects.setAside(position, status, reason);
  unreadable.set(position, status, reason);
}

/** At a new link: they are told as unreadable, and not polled together with others. */
export function withhold({ suspects, unreadable, roster, estate }: Kept): void {
  const withheld = suspects.withheld();
  for (const [position, { status, reason }] of withheld)
    if (roster.tags[position] !== undefined) unreadable.set(position, status, reason);
  if (estate === undefined) return;
  estate.items = estate.items.filter((item) => !(isPolled(item) && withheld.has(item.position)));
}

/**
 * Asks for them until the signal aborts.
 * @param every how often to look for one that is due, ms
 * @param add looks these up and subscribes or polls them
 */
export async function sift(
  { suspects, unreadable }: Kept,
  every: number,
  add: (positions: readonly number[]) => Promise<void>,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const positions = suspects.next();
    if (positions !== undefined) {
      try {
        await add(positions);
        suspects.tried(positions);
        unreadable.tell(sink);
        continue;
      } catch (error) {
        // Whether the link is broken others will tell.
        if (!(error instanceof Fault)) throw error;
      }
    }
    await pause(every, signal);
  }
}
