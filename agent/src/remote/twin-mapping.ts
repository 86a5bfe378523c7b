// A mapping that the module twin names: fetched, proven by its SHA-256, and kept beside the buffer, so that a gateway that
// starts without its hub runs what it ran before. It is one file: tag files that it names need absolute paths.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredMapping } from '../control/desired.ts';
import { describe, Fault } from '../model/fault.ts';
import type { MappingPlace } from '../reload.ts';

const FETCH_DEADLINE = 30_000;
const MAX_BYTES = 20_000_000;
const CURRENT = 'current.json';

/** @param folder where the copies are kept */
export function twinMapping(folder: string) {
  return {
    /** The text that the twin names, as a file. Rejects with a Fault `mapping.unreadable`, in words. */
    async fetch(wish: DesiredMapping): Promise<MappingPlace> {
      const bytes = wish.inline === undefined ? await download(wish.url!) : Buffer.from(wish.inline);
      const hash = createHash('sha256').update(bytes).digest('hex');
      if (wish.sha256 !== undefined && hash !== wish.sha256) {
        throw new Fault('mapping.unreadable', `the mapping has the SHA-256 ${hash}, and the twin names ${wish.sha256}`);
      }
      await mkdir(folder, { recursive: true });
      const file = join(folder, `${hash.slice(0, 16)}.yaml`);
      await write(file, bytes);
      return { file, from: 'twin', ...(wish.version !== undefined && { version: wish.version }) };
    },
    /** It runs: it is the one to start with, and the others go. */
    async keep(place: MappingPlace): Promise<void> {
      await write(join(folder, CURRENT), Buffer.from(JSON.stringify(place)));
      for (const name of await readdir(folder)) {
        if (name !== CURRENT && join(folder, name) !== place.file) await rm(join(folder, name), { force: true });
      }
    },
    /** It does not run: what a twin should not have said does not stay, unless it is the one to start with. */
    async drop(place: MappingPlace): Promise<void> {
      if ((await this.current())?.file !== place.file) await rm(place.file, { force: true });
    },
    /** The one to start with; undefined when the twin named none, or when what is there cannot be read. */
    async current(): Promise<MappingPlace | undefined> {
      try {
        const { file, version } = JSON.parse(await readFile(join(folder, CURRENT), 'utf8')) as MappingPlace;
        return { file, from: 'twin', ...(version !== undefined && { version }) };
      } catch {
        return undefined;
      }
    },
    /** The twin names none any more. */
    forget: () => rm(folder, { recursive: true, force: true }),
  };
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${file}.new`, bytes, { flush: true });
  await rename(`${file}.new`, file);
}

async function download(url: string): Promise<Buffer> {
  const { origin, pathname, username, password } = URL.parse(url) ?? {};
  if (origin === undefined) throw new Fault('mapping.unreadable', 'mapping.url is no address');
  // What comes after "?" may be a signature.
  const fail = (why: string) => new Fault('mapping.unreadable', `${origin}${pathname} ${why}`);
  if (username !== '' || password !== '') throw fail('has a user before its host; an address in a twin has none');
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_DEADLINE), redirect: 'error' });
    if (!answer.ok || answer.body === null) throw fail(`answered ${answer.status}`);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of answer.body) {
      size += part.length;
      if (size > MAX_BYTES) throw fail(`has more than ${MAX_BYTES / 1e6} MB`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw fail(`cannot be fetched: ${describe(cause)}`);
  }
}
