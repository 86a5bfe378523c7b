// What the check of a mapping asks of a protocol. A protocol is one file here and one in ../schema; protocols.ts
// lists them.

import type { z } from 'zod';
import type { Report } from '../checks.ts';
import type { Origin } from '../origin.ts';
import type { ResolvedSource, ResolvedTag } from '../plant.ts';

export interface Protocol<Source, Tag> {
  readonly sourceSchema: z.ZodObject;
  readonly tagSchema: z.ZodType;
  /** What holds for a source as a whole, as it is written. `warn` is for what may run. */
  checkSource(name: string, source: Fields, today: Date, report: Report, warn: Report): void;
  /** What needs more than one key of a tag. Of the source those keys are there that have no mistake. */
  checkTag(name: string, tag: Tag, source: Partial<Source>, report: Report): void;
  /** What is odd among the tags of a source without mistakes. */
  checkTags(tags: readonly Placed[], source: Source, warn: Warn): void;
  /** The tag with every default filled in. */
  resolveTag(name: string, tag: Tag, source: Partial<Source>): ResolvedTag;
  /** The source with every default filled in. */
  resolveSource(name: string, config: Source, tags: readonly ResolvedTag[]): ResolvedSource;
}

/** A tag without a mistake of its own, as it is written and as it is resolved. */
export interface Placed {
  readonly tag: ResolvedTag;
  readonly value: Fields;
  readonly origin: Origin;
}

/** Warns at a key of a tag (an empty path is its name), or at a key of the source. */
export type Warn = (at: Origin | 'source', path: readonly string[], message: string) => void;

export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value of YAML is a map of keys. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
