// The folders that the deployment binds into the containers: there, and owned by the users of the containers.

import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../../model/fault.ts';
import { broken, bytes, codeOf, good, type Look, odd } from '../look.ts';
import { hidden } from './files.ts';

export interface Folder {
  readonly path: string;
  readonly for: string;
  /** Number of the user who must own it; undefined: whoever, as long as others may read it. */
  readonly owner?: number;
  readonly mode: number;
}

/** @param data where the gateway keeps its buffer; @param edgeHub where edgeHub keeps its messages */
export const foldersOf = (data: string, edgeHub: string): readonly Folder[] => [
  { path: data, for: 'buffer and certificates of the gateway', owner: 10_001, mode: 0o700 },
  { path: edgeHub, for: "edgeHub's messages", owner: 1_000, mode: 0o700 },
  { path: '/etc/fieldgate', for: 'the mapping', mode: 0o755 },
  { path: '/etc/fieldgate-secrets', for: 'passwords of sources', owner: 10_001, mode: 0o500 },
];

/** With less free the next image cannot be pulled. */
const LITTLE_SPACE = 2_000_000_000;

/** @param found as stat(2) has it */
export function judgeFolder(folder: Folder, found: { readonly uid: number; readonly mode: number }): Look {
  const { path, owner, mode } = folder;
  const mend = installation(folder);
  const bits = found.mode & 0o777;
  if (owner !== undefined && found.uid !== owner) {
    return broken(
      'folder',
      `${path} belongs to user ${found.uid}, not to ${owner}: the container may not use it`,
      mend,
    );
  }
  if (owner === undefined && (bits & 0o005) !== 0o005) {
    return broken('folder', `${path} is closed to others (${bits.toString(8)}): the container may not read it`, mend);
  }
  if (owner !== undefined && (bits & 0o077) !== 0) {
    return odd(
      'folder',
      `${path} is open to others (${bits.toString(8)}): ${folder.for}`,
      `chmod ${mode.toString(8)} ${path}`,
    );
  }
  return good('folder', `${path}: ${folder.for}`);
}

const installation = ({ path, owner, mode }: Folder): string =>
  `sudo install -d ${owner === undefined ? '' : `-o ${owner} -g ${owner} `}-m ${mode.toString(8)} ${path}`;

export async function folder(root: string, wanted: Folder): Promise<Look[]> {
  try {
    const at = join(root, wanted.path);
    const found = await stat(at);
    if (!found.isDirectory()) return [broken('folder', `${wanted.path} is no folder`, installation(wanted))];
    const look = judgeFolder(wanted, found);
    if (wanted.owner === undefined || look.verdict === 'broken') return [look];
    const { bavail, bsize } = await statfs(at);
    const free = bavail * bsize;
    if (free >= LITTLE_SPACE) return [{ ...look, what: `${look.what}; ${bytes(free)} free` }];
    return [
      look,
      odd('space', `${bytes(free)} free at ${wanted.path}`, 'a release needs some 300 MB, a backlog its maxSize'),
    ];
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') return [hidden('folder', wanted.path, describe(thrown))];
    const what = `${wanted.path} is not there (${wanted.for})`;
    // Without passwords of sources nobody needs that folder.
    if (wanted.mode === 0o500) return [odd('folder', what, `where a source has a user: ${installation(wanted)}`)];
    return [broken('folder', what, installation(wanted))];
  }
}
