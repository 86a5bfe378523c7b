// Whether a unit is polled or left out. A unit that fails is left out and probed with one request, after 1 s, then
// 2 s, up to 60 s, so that it costs its neighbours on the line next to nothing; any answer brings it back at once.
// Pure: one state, one transition per event.

export type Health =
  /** `strikes`: failures in a row, in shares of what makes a unit be left out. */
  | { readonly kind: 'well'; readonly strikes: number }
  /** `until`: when the next probe is due, monotonic ms. `silent`: nothing understandable came from the unit. */
  | { readonly kind: 'left-out'; readonly until: number; readonly pause: number; readonly silent: boolean };

export interface Patience {
  /** ms until the first probe of a unit that is left out */
  readonly firstProbe: number;
  /** ms between probes in the end */
  readonly lastProbe: number;
  /** ms until something that a device refused is asked for again; what was read before is asked for like a unit, up to this */
  readonly refusal: number;
}

export const PATIENCE: Patience = { firstProbe: 1_000, lastProbe: 60_000, refusal: 300_000 };

export const WELL: Health = { kind: 'well', strikes: 0 };

/** One lost reply is an accident, two in a row are a dead unit. */
export const SILENCE = 1 / 2;

/**
 * The state after a failure.
 * @param share of what makes a unit be left out: SILENCE; or one in as many requests as the unit has, for a device
 *   that answers with an exception, because its other blocks may be well
 */
export function struck(health: Health, share: number, silent: boolean, now: number, patience: Patience): Health {
  if (health.kind === 'left-out') {
    const pause = Math.min(health.pause * 2, patience.lastProbe);
    return { kind: 'left-out', until: now + pause, pause, silent };
  }
  const strikes = health.strikes + share;
  // Shares such as 1/3 do not quite add up to 1.
  if (strikes < 0.999) return { kind: 'well', strikes };
  return { kind: 'left-out', until: now + patience.firstProbe, pause: patience.firstProbe, silent };
}
