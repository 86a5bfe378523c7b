// The bench's own folder, ignored by git: what is fetched or derived once and may be deleted at any time.
// A file appears there whole or not at all.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
/** cloud/terraform of this repository. */
export const TERRAFORM = join(ROOT, 'cloud', 'terraform');

/** FIELDGATE_CACHE names another folder, for several clones that want to share one. */
export function cacheFolder(...parts: string[]): string {
  const folder = join(process.env.FIELDGATE_CACHE ?? join(ROOT, '.cache'), 'terraform', ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes beside and renames, so that a second process never reads half a file. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}
