// What is to be done with the readings of one tag. The mapping's words; see docs/mapping.md.

import type { Scaling } from './scaling.ts';

export interface Rule {
  /** `Tag.index`. */
  readonly tag: number;
  readonly scale?: Scaling;
  readonly deadband?: { readonly kind: 'absolute' | 'percent'; readonly size: number };
  /** Lowest and highest value in engineering units, for a deadband in percent. */
  readonly range?: readonly [number, number];
  /** Values beyond these two become them, in engineering units. */
  readonly clamp?: readonly [number, number];
  /** Largest error in engineering units. */
  readonly swingingDoor?: number;
  /** Milliseconds. */
  readonly heartbeat?: number;
}
