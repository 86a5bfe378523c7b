// What the deployments of a layer, as the hub has them, mean for the next one: whether it begins, goes on, is done, or must
// not be. Also which of them nobody needs any more. Pure.

import { type Content, digestOf, idOf, type Stored } from './deployment.ts';
import { Trouble } from './trouble.ts';

export interface Wanted {
  readonly name: string;
  readonly version: string;
  readonly content: Content;
  /** Least priority of the layer. */
  readonly priority: number;
}

export type Decision =
  /** Not there yet. */
  | { readonly to: 'begin'; readonly id: string; readonly priority: number; readonly before: Stored | undefined }
  /** There, and not at its end. */
  | { readonly to: 'go on'; readonly stored: Stored }
  /** Stopped: what went before must stand above it. */
  | { readonly to: 'go back'; readonly stored: Stored }
  | { readonly to: 'rest'; readonly stored: Stored };

/** Deployments of a layer, the one that wins last. */
export function historyOf(all: readonly Stored[], layer: string): Stored[] {
  const own = all.filter(({ foreign, memory }) => !foreign && memory.layer === layer);
  return own.sort((a, b) => a.priority - b.priority);
}

/** @throws Trouble when it must not be */
export function decide(all: readonly Stored[], wanted: Wanted): Decision {
  const id = idOf(wanted.name, wanted.version);
  const history = historyOf(all, wanted.name);
  const top = history.at(-1);
  const stored = all.find((one) => one.id === id);
  if (stored === undefined) {
    // One that is closed was given to nobody: it may stay as it is.
    if (top?.memory.state === 'rolling')
      throw new Trouble('refused', `${top.id} is being rolled out: finish it, or take it back with rollback`);
    const priority = Math.max(wanted.priority, ...history.map((one) => one.priority + 1));
    return { to: 'begin', id, priority, before: top };
  }
  if (stored.foreign) throw new Trouble('refused', `${id} is there and not ours: choose another version, or remove it`);
  if (stored.digest !== digestOf(wanted.content))
    throw new Trouble(
      'refused',
      `${id} is there with other content, and content cannot be changed: give the manifest a version of its own`,
    );
  const { state } = stored.memory;
  if (state === 'stopped') return { to: 'go back', stored };
  if (top !== undefined && top.id !== id)
    throw new Trouble('refused', `${top.id} stands above ${id}: publish a higher version`);
  return { to: state === 'closed' || state === 'rolling' ? 'go on' : 'rest', stored };
}

/** What ran before `stored`: the last of its layer below it that was well, or was put above one that was not. */
export function before(all: readonly Stored[], stored: Stored): Stored | undefined {
  return historyOf(all, stored.memory.layer).findLast(
    ({ priority, memory }) => priority < stored.priority && (memory.state === 'done' || memory.state === 'back'),
  );
}

/** `fieldgate-1-4-1-after-1-4-2`: earlier content above a version that was stopped. */
export function backId(stored: Stored, earlier: Stored): string {
  return idOf(stored.memory.layer, earlier.memory.version, 'after', stored.memory.version);
}

/**
 * Those that may be removed: below a deployment of their layer that everybody has, and not the one that a way back would
 * take. Removing one that somebody still runs would leave it there, but nobody could tell any more.
 */
export function removable(all: readonly Stored[]): Stored[] {
  const layers = new Set(all.filter(({ foreign }) => !foreign).map(({ memory }) => memory.layer));
  return [...layers].flatMap((layer) => {
    const history = historyOf(all, layer);
    const top = history.at(-1);
    if (top === undefined || top.memory.state !== 'done' || !everywhere(top)) return [];
    const kept = before(all, top);
    return history.filter((one) => one !== top && one !== kept);
  });
}

function everywhere({ counts }: Stored): boolean {
  const { targetedCount = 0, reportedSuccessfulCount = 0 } = counts;
  return targetedCount > 0 && reportedSuccessfulCount >= targetedCount;
}
