// The checks of sources and tags of any protocol that need more than one key: what a schema of single fields cannot
// know. Each takes what was written and reports findings; where they stand in a file is the caller's business.

import type { Part } from './document.ts';

/** Reports one finding. `path` is relative to what is checked; an empty path is its name. */
export type Report = (path: readonly string[], part: Part, message: string) => void;

interface Thinning {
  readonly deadband?: unknown;
  readonly swingingDoor?: unknown;
}

export function checkThinning(tag: Thinning, report: Report): void {
  if (tag.deadband === undefined || tag.swingingDoor === undefined) return;
  report(['swingingDoor'], 'key', 'deadband and swingingDoor would add their errors: write one of them');
}

interface Clamping {
  readonly clamp?: boolean | undefined;
  readonly range?: unknown;
  readonly scale?: unknown;
}

/** What is clamped needs two ends. */
export function checkClamp(name: string, tag: Clamping, report: Report): void {
  if (tag.clamp !== true || tag.range !== undefined || tag.scale !== undefined) return;
  report(['clamp'], 'key', `clamp keeps ${name} within its range: it needs a range, like range: [0, 250], or a scale`);
}

/** The same for what a source gives all its tags. */
export function checkDefaults(defaults: unknown, report: Report): void {
  if (typeof defaults !== 'object' || defaults === null) return;
  checkThinning(defaults, (path, part, message) => report(['defaults', ...path], part, message));
}
