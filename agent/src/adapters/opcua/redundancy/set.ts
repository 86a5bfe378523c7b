// The servers of a redundant set, and what is known of them: it outlives every adapter.

import type { ConnectionFacts } from '../../adapter.ts';
import { type Kept, keep } from '../kept.ts';
import type { FailoverMode } from '../source/failover.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { type Roster, roster } from '../source/roster.ts';
import { type Chooser, chooser, HYSTERESIS, type Hysteresis, healthOf } from './chooser.ts';
import type { Clock } from './clocks.ts';

/** What adapters of one source share, for the life of the process. */
export interface ServerSet {
  readonly options: readonly OpcUaOptions[];
  readonly kept: readonly Kept[];
  /** The tags, the same for all. */
  readonly roster: Roster;
  readonly chooser: Chooser;
  /** How each stands by; undefined until it was asked. */
  readonly modes: (FailoverMode | undefined)[];
  readonly clocks: (Clock | undefined)[];
  /** The server in use. */
  active: number;
}

/** @param endpoints of servers that serve the same; the first is preferred among equals */
export function redundantSet(options: OpcUaOptions, endpoints: readonly string[], more?: Hysteresis): ServerSet {
  const tags = roster(options.tags, options.publishing);
  const each = endpoints.map((endpoint) => ({ ...options, endpoint }));
  return {
    options: each,
    roster: tags,
    kept: each.map((one) => keep(one, undefined, tags)),
    chooser: chooser(endpoints.length, more ?? HYSTERESIS),
    modes: each.map(() => undefined),
    clocks: each.map(() => undefined),
    active: 0,
  };
}

/** What `/status` shows of it: each server by its endpoint, with its ServiceLevel and how it stands by. */
export function standing({
  options,
  chooser,
  kept,
  modes,
  active,
}: ServerSet): NonNullable<ConnectionFacts['servers']> {
  return options.map(({ endpoint }, i) => {
    const level = chooser.level(i);
    const mode = kept[i]?.restless ? 'cold' : (modes[i] ?? null);
    return { endpoint, serviceLevel: level ?? null, health: healthOf(level), mode, used: i === active };
  });
}
