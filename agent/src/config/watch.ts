// Tells when files have changed and have come to rest. It looks at them at an interval instead of asking the system to
// be told: that works alike for an editor that writes a new file and renames it, for the symbolic link by which a
// mounted configuration is swapped as a whole, and for network file systems.

import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface WatchOptions {
  /** Asked at every look: which files matter may change with their content. */
  readonly files: () => readonly string[];
  /** How often it looks, ms. A change counts when two looks in a row find the same. */
  readonly interval: number;
  /** Whether the files have changed since they were last read; asked once, after the first look. Must not reject. */
  readonly stale?: () => Promise<boolean>;
  /** Called once for each change; the next look comes when it has ended. Must not reject. */
  readonly changed: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

/** Watches until the signal aborts. */
export async function watchFiles({ files, interval, stale, changed, signal }: WatchOptions): Promise<void> {
  const known = new Map<string, string>();
  const first = await look(files());
  const unread = (await stale?.()) === true;
  for (const [file, mark] of first) known.set(file, unread ? 'as it was' : mark);
  let before = first;
  while (!signal.aborted) {
    await sleep(interval, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const found = await look(files());
    const rests = [...found].every(([file, mark]) => before.get(file) === mark);
    before = found;
    // A file that the mapping names since its last change was read with it.
    for (const [file, mark] of found) if (!known.has(file)) known.set(file, mark);
    if (!rests || [...found].every(([file, mark]) => known.get(file) === mark)) continue;
    // Taken before the files are read: what changes while they are is found at the next look.
    for (const [file, mark] of found) known.set(file, mark);
    await changed();
  }
}

/** What tells one state of a file from another: which file its name leads to, its size and its last change. */
async function look(files: readonly string[]): Promise<Map<string, string>> {
  const marks = files.map((file) =>
    stat(file).then(
      ({ ino, size, mtimeMs }): [string, string] => [file, `${ino}:${size}:${mtimeMs}`],
      (): [string, string] => [file, 'none'],
    ),
  );
  return new Map(await Promise.all(marks));
}
