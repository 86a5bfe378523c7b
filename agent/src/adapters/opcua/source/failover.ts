// What servers of a redundant set offer, and how a client keeps one ready beside the one in use (OPC 10000-4, 6.6.2.4.5,
// "Redundancy Failover actions"):
//
// cold  a session stands by; subscriptions are made when the server is used
// warm  its subscriptions and items stand too, the items disabled: nothing is sampled until the server is used
// hot   it samples like the one in use and keeps what it sampled in its queues, unsent: option (a) of the table
//
// HotAndMirrored sets are used as cold ones, which the specification leaves to the client: no subscriptions may be made
// at their standbys.

import type { Timestamp } from '../../../model/time.ts';

export type FailoverMode = 'cold' | 'warm' | 'hot';

/** @param support RedundancySupport of a server (OPC 10000-5 section 12.5); anything else counts as none */
export function modeOf(support: unknown): FailoverMode {
  if (support === 2) return 'warm';
  return support === 3 ? 'hot' : 'cold';
}

/** Holds a server back until it is to be used. */
export interface Hold {
  readonly mode: FailoverMode;
  /** It has not been used yet. */
  readonly waiting: boolean;
  /** Resolves when it is to be used. */
  readonly used: Promise<void>;
}

/** What was delivered of a source when one of its servers was left for another. */
export interface Known {
  /** Time of the newest reading of each tag, by position. */
  readonly latest: Float64Array;
  /** 1: that reading was Bad. */
  readonly bad: Uint8Array;
  /** What was made since then may be missing. */
  readonly since: Timestamp;
  /**
   * How far the clock of the other server may be behind, ticks: so much older than `latest` its readings may be and still be
   * news. 0 when the clocks agree.
   */
  readonly behind: number;
  /** The clocks are too far apart for what is missing to be known. */
  readonly apart: boolean;
}
