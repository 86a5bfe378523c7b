// The one retry schedule: every reconnect, to a source or to a hub, waits by it.

export interface Backoff {
  /** First wait, ms. */
  readonly initial: number;
  readonly factor: number;
  /** Longest wait, ms, jitter included. */
  readonly max: number;
  /** Share of the wait that is random, 0..1, so that many gateways do not return to a rebooting server at once. */
  readonly jitter: number;
}

export const RECONNECT: Backoff = { initial: 500, factor: 2, max: 10_000, jitter: 0.3 };

/**
 * For a peer that is not there, or takes nobody yet: an attempt costs nobody much, and it is to be noticed soon that it is
 * back.
 */
export const ABSENT: Backoff = { ...RECONNECT, max: 2_000 };

/** How long to wait before attempt `attempt` (1 is the first repetition), ms. @param random from 0 to 1 */
export function wait({ initial, factor, max, jitter }: Backoff, attempt: number, random: number): number {
  const full = Math.min(max, initial * factor ** (attempt - 1));
  return Math.round(full * (1 - jitter * random));
}
