// Whether a ring is well: from the figures of a moment, the ring's rule and the clock. Pure. The hub works its counts out
// now and then, so an old count must never let a ring through: what is expected is asked afresh.

import { formatDuration } from '../agent/src/config/units.ts';

export interface Figures {
  /** Gateways of the rings that are open, counted now. */
  readonly expected: number;
  /** Counts of the hub: fit the condition; done with the deployment. */
  readonly targeted: number;
  readonly successful: number;
  /** Run the version and say that they are well, as the hub counted. */
  readonly good: number;
  /** Could not take it, or run it and are in trouble, for longer than the plan allows. */
  readonly failing: readonly string[];
}

export interface Rule {
  readonly name: string;
  readonly healthy: number;
  readonly maxFailing: number;
  /** ms */
  readonly within: number;
  readonly soak: number;
}

export type Verdict =
  | { readonly is: 'failed'; readonly why: string }
  /** `counted`: the hub's counts are of now, and short; without it they are not known. */
  | { readonly is: 'waiting'; readonly why: string; readonly counted: boolean }
  | { readonly is: 'soaking'; readonly left: number }
  | { readonly is: 'passed' };

/** @param opened when the ring got it, @param healthy since when it is well, undefined when it was not */
export function judge(rule: Rule, figures: Figures, opened: number, healthy: number | undefined, now: number): Verdict {
  const { expected, targeted, successful, good, failing } = figures;
  if (failing.length > rule.maxFailing) {
    const names = `${failing.slice(0, 5).join(', ')}${failing.length > 5 ? ', …' : ''}`;
    const why = `${failing.length} of ${expected} gateways failing, ${rule.maxFailing} allowed: ${names}`;
    return { is: 'failed', why };
  }
  const needed = Math.ceil(expected * rule.healthy - 1e-9);
  const why = shortOf({ needed, expected, targeted, successful, good });
  if (why === undefined) {
    const left = rule.soak - (now - (healthy ?? now));
    return left <= 0 ? { is: 'passed' } : { is: 'soaking', left };
  }
  if (now - opened > rule.within) return { is: 'failed', why: `${why} after ${formatDuration(rule.within)}` };
  // After every write the hub counts anew, and for a while has counted nothing.
  return { is: 'waiting', why, counted: targeted >= expected };
}

interface Progress {
  readonly needed: number;
  readonly expected: number;
  readonly targeted: number;
  readonly successful: number;
  readonly good: number;
}

function shortOf({ needed, expected, targeted, successful, good }: Progress): string | undefined {
  if (targeted < expected) return `the hub has counted ${targeted} of ${expected} gateways`;
  if (successful < needed) return `${successful} of ${expected} gateways have it, ${needed} needed`;
  if (good < needed) return `${good} of ${expected} gateways are well with it, ${needed} needed`;
  return undefined;
}
