// What doctor says of one link of a chain, and the sections it looks along. Probes are one file each: a thin shell
// that asks the system or the network with a deadline, and a pure verdict over what it was told.

import type { Finding } from '../adapters/survey.ts';

/** A link as it was found. `unseen` could not be looked at from here; the words say why. */
export type Look = Omit<Finding, 'verdict'> & { readonly verdict: Finding['verdict'] | 'unseen' };

/** A chain of links that belong together: this machine, the hub, one source. */
export interface Section {
  /** For people: `flare-plc  modbus-tcp 10.20.4.7:502`. */
  readonly title: string;
  /** For programs: machine, data, clock, hub, source, host. */
  readonly kind: string;
  /** Each link; after `broken` a chain that depends on it ends. Ends early when `signal` aborts. */
  look(signal: AbortSignal): AsyncIterable<Look>;
}

export const good = (step: string, what: string): Look => ({ step, verdict: 'good', what });
export const odd = (step: string, what: string, mend: string): Look => ({ step, verdict: 'odd', what, mend });
export const broken = (step: string, what: string, mend: string): Look => ({ step, verdict: 'broken', what, mend });
export const unseen = (step: string, what: string, mend?: string): Look => ({
  step,
  verdict: 'unseen',
  what,
  ...(mend !== undefined && { mend }),
});

/** Rejects when `work` takes longer than `ms`; `signal` of the work aborts then, so that nothing of it goes on. */
export async function within<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const stop = () => ending.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Late(ms)), ms);
  try {
    return await Promise.race([work(ending.signal), late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    ending.abort();
  }
}

/** Nothing came in time. */
export class Late extends Error {
  override readonly name = 'Late';
  readonly code = 'ETIMEDOUT';

  constructor(ms: number) {
    super(`no answer within ${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}`);
  }
}

/** `code` of a system or TLS error, of the first address where a name had several. */
export function codeOf(thrown: unknown): string | undefined {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  const { code } = (thrown ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** 1,234,000 → `1.2 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** 2.345 → `2.3 ms`, 125 → `125 ms`, 12,400 → `12.4 s`. */
export function duration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
