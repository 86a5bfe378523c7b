// The buffer under test: a real one on a real file, with its clock in the hands of the test. It can be killed, also in
// the middle of a commit, and lose its power: the files as they are at that moment become another folder's.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { vi } from 'vitest';
import { openBuffer, type Part, type Buffer as Store } from '../../agent/src/buffer/buffer.ts';
import { readStamp, type Stamp } from '../../agent/src/buffer/stamp.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { TAGS } from '../durability/content.ts';

export interface Setup {
  /** Bytes. */
  readonly maxSize: number;
  /** All that is delivered is kept as long as there is room. */
  readonly keeps: boolean;
  /** ms */
  readonly maxAge: number | undefined;
}

export interface Crash {
  /** The power was cut: another run of the machine. */
  readonly power: boolean;
  /** With the power goes what was not synced of the stamp. */
  readonly stale: boolean;
}

const stampOf = (path: string) => readStamp(path) as Stamp;

export class Subject {
  readonly #root: string;
  readonly #setup: Setup;
  #folders = 0;
  #boot = 1;
  path: string;
  buffer: Store;
  ids: readonly number[] = [];
  /** The stamp as it was about when it was synced. */
  #synced: Buffer = Buffer.alloc(0);
  #reserved = 0;

  /** @param root an empty folder */
  constructor(root: string, setup: Setup) {
    this.#root = root;
    this.#setup = setup;
    this.path = this.#newPath();
    this.buffer = this.#open();
    this.#sync();
  }

  #sync(): void {
    this.#reserved = 0;
    this.watch();
  }

  #newPath(): string {
    const folder = join(this.#root, String(++this.#folders));
    mkdirSync(folder);
    return join(folder, 'buffer.db');
  }

  #open(): Store {
    // What is set aside is named by the time.
    vi.advanceTimersByTime(1);
    const { maxSize, keeps, maxAge } = this.#setup;
    const keepDelivered = keeps ? Number.POSITIVE_INFINITY : 0;
    return openBuffer(this.path, maxSize, { maxAge, keepDelivered, boot: `boot-${this.#boot}` });
  }

  /** The number that the next entry gets: every number below was promised. */
  get head(): number {
    return stampOf(this.path).head;
  }

  /** The number with which an opening now must go on. */
  get #next(): number {
    const { boot, head, reserved } = stampOf(this.path);
    return boot === `boot-${this.#boot}` ? head : reserved;
  }

  append(parts: readonly Part[]): void {
    this.buffer.append(parts);
    this.watch();
  }

  /** To be called after whatever may have written the stamp: keeps it as it is about when it is synced. */
  watch(): void {
    const { reserved } = stampOf(this.path);
    if (reserved === this.#reserved) return;
    this.#reserved = reserved;
    this.#synced = readFileSync(`${this.path}-head`);
  }

  /** Tags are known by the same numbers as long as the file lives. @param more tags that may be new */
  define(more = 0): void {
    const extra = Array.from({ length: more }, (_, i) => {
      const index = TAGS.length + i;
      return { index, name: `новый ${i}`, source: `S${i % 3}`, unit: '°C', priority: 'normal' } as const;
    });
    const ids = this.buffer.dictionary.intern([...TAGS, ...extra]).slice(0, TAGS.length);
    if (this.ids.length > 0 && ids.join() !== this.ids.join()) throw new Error('tags have other numbers than before');
    this.ids = ids;
  }

  /** Opens what was closed or came from a crash. Returns the number that must come next. */
  reopen(): number {
    const next = this.#next;
    this.buffer = this.#open();
    this.#sync();
    return next;
  }

  /** As `reopen`, whatever the files are now. */
  openAnew(): void {
    this.buffer = this.#open();
    this.ids = [];
    this.#sync();
  }

  /** The machine starts anew. */
  reboot(): void {
    this.#boot++;
  }

  /** The files as they are now are all that is left. */
  crash({ power, stale }: Crash, change: (path: string) => void = () => {}): void {
    const killed = this.path;
    const path = this.#newPath();
    for (const suffix of ['', '-wal', '-head'])
      if (existsSync(killed + suffix)) copyFileSync(killed + suffix, path + suffix);
    if (power && stale) writeFileSync(`${path}-head`, this.#synced);
    change(path);
    this.dispose();
    rmSync(dirname(killed), { recursive: true });
    this.path = path;
    if (power) this.reboot();
  }

  /**
   * A crash within the commit of `parts`, after a share of what it writes. False when the commit came too far, and was kept
   * whole; then `kept` is called before the crash.
   */
  tornAppend(parts: readonly Part[], share: number, how: Crash, kept: () => void): boolean {
    const stamp = readFileSync(`${this.path}-head`);
    const [synced, reserved] = [this.#synced, this.#reserved];
    const before = this.#walBytes();
    this.append(parts);
    const after = this.#walBytes();
    // Where the WAL was begun anew, or copied into the database, its end is no end of this commit.
    const torn = before > 0 && after > before && after < 8_000_000;
    if (torn) [this.#synced, this.#reserved] = [synced, reserved];
    else kept();
    this.crash(how, (path) => {
      if (!torn) return;
      truncateSync(`${path}-wal`, before + Math.floor((after - before) * share));
      if (!how.power || !how.stale) writeFileSync(`${path}-head`, stamp);
    });
    return torn;
  }

  #walBytes(): number {
    return statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** A new file in place of this one. */
  renew(): void {
    this.dispose();
    rmSync(dirname(this.path), { recursive: true });
    this.path = this.#newPath();
    this.openAnew();
    this.define();
  }

  dispose(): void {
    try {
      this.buffer.close();
    } catch (error) {
      // Whoever was killed, or is damaged, need not end in order.
      if (!(error instanceof Fault)) throw error;
    }
  }

  remove(): void {
    this.dispose();
    rmSync(this.#root, { recursive: true });
  }
}
