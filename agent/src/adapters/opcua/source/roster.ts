// The tags of a source while it lives: they come and go with the mapping, the connection stays. Every tag has a position
// that is never another tag's, so that what refers to one (a client handle, a gap to be filled) cannot meet a stranger.

import type { OpcUaTag } from './options.ts';

/** In `indices`, of a tag that is gone: nothing is delivered for it. */
export const GONE = 0xffff_ffff;

export interface Roster {
  /** By position; undefined: the mapping does not have it any more. */
  readonly tags: readonly (OpcUaTag | undefined)[];
  /** `Tag.index` by position, or GONE: for the hot path. Another array after a change. */
  readonly indices: Uint32Array;
  /** Positions of the tags there are. */
  readonly positions: readonly number[];
  /** The shortest publishing interval that they need, ms. */
  readonly publishing: number;
  /** Counts the changes. */
  readonly version: number;
  /** From now on these are the tags; those with an index known before stay as they are. */
  become(tags: readonly OpcUaTag[], publishing: number): void;
  /** Resolves when there was a change since `version`, or the signal aborted. */
  changed(version: number, signal: AbortSignal): Promise<void>;
}

export function roster(first: readonly OpcUaTag[], pace: number): Roster {
  const tags: (OpcUaTag | undefined)[] = [...first];
  let indices = Uint32Array.from(first, ({ index }) => index);
  let positions = [...first.keys()];
  let publishing = pace;
  let version = 0;
  const waiting = new Set<() => void>();

  return {
    tags,
    get indices() {
      return indices;
    },
    get positions() {
      return positions;
    },
    get publishing() {
      return publishing;
    },
    get version() {
      return version;
    },
    become(next, pace) {
      publishing = pace;
      const coming = new Map(next.map((tag) => [tag.index, tag]));
      let changes = 0;
      for (const position of positions) {
        if (coming.delete((tags[position] as OpcUaTag).index)) continue;
        tags[position] = undefined;
        changes += 1;
      }
      if (changes + coming.size === 0) return;
      tags.push(...coming.values());
      indices = Uint32Array.from(tags, (tag) => tag?.index ?? GONE);
      positions = [...tags.keys()].filter((position) => tags[position] !== undefined);
      version += 1;
      for (const wake of waiting) wake();
    },
    changed(since, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (signal.aborted || version !== since) return Promise.resolve();
      const wake = () => resolve();
      waiting.add(wake);
      signal.addEventListener('abort', wake);
      return promise.finally(() => {
        waiting.delete(wake);
        signal.removeEventListener('abort', wake);
      });
    },
  };
}
