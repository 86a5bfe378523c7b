// The data folder, where buffer and certificates live: may the gateway write there, on what kind of file system, and is
// there room for what the mapping asks for?

import { open, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { broken, bytes, codeOf, good, type Look, odd } from './look.ts';

/** `f_type` of Linux' statfs(2) for those that keep a buffer badly. */
const FILE_SYSTEMS: Readonly<Record<number, { readonly name: string; readonly kind: 'network' | 'memory' | 'layer' }>> =
  {
    26985: { name: 'NFS', kind: 'network' },
    20859: { name: 'SMB', kind: 'network' },
    4283649346: { name: 'CIFS', kind: 'network' },
    4266872130: { name: 'SMB', kind: 'network' },
    16914836: { name: 'tmpfs', kind: 'memory' },
    2035054128: { name: 'overlay', kind: 'layer' },
  };
/** With less than this nothing can be committed. */
const NO_SPACE = 64_000_000;

export interface Space {
  /** `f_type` */
  readonly type: number;
  /** Bytes that this user may still write. */
  readonly free: number;
  /** Bytes that the buffer's files have already. */
  readonly used: number;
}

/** @param wanted `buffer.maxSize` */
export function judgeSpace(folder: string, { type, free, used }: Space, wanted: number): Look[] {
  const looks: Look[] = [];
  const system = FILE_SYSTEMS[type >>> 0];
  if (system?.kind === 'network') {
    const what = `${folder} is on ${system.name}, where SQLite's WAL and its locks do not hold`;
    looks.push(broken('file system', what, 'put buffer.path on a local disk'));
  } else if (system?.kind === 'memory') {
    const what = `${folder} is on ${system.name}: all that waits for the hub is lost when the host restarts`;
    looks.push(odd('file system', what, 'put buffer.path on a disk'));
  } else if (system?.kind === 'layer') {
    const what = `${folder} is in the container's own layer: it is gone when the container is made anew`;
    looks.push(odd('file system', what, 'mount a volume there (docs/deployment.md)'));
  }
  const room = `${bytes(free)} free, ${bytes(used)} used by the buffer, which may grow to ${bytes(wanted)}`;
  if (free < NO_SPACE) looks.push(broken('space', room, 'make room: readings that find none are lost, and counted'));
  else if (free + used < wanted) {
    const mend =
      'a smaller buffer.maxSize, or a larger disk: a full disk is survived, and shortens what an outage may last';
    looks.push(odd('space', room, mend));
  } else looks.push(good('space', room));
  return looks;
}

/** Permission by writing, because numbers, lists and read-only mounts all have a say. Leaves nothing behind. */
export async function dataFolder(bufferPath: string, wanted: number): Promise<{ looks: Look[]; writable?: string }> {
  const folder = resolve(dirname(bufferPath));
  const there = await nearest(folder);
  const who = process.getuid === undefined ? '' : ` for user ${process.getuid()}`;
  if (!(await stat(there)).isDirectory()) {
    return { looks: [broken('folder', `${there} is a file, not a folder`, 'mend buffer.path of the mapping')] };
  }
  const refused = await trialIn(there);
  if (refused !== undefined) return { looks: [refusedBy(refused, there, who)] };
  const looks = [
    good('folder', there === folder ? `${folder} can be written` : `${folder} is made at the first start`),
  ];
  const buffer = await bufferFile(bufferPath, who);
  if (buffer !== undefined) return { looks: [...looks, buffer] };
  const { type, bavail, bsize } = await statfs(there);
  const used = await size(bufferPath);
  return { looks: [...looks, ...judgeSpace(folder, { type, free: bavail * bsize, used }, wanted)], writable: there };
}

/** Makes a file in `folder` and removes it; the system's code when that is refused. */
export async function trialIn(folder: string): Promise<string | undefined> {
  const trial = join(folder, `.fieldgate-doctor-${process.pid}`);
  try {
    await writeFile(trial, '', { flag: 'wx' });
    await unlink(trial);
    return undefined;
  } catch (thrown) {
    return codeOf(thrown) ?? 'unknown';
  }
}

/** What a refused write means, by the system's code. */
export function refusedBy(code: string, folder: string, who: string): Look {
  const what = `${folder} cannot be written${who} (${code})`;
  if (code === 'ENOENT') return broken('folder', `${folder} is not there`, 'make it, or mend the path in the mapping');
  if (code === 'EROFS')
    return broken('folder', what, 'it is mounted read-only: mount it for writing (docs/deployment.md)');
  if (code === 'ENOSPC') return broken('folder', what, 'the disk is full: make room');
  const mend = `chown it to the gateway's user on the host: install -d -o 10001 -g 10001 -m 700 ${folder}`;
  return broken('folder', what, mend);
}

/** A buffer that somebody else left there, which the gateway may not open. */
async function bufferFile(path: string, who: string): Promise<Look | undefined> {
  try {
    await (await open(path, 'r+')).close();
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    const what = `${path} is there and cannot be opened for writing${who}: ${codeOf(thrown)}`;
    return broken('buffer', what, `chown -R it to the gateway's user: somebody else made it, perhaps root by hand`);
  }
  return undefined;
}

/** The folder itself, or the first above it that exists. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      await stat(at);
      return at;
    } catch {
      if (at === dirname(at)) return at;
    }
  }
}

async function size(bufferPath: string): Promise<number> {
  let sum = 0;
  for (const end of ['', '-wal', '-reserve'])
    sum += await stat(bufferPath + end).then(
      ({ size }) => size,
      () => 0,
    );
  return sum;
}
