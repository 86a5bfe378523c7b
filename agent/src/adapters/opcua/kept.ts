// What of a source outlives its link. The supervisor makes a new adapter for every attempt; all of them share one of
// these, so that a session which still lives on the server is taken up again with its subscriptions, and what is
// missing is not forgotten. One for each source, for the life of the process.

import type { Timestamp } from '../../model/time.ts';
import type { Events } from './events/events.ts';
import { type Backfill, backfill } from './history/history.ts';
import { type Slowness, slowness } from './link/slowness.ts';
import { type Courtesies, courtesies } from './source/courtesy.ts';
import type { Known } from './source/failover.ts';
import { type Item, isPolled } from './source/item.ts';
import { type OpcUaOptions, TIMINGS } from './source/options.ts';
import { type Roster, roster } from './source/roster.ts';
import type { Session } from './source/session.ts';
import { type Suspects, suspects } from './source/suspects.ts';
import { type Unreadable, unreadable } from './source/unreadable.ts';
import { type Meaning, meaning } from './space/meaning.ts';
import { type TextBook, textBook } from './space/texts.ts';
import type { Counts } from './subscriptions/notifications.ts';
import type { Memory, Subscriptions } from './subscriptions/subscriptions.ts';

/** What stands on the server. */
export interface Estate {
  /** The session that its subscriptions belong to. */
  readonly session: Session;
  /** As they were when the node ids were resolved; those that came since stand at the end. */
  namespaces: readonly string[];
  readonly subscriptions: Subscriptions;
  /** Tags that can be read, subscribed or polled. */
  items: Item[];
  readonly events?: Events;
  /** Since when all of it stands by, at a server that is not used yet. */
  slept?: Timestamp;
}

/**
 * Whether an outage that the subscriptions outlived was bridged as far as the server does not say otherwise. A queue of 1
 * drops values without a mark, and what was not polled is missing.
 */
export const bridges = ({ subscriptions, items }: Estate): boolean =>
  subscriptions.granted().unmarked === 0 && !items.some(isPolled);

export interface Kept {
  /** The tags as the mapping has them now; those of `OpcUaOptions` are the first. */
  readonly roster: Roster;
  /** The session of the last link, which may live on: taking it up again leaves none behind on the server. */
  session: Session | undefined;
  /** Undefined: nothing stands, the next link begins anew. */
  estate: Estate | undefined;
  /** Subscriptions that were begun and are to be deleted: the link broke before they stood, or they are of no use. */
  debris: Subscriptions | undefined;
  /** Links that took the place of a broken or silent one without a loss, and without an outage. */
  mended: number;
  /** For how long the server may have been silent and well: links replaced for their silence at the cost of an outage. */
  readonly hasty: Slowness;
  /** What another server of the source had delivered when it was left for this one; undefined once that is taken over. */
  known: Known | undefined;
  /** The server cannot keep ready what stands on it. */
  restless: boolean;
  readonly memory: Memory;
  readonly counts: Counts;
  readonly history: Backfill;
  readonly unreadable: Unreadable;
  /** Tags over which the server may fail calls, or end links. */
  readonly suspects: Suspects;
  /** What the server may stumble over beside the readings. */
  readonly courtesies: Courtesies;
  readonly meaning: Meaning;
  /** What the numbers of enumerations mean. */
  readonly texts: TextBook;
}

/**
 * @param lag see `backfill`
 * @param tags shared with other servers of the same source
 * @param retry how long a tag that makes the server fail is left alone first, ms
 */
export const keep = (
  options: Pick<OpcUaOptions, 'tags' | 'publishing'>,
  lag?: number,
  tags = roster(options.tags, options.publishing),
  retry = TIMINGS.retry,
): Kept => {
  const unable = unreadable(tags);
  const beside = courtesies(unable.note);
  const memory: Memory = { most: Number.POSITIVE_INFINITY, seen: 0, trying: 0, coped: new Map() };
  return {
    roster: tags,
    session: undefined,
    estate: undefined,
    debris: undefined,
    mended: 0,
    hasty: slowness(),
    known: undefined,
    restless: false,
    memory,
    counts: { overflows: 0, republished: 0, lost: 0 },
    history: backfill(tags, beside.history, lag),
    unreadable: unable,
    // It was one item, not how many there were.
    suspects: suspects(retry, () => {
      memory.most = Number.POSITIVE_INFINITY;
    }),
    courtesies: beside,
    meaning: meaning(beside),
    texts: textBook(unable.note, beside.texts),
  };
};
