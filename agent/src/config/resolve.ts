// Fills in what a tag of any protocol leaves out: the defaults of its source, then those of the language. What is
// written on the tag wins; a default that cannot apply to the tag's type (compression of a string) is left out.

import type { Deadband } from './fields.ts';

interface Basis {
  readonly unit?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: 'normal' | 'high' | undefined;
  readonly deadband?: Deadband | undefined;
  readonly range?: [number, number] | undefined;
  readonly heartbeat?: number | undefined;
  readonly swingingDoor?: number | undefined;
  readonly scale?: { from: [number, number]; to: [number, number] } | undefined;
  readonly clamp?: boolean | undefined;
}

/** What a source may give all its tags. */
export type Defaults = Pick<Basis, 'priority' | 'deadband' | 'heartbeat' | 'swingingDoor'>;

/** The keys that tags of every protocol have, filled in. */
export function basis(tag: Basis, defaults: Defaults) {
  return {
    unit: tag.unit,
    // An empty cell of CSV is none, so neither is an empty text.
    description: tag.description || undefined,
    priority: tag.priority ?? defaults.priority ?? ('normal' as const),
    // Two ways to thin out one signal would add their errors: the one on the tag replaces the one of the source.
    deadband: tag.deadband ?? (tag.swingingDoor === undefined ? defaults.deadband : undefined),
    swingingDoor: tag.swingingDoor ?? (tag.deadband === undefined ? defaults.swingingDoor : undefined),
    range: rangeOf(tag),
    heartbeat: tag.heartbeat ?? defaults.heartbeat,
    scale: tag.scale,
    clamp: tag.clamp,
  };
}

/** The range of the signal: as written, else what the scaling leads to. */
export function rangeOf(tag: Pick<Basis, 'range' | 'scale'>): readonly [number, number] | undefined {
  if (tag.range !== undefined || tag.scale === undefined) return tag.range;
  const [a, b] = tag.scale.to;
  return a < b ? [a, b] : [b, a];
}

/** The defaults for a signal that is no number: any deadband means "when it changes". */
export function numberless(defaults: Defaults): Defaults {
  return {
    priority: defaults.priority,
    heartbeat: defaults.heartbeat,
    deadband: defaults.deadband === undefined ? undefined : { kind: 'absolute', size: 0 },
  };
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the keys that hold undefined: a resolved tag has a key or has it not. */
export function defined<T extends object>(tag: T): Defined<T> {
  const result: Record<string, unknown> = {};
  for (const key in tag) if (tag[key] !== undefined) result[key] = tag[key];
  return result as Defined<T>;
}
