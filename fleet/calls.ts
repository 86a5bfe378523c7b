// Calls to the service, with patience: each within its minute's budget, again after what passes by itself, never again
// where it is not known whether a write was done. 429 comes without Retry-After, so the wait is ours: ten seconds and more.

import { describe } from '../agent/src/model/fault.ts';
import { Budget } from './budget.ts';
import type { Clock } from './clock.ts';
import { statusOf } from './connection.ts';
import { Trouble } from './trouble.ts';

export interface CallsOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Of the hub: each has its own share of calls. */
  readonly units?: number | undefined;
  /** Longest that one thing is tried, ms. */
  readonly patience?: number | undefined;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
  /** Said when a call must wait or is tried again. */
  readonly told?: ((text: string) => void) | undefined;
}

/** Operations on configurations (create, update, list, delete) and queries: each kind, a minute and unit. */
const PER_MINUTE = 20;
/** Of TLS: no patience makes a certificate right. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
]);
/** Long enough for a service that is being updated. */
const PATIENCE = 15 * 60_000;

export interface Counts {
  /** When each write was done, in order, ms. */
  readonly writes: number[];
  calls: number;
  throttled: number;
  repeated: number;
}

type Kind = 'configurations' | 'queries' | 'enrolment';

export class Calls {
  readonly counts: Counts = { writes: [], calls: 0, throttled: 0, repeated: 0 };
  readonly #options: CallsOptions;
  readonly #budgets: Readonly<Record<Kind, Budget>>;

  constructor(options: CallsOptions) {
    this.#options = options;
    const { clock, units = 1 } = options;
    const budget = () => new Budget(clock, PER_MINUTE * units);
    this.#budgets = { configurations: budget(), queries: budget(), enrolment: budget() };
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Reads until there is an answer that `accept` takes. `missing` when the service says that there is no such thing. */
  async read<T>(
    what: string,
    kind: Kind,
    work: () => Promise<T>,
    accept: (answer: T) => boolean,
  ): Promise<T | 'missing'> {
    const since = this.clock.now();
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#once(kind, work);
      if ('answer' in outcome && accept(outcome.answer)) return outcome.answer;
      const problem = 'answer' in outcome ? new Error('the answer is not what was asked for') : outcome.thrown;
      if (statusOf(problem) === 404) return 'missing';
      await this.#patience(what, problem, since, attempt);
    }
  }

  /** Writes once it is let in. `unsure`: read what is there before anything else. `conflict`: somebody else was faster. */
  async write(what: string, kind: Kind, work: () => Promise<unknown>): Promise<'done' | 'unsure' | 'conflict'> {
    const since = this.clock.now();
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#once(kind, work);
      if ('answer' in outcome || isUnsure(outcome.thrown)) this.counts.writes.push(this.clock.now());
      if ('answer' in outcome) return 'done';
      const status = statusOf(outcome.thrown);
      if (status === 409 || status === 412) return 'conflict';
      await this.#patience(what, outcome.thrown, since, attempt);
      if (status !== 429) return 'unsure';
    }
  }

  async #once<T>(kind: Kind, work: () => Promise<T>): Promise<{ answer: T } | { thrown: unknown }> {
    this.#options.signal?.throwIfAborted();
    this.counts.calls++;
    return this.#budgets[kind].spend(
      () =>
        work().then(
          (answer) => ({ answer }),
          (thrown: unknown) => ({ thrown }),
        ),
      this.#options.signal,
    );
  }

  /** Waits before the next attempt. @throws Trouble when there is to be none */
  async #patience(what: string, problem: unknown, since: number, attempt: number): Promise<void> {
    const { random = Math.random, patience = PATIENCE, told, signal, clock } = this.#options;
    if (problem instanceof Trouble) throw problem;
    const status = statusOf(problem);
    const said = `${what}: ${status === undefined ? '' : `status ${status}, `}${describe(problem)}`;
    if (status === 401 || status === 403)
      throw new Trouble('denied', `${said}. Owner is not enough: see docs/fleet.md for the roles`, problem);
    if (status !== undefined && status < 500 && status !== 429 && status !== 408)
      throw new Trouble('refused', said, problem);
    if (UNTRUSTED.has((problem as { code?: unknown } | null)?.code))
      throw new Trouble('service', `${said}. Name its CA in NODE_EXTRA_CA_CERTS`, problem);
    if (clock.now() - since > patience) throw new Trouble('service', `${said}; tried ${attempt} times`, problem);
    if (status === 429) this.counts.throttled++;
    this.counts.repeated++;
    const [first, most] = status === 429 ? [10_000, 60_000] : [2_000, 30_000];
    // Jitter is added, never taken away: ten seconds are the least.
    const wait = Math.min(most, first * 1.5 ** (attempt - 1)) * (1 + 0.3 * random());
    told?.(`${said}; again in ${Math.round(wait / 1_000)} s`);
    await clock.sleep(wait, signal);
  }
}

/** Whether a write that failed may have been done all the same. */
function isUnsure(thrown: unknown): boolean {
  const status = statusOf(thrown);
  return status === undefined || status >= 500;
}
