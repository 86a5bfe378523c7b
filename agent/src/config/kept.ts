// The last mappings that were applied, as files beside the buffer: what ran on Tuesday night can be looked up and put
// back. Each is a folder with its files and what it changed.

import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import type { LoadedFile } from './load.ts';

const MOST = 10;

export interface KeptMapping {
  readonly files: readonly LoadedFile[];
  readonly hash: string;
  /** ms since 1970. */
  readonly at: number;
  /** What it changed, as lines. */
  readonly diff: readonly string[];
}

/** Keeps a mapping in `folder` and lets go of the oldest beyond ten. Resolves with its place. */
export async function keepMapping(folder: string, { files, hash, at, diff }: KeptMapping): Promise<string> {
  const name = `${new Date(at).toISOString().replace(/[:.]/g, '-')}-${hash.slice(0, 12)}`;
  const place = join(folder, name);
  const draft = join(folder, `.${name}`);
  await rm(draft, { recursive: true, force: true });
  const root = dirname(files[0]?.path ?? '.');
  for (const { path, text } of files) {
    if (text === undefined) continue;
    const within = relative(root, path);
    const file = join(
      draft,
      within.startsWith('..') || isAbsolute(within) ? join('elsewhere', basename(path)) : within,
    );
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  await writeFile(join(draft, 'CHANGES.txt'), diff.map((line) => `${line}\n`).join(''));
  await rm(place, { recursive: true, force: true });
  await rename(draft, place);
  const all = (await readdir(folder)).filter((one) => /^\d{4}-/.test(one)).sort();
  for (const old of all.slice(0, -MOST)) await rm(join(folder, old), { recursive: true, force: true });
  return place;
}
