// A disk that loses its power: fed with the calls of a recorded run, it can say at any moment what would be found
// after a power cut. Found for certain is what was synced; of the rest any part may be there, down to single sectors
// of 512 bytes, in any order. Names made or removed since the folder was last synced may be missing from the end.
//
// A sync that fails leaves what it was to write in doubt for ever: Linux calls those pages clean afterwards, and the
// next sync, which succeeds, does not write them ("Can Applications Recover from fsync Failures?", USENIX ATC 2020).

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Chance } from './chance.ts';
import type { Call } from './syscalls.ts';

const SECTOR = 512;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Buffer; state: State }
  | { readonly kind: 'truncate'; readonly size: number; state: State };
type State = 'unsynced' | 'synced' | 'doubtful';

/** What a power cut leaves of a change, or of all that were not synced. */
type Fate = 'kept' | 'gone' | 'torn';
export type Mercy = 'none' | 'all' | 'some';
export const MERCIES: readonly Mercy[] = ['none', 'all', 'some', 'some'];

class File {
  /** Content that is on the disk for certain, before `changes`. */
  #content = Buffer.alloc(0);
  #size = 0;
  #changes: Change[] = [];

  write(offset: number, data: Buffer): void {
    this.#changes.push({ kind: 'write', offset, data, state: 'unsynced' });
  }

  truncate(size: number): void {
    this.#changes.push({ kind: 'truncate', size, state: 'unsynced' });
  }

  sync(ok: boolean): void {
    for (const change of this.#changes) if (change.state === 'unsynced') change.state = ok ? 'synced' : 'doubtful';
    // What follows a doubtful change must wait for the choice that the power cut makes.
    const certain = this.#changes.findIndex(({ state }) => state !== 'synced');
    const settled = this.#changes.splice(0, certain < 0 ? this.#changes.length : certain);
    const [content, size] = applied(
      this.#content,
      this.#size,
      settled,
      () => 'kept',
      () => true,
    );
    this.#content = content;
    this.#size = size;
  }

  /** The content after a power cut. */
  found(mercy: Mercy, random: Chance): Buffer {
    const copy = Buffer.from(this.#content.subarray(0, this.#size));
    const half = () => random.happens(0.5);
    const fate = (change: Change): Fate => {
      if (change.state === 'synced' || mercy === 'all') return 'kept';
      if (mercy === 'none') return 'gone';
      return change.kind === 'write' && half() ? 'torn' : half() ? 'kept' : 'gone';
    };
    const [content, size] = applied(copy, copy.length, this.#changes, fate, half);
    return content.subarray(0, size);
  }
}

/** @param survives whether the next sector of a torn write is written */
function applied(
  content: Buffer<ArrayBuffer>,
  length: number,
  changes: readonly Change[],
  fate: (change: Change) => Fate,
  survives: () => boolean,
): [Buffer<ArrayBuffer>, number] {
  let bytes = content;
  let size = length;
  for (const change of changes) {
    const what = fate(change);
    if (what === 'gone') continue;
    if (change.kind === 'truncate') {
      bytes = room(bytes, change.size);
      if (change.size < size) bytes.fill(0, change.size, size);
      size = change.size;
      continue;
    }
    const { offset, data } = change;
    bytes = room(bytes, offset + data.length);
    for (let at = offset; at < offset + data.length; ) {
      const end = Math.min(offset + data.length, (Math.floor(at / SECTOR) + 1) * SECTOR);
      if (what === 'kept' || survives()) {
        data.copy(bytes, at, at - offset, end - offset);
        size = Math.max(size, end);
      }
      at = end;
    }
  }
  return [bytes, size];
}

/** Bytes beyond a file's size are zero. */
function room(bytes: Buffer<ArrayBuffer>, size: number): Buffer<ArrayBuffer> {
  if (size <= bytes.length) return bytes;
  const larger = Buffer.alloc(Math.max(size, bytes.length * 2));
  bytes.copy(larger);
  return larger;
}

interface Renaming {
  readonly drop?: string;
  readonly add?: string;
  readonly file?: File;
}

function made(names: Map<string, File>, { drop, add, file }: Renaming): void {
  if (drop !== undefined) names.delete(drop);
  if (add !== undefined && file !== undefined) names.set(add, file);
}

export class Disk {
  readonly #folder: string;
  /** Names as the process sees them, and as the disk has them for certain. */
  readonly #names = new Map<string, File>();
  #certain = new Map<string, File>();
  #renamings: Renaming[] = [];
  /** The disk reports every sync as done and does nothing: what the proof must not survive. */
  readonly #lies: boolean;

  constructor(folder: string, lies = false) {
    this.#folder = folder;
    this.#lies = lies;
  }

  take(call: Call): void {
    switch (call.kind) {
      case 'sync':
        this.#sync(call.path, call.ok);
        break;
      case 'create':
        if (!this.#names.has(call.path)) this.#rename({ add: call.path, file: new File() });
        break;
      case 'remove':
        this.#rename({ drop: call.path });
        break;
      case 'link':
        this.#rename({ add: call.to, file: this.#names.get(call.path) as File });
        break;
      case 'rename':
        this.#rename({ drop: call.path, add: call.to, file: this.#names.get(call.path) as File });
        break;
      case 'write':
        this.#names.get(call.path)?.write(call.offset, call.data);
        break;
      case 'truncate':
        this.#names.get(call.path)?.truncate(call.size);
        break;
      case 'print':
    }
  }

  #rename(renaming: Renaming): void {
    made(this.#names, renaming);
    this.#renamings.push(renaming);
  }

  #sync(path: string, ok: boolean): void {
    if (this.#lies) return;
    if (path !== this.#folder) this.#names.get(path)?.sync(ok);
    else if (ok) {
      this.#certain = new Map(this.#names);
      this.#renamings = [];
    }
  }

  /** Writes what a power cut now would leave into `folder`, which is made anew. */
  cut(folder: string, mercy: Mercy, random: Chance): void {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const names = new Map(this.#certain);
    const most = this.#renamings.length;
    const kept = mercy === 'all' ? most : mercy === 'none' ? 0 : random.within(0, most);
    for (const renaming of this.#renamings.slice(0, kept)) made(names, renaming);
    for (const [path, file] of names) writeFileSync(join(folder, basename(path)), file.found(mercy, random));
  }
}
