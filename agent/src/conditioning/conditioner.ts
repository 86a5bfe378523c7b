// Conditioning: decides which readings are worth sending, tag by tag: scaling, deadband, swinging door, heartbeat.
// Promises: pure but for its own state, no I/O, no clock of its own; a tag without a rule passes untouched; a change
// of status always passes; what is withheld is counted.

import type { Batch } from '../model/batch.ts';
import type { Timestamp } from '../model/time.ts';

/** What is to be done with the readings of one tag. */
export interface Rule {
  /** `Tag.index`. */
  readonly tag: number;
  readonly scale?: { readonly from: readonly [number, number]; readonly to: readonly [number, number] };
  readonly deadband?: { readonly kind: 'absolute' | 'percent'; readonly size: number };
  /** Lowest and highest value in engineering units, for a deadband in percent. */
  readonly range?: readonly [number, number];
  /** Largest error in engineering units. */
  readonly swingingDoor?: number;
  /** Milliseconds. */
  readonly heartbeat?: number;
}

export interface Conditioner {
  /** The readings to send; the very same batch when all of them are to be sent as they are. Gaps always pass. */
  apply(batch: Batch, now: Timestamp): Batch;
  /** What has become due without a new reading: heartbeats, and points a swinging door has held long enough. */
  due(now: Timestamp): Batch | undefined;
  /** What the source says of a tag. The mapping's own range wins over it. */
  describe(tag: number, facts: { readonly range?: readonly [number, number] }): void;
  /** Forgets what was last sent: the next reading of each tag passes. Returns points a swinging door still held. */
  forget(tags: Iterable<number>): Batch | undefined;
  /** Everything still held, before the gateway stops. */
  flush(): Batch | undefined;
  /** Readings that were not sent, since the start. */
  readonly withheld: number;
}

export function conditioner(_rules: Iterable<Rule>): Conditioner {
  return {
    apply: (batch) => batch,
    due: () => undefined,
    describe() {},
    forget: () => undefined,
    flush: () => undefined,
    withheld: 0,
  };
}
