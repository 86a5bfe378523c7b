// A gap: a record that says what is not known, from when to when, and why. Gaps are numbered, stored and
// delivered like readings, so that their loss would be as visible as a reading's.

import type { Timestamp } from './time.ts';

/** Why something is not known. The texts are part of what is sent (docs/messages.md). */
export type GapReason =
  /** The link to a source was down, or the source delivered nothing. */
  | 'source-down'
  /** The gateway itself was not running. */
  | 'gateway-down'
  /** The mapping was changed, and the source was connected anew for it. */
  | 'reload'
  /** The server's queue overflowed, or its notifications skipped a number. */
  | 'source-overflow'
  /** Readings reached the gateway faster than its disk could take them, and its bounded memory ran out. */
  | 'store-overload'
  /** The buffer reached `maxSize` and its oldest segments were given up. */
  | 'buffer-full'
  /** Segments waited longer than `buffer.maxAge` and were given up. */
  | 'buffer-age'
  /** A stored segment or the buffer file was damaged. */
  | 'buffer-damaged'
  /** After a power cut: numbers that may have been given and are not used; what had them, if anything, is lost. */
  | 'numbers-skipped'
  /** One reading alone exceeded what a message may carry. */
  | 'too-large'
  /** The gateway's clock was set: timestamps of its own (Modbus) within the step may be missing or come twice. */
  | 'clock-step';

export interface Gap {
  readonly reason: GapReason;
  /** The source concerned; absent when the whole gateway is. */
  readonly source?: string;
  /** The tags concerned; absent when all tags of the source are. */
  readonly tags?: readonly string[];
  readonly from: Timestamp;
  /** `null`: it has begun and its end is not known yet; a second record with the same `from` closes it. */
  readonly to: Timestamp | null;
  /** How many readings were lost, when the gateway had accepted and counted them. */
  readonly count?: number;
  /**
   * Readings of this time that were had afterwards, from the history of the server; they come by the backfill lane.
   * A third record with the same `from` and `to`.
   */
  readonly recovered?: number;
  /** Whether nothing of this time is missing any more, or never was: the server had kept it. */
  readonly complete?: boolean;
  /** Numbers lost, when the readings had been numbered: first and last of one epoch. */
  readonly range?: { readonly epoch: string; readonly first: number; readonly last: number };
}
