// Whether the server of a link is still there. TCP does not tell when packets are swallowed, and a server with nothing to
// say sends a keep-alive every few seconds only. So a link on which nothing came for a while is asked something cheap,
// one question at a time; one that stays silent is suspected. Any byte is a sign of life, so a link on which readings
// come costs nothing. Suspicion is no verdict: a PLC may be busy. What comes of it others decide (../takeover.ts).

import type { Fault } from '../../../model/fault.ts';

/** How often is looked, ms. */
const TICK = 100;

/** Slowest answers count this many times over: a server is known to be slow only from what it did before. */
const MARGIN = 3;

/** What is known at a moment; durations in ms. */
export interface Moment {
  /** Since when nothing came. */
  readonly silent: number;
  /** For how long a question has waited for its answer; undefined: none is asked. */
  readonly unanswered: number | undefined;
  /** A call is under way that any server may take its time for. */
  readonly busy: boolean;
  /** The slowest of the latest answers. */
  readonly slowest: number;
}

/** @param quiet silence after which is asked, and least patience with the answer, ms */
export function judge({ silent, unanswered, busy, slowest }: Moment, quiet: number): 'well' | 'ask' | 'suspect' {
  if (silent < quiet) return 'well';
  if (unanswered === undefined) return 'ask';
  const patience = patienceWith(slowest, quiet);
  return !busy && Math.min(unanswered, silent - quiet) >= patience ? 'suspect' : 'well';
}

/** How long an answer is waited for, ms. */
const patienceWith = (slowest: number, quiet: number) => Math.max(quiet, MARGIN * slowest);

export interface PulseOptions {
  /** Silence after which is asked, ms. */
  readonly quiet: number;
  /** Silence after which the link is given up, ms. */
  readonly limit: number;
  /** The same where the server was seen to answer on another link; never less than the patience with its answers. */
  readonly shunned: number;
  /** Bytes that came so far. */
  received(): number;
  /** Asks something that every server answers at once. Rejects with a Fault. */
  ask(): Promise<unknown>;
  busy(): boolean;
  slowest(): number;
  /** Told once when the silence has lasted for the limit. */
  dead(): void;
}

export interface Pulse {
  /** Resolves with true while the server is suspected to be gone; with false when the signal aborts first. */
  suspected(signal: AbortSignal): Promise<boolean>;
  /** Aborts when something comes. */
  revival(): AbortSignal;
  /** How long an answer is waited for before the server is suspected, ms. */
  patience(): number;
  /** Until something comes: the server answers on another link, and will not let this one's place be taken. */
  shun(): void;
  /** Looks now, not at the next tick. */
  look(): void;
  stop(): void;
}

export function startPulse(options: PulseOptions): Pulse {
  const { quiet, limit, shunned, received, ask, busy, slowest, dead } = options;
  let seen = received();
  let silent = 0;
  let unanswered: number | undefined;
  let open = false;
  /** It sends, and does not answer this question: its silence means nothing. */
  let mute = false;
  let suspect = false;
  let shun = false;
  let suspicion = Promise.withResolvers<true>();
  let revival = new AbortController();
  let last = performance.now();

  const question = () => {
    const before = seen;
    unanswered = 0;
    open = true;
    ask()
      .catch(({ code }: Fault) => {
        if (code === 'source.timeout' && received() !== before) mute = true;
      })
      .finally(() => {
        open = false;
        if (received() !== before) unanswered = undefined;
      });
  };
  const look = () => {
    const time = performance.now();
    // While the whole process was held up, nobody listened.
    const passed = Math.min(2 * TICK, time - last);
    last = time;
    if (received() !== seen) {
      seen = received();
      silent = 0;
      if (!open) unanswered = undefined;
      if (!suspect) return;
      suspect = false;
      shun = false;
      suspicion = Promise.withResolvers();
      revival.abort();
      revival = new AbortController();
      return;
    }
    silent += passed;
    if (unanswered !== undefined) unanswered += passed;
    if (mute) return;
    const verdict = judge({ silent, unanswered, busy: busy(), slowest: slowest() }, quiet);
    if (verdict === 'ask') question();
    else if (verdict === 'suspect') {
      suspect = true;
      suspicion.resolve(true);
    }
    const over = shun && !busy() ? Math.max(shunned, patienceWith(slowest(), quiet)) : limit;
    if (silent < Math.min(limit, over)) return;
    stop();
    dead();
  };
  const timer = setInterval(look, TICK);
  const stop = () => clearInterval(timer);

  return {
    async suspected(signal) {
      if (signal.aborted) return false;
      const { promise, resolve } = Promise.withResolvers<false>();
      const end = () => resolve(false);
      signal.addEventListener('abort', end, { once: true });
      const told = await Promise.race([suspicion.promise, promise]);
      signal.removeEventListener('abort', end);
      return told;
    },
    revival: () => revival.signal,
    patience: () => patienceWith(slowest(), quiet),
    shun() {
      shun = suspect;
    },
    look,
    stop,
  };
}
