// The files of a host, also of one that is mounted somewhere: `docker run -v /:/host:ro … doctor --host --root /host`.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../../model/fault.ts';
import { codeOf, type Look, unseen } from '../look.ts';

/** More than any file that is read here; a dpkg status of a large system has 5 MB. */
const MOST_BYTES = 32_000_000;

export type Read = { readonly text: string } | { readonly absent: true } | { readonly why: string };

/** The text of `path` below `root`; never rejects. */
export async function read(root: string, path: string): Promise<Read> {
  try {
    const at = join(root, path);
    if ((await stat(at)).size > MOST_BYTES) return { why: 'it is too large' };
    return { text: await readFile(at, 'utf8') };
  } catch (thrown) {
    return codeOf(thrown) === 'ENOENT' ? { absent: true } : { why: describe(thrown) };
  }
}

/** What is said of a file that this user may not look into. */
export const hidden = (step: string, path: string, why: string): Look =>
  unseen(step, `${path} cannot be read: ${why}`, 'run it as root (sudo, or docker run --user 0)');
