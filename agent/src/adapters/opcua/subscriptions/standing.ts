// What is known of one subscription that stands on the server.

import type { NotificationMessage } from 'node-opcua-client';
import type { GapReason } from '../../../model/gap.ts';
import type { Timestamp } from '../../../model/time.ts';
import type { Placed } from './items.ts';
import type { Sequence } from './sequence.ts';

/** One subscription that stands on the server. */
export interface Standing {
  readonly id: number;
  /** Whoever takes its messages, when they are no values of tags. */
  readonly taker: Taker | undefined;
  /** Revised publishing interval, ms. */
  readonly interval: number;
  /** Without a message for so long it counts as dead, ms. */
  readonly silence: number;
  readonly sequence: Sequence;
  items: Placed[];
  /** It was we who took it over from another session: what it says of that is not about another client. */
  ours: boolean;
  /** When it last sent something, by the monotonic clock, ms; and when the last of it was taken. */
  heard: number;
  taken: number;
  /** Since it was taken up again it has sent nothing: whether the server really has it still is only its word. */
  unproven: boolean;
}

/** Takes the messages of a subscription that holds no tags. */
export interface Taker {
  take(message: NotificationMessage): void;
  /** Messages are missing for good. */
  lost(from: Timestamp, to: Timestamp, reason: GapReason): void;
}
