// The swinging door: thins out a signal so that straight lines between the readings that are sent miss none of those
// that are not by more than the error. Invariants, per tag:
//   1. `anchor` is the last reading that was sent, `held` the newest one that was not: it ends the line from the anchor.
//   2. Every reading withheld between the two lies within the error of the straight line from anchor to held.
//   3. `low`..`high` are the slopes from the anchor for which 2 holds; a reading becomes `held` only if its own slope
//      is one of them. (The textbook door asks only that some line exists, which doubles the error.)

/** The state of the doors of many tags, in columns; `slot` is a tag's place in them. */
export interface Doors {
  /** Whether the slot holds a reading that was not sent. */
  readonly holds: Uint8Array;
  readonly heldTime: Float64Array;
  readonly heldNumber: Float64Array;
  readonly heldKind: Uint8Array;
  readonly error: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export function doors(slots: number): Doors {
  return {
    holds: new Uint8Array(slots),
    heldTime: new Float64Array(slots),
    heldNumber: new Float64Array(slots),
    heldKind: new Uint8Array(slots),
    error: new Float64Array(slots),
    low: new Float64Array(slots).fill(Number.NEGATIVE_INFINITY),
    high: new Float64Array(slots).fill(Number.POSITIVE_INFINITY),
  };
}

/** Takes a reading as the one held, with nothing withheld before it. */
export function hold(door: Doors, slot: number, time: number, number: number, kind: number): void {
  door.holds[slot] = 1;
  door.heldTime[slot] = time;
  door.heldNumber[slot] = number;
  door.heldKind[slot] = kind;
}

/** Forgets the line; whoever calls it has sent what was held, or drops it with the rest. */
export function open(door: Doors, slot: number): void {
  door.holds[slot] = 0;
  door.low[slot] = Number.NEGATIVE_INFINITY;
  door.high[slot] = Number.POSITIVE_INFINITY;
}

/**
 * Whether a newer reading can take the place of the held one, which is then withheld for good; if so it has.
 * Times must be in order: anchor < held < the new one.
 */
export function swings(
  door: Doors,
  slot: number,
  anchorTime: number,
  anchorNumber: number,
  time: number,
  number: number,
  kind: number,
): boolean {
  const error = door.error[slot] as number;
  const elapsed = (door.heldTime[slot] as number) - anchorTime;
  const rise = (door.heldNumber[slot] as number) - anchorNumber;
  const low = Math.max(door.low[slot] as number, (rise - error) / elapsed);
  const high = Math.min(door.high[slot] as number, (rise + error) / elapsed);
  const slope = (number - anchorNumber) / (time - anchorTime);
  if (!(slope >= low && slope <= high)) return false;
  door.low[slot] = low;
  door.high[slot] = high;
  hold(door, slot, time, number, kind);
  return true;
}
