// The head stamp: a small file beside the buffer, so that no number is given to two readings, whatever of the buffer is
// cut off or put back. It says two things:
//
// - `head`: every number below it was promised. Written after each commit and not synced: the kernel keeps it when the
//   process is killed, so that within one run of the machine (`boot`) it is exact; after a power cut it may be older.
// - `reserved`: no number from it on was given to anybody. Synced before a commit goes beyond it, a block at a time.
//
// A start that finds less in the file than `head` says knows that commits are gone. After a power cut it cannot know, and
// goes on behind `reserved`. All of it lies in one sector and is written with one call.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, Fault } from '../model/fault.ts';
import { sync } from './schema.ts';

export const STAMP_SUFFIX = '-head';
/** Numbers that one sync speaks for: 6.5 s at 10,000 readings a second. */
const BLOCK = 65_536;

export interface Stamp {
  readonly epoch: string;
  /** Every number below was promised. */
  readonly head: number;
  /** No number from here on was given. */
  readonly reserved: number;
  /** The run of the machine in which it was written. */
  readonly boot: string;
}

/** Undefined when there is none, or when it is not what was written. Throws what the file system throws. */
export function readStamp(path: string): Stamp | undefined {
  const [line = ''] = contentOf(path + STAMP_SUFFIX).split('\n');
  const [epoch, head, reserved, boot, sum] = line.split(' ');
  if (epoch === undefined || boot === undefined || sum !== sumOf(`${epoch} ${head} ${reserved} ${boot}`))
    return undefined;
  return { epoch, head: Number(head), reserved: Number(reserved), boot };
}

/** Nothing of a file that is not there. One that cannot be read now is another matter. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Whether a buffer was in use here, though its file may be gone. */
export const wasUsed = (path: string): boolean => existsSync(path + STAMP_SUFFIX) || existsSync(`${path}-wal`);

/** Which run of this machine it is; never the same after a power cut. */
export function thisBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: the time when it began, to 10 s. Where that is not steady a start skips numbers without need.
    return `since-${Math.round((Date.now() / 1_000 - uptime()) / 10)}`;
  }
}

/**
 * The number with which a start goes on that found all below `found` in its file. Throws a Fault `buffer.damaged` when
 * the stamp does not belong to the file, or the file has less than was promised.
 */
export function provenHead(stamp: Stamp | undefined, epoch: string, found: number, boot: string, path: string): number {
  if (stamp === undefined)
    throw new Fault(
      'buffer.damaged',
      `${path}${STAMP_SUFFIX} is gone or not what was written; which numbers were given cannot be known`,
    );
  if (stamp.epoch !== epoch || stamp.reserved < found)
    throw new Fault('buffer.damaged', `${path} and ${path}${STAMP_SUFFIX} do not belong together`);
  if (stamp.head > found)
    throw new Fault(
      'buffer.damaged',
      `${path} ends with number ${found - 1}, and commits up to ${stamp.head - 1} had returned`,
    );
  return stamp.boot === boot ? found : stamp.reserved;
}

const sumOf = (text: string) => crc32(text).toString(16).padStart(8, '0');
const wide = (number: number) => String(number).padStart(16, '0');

/** @param last the stamp that is there. It stays of its own run of the machine until the first commit of this one. */
export function openStamp(path: string, epoch: string, boot: string, last: Omit<Stamp, 'epoch'>) {
  let file: number | undefined;
  let { head: known, reserved: limit, boot: label } = last;

  function put(to: number): number {
    file ??= openSync(path + STAMP_SUFFIX, existsSync(path + STAMP_SUFFIX) ? 'r+' : 'w');
    const text = `${epoch} ${wide(known)} ${wide(to)} ${label}`;
    writeSync(file, `${text} ${sumOf(text)}\n`, 0);
    return file;
  }

  /** Written anew each time: what a failed sync was to write, Linux does not write with the next one. */
  function synced(to: number): void {
    try {
      fsyncSync(put(to));
      limit = to;
    } catch (error) {
      throw new Fault('buffer.disk', `${path}${STAMP_SUFFIX} cannot be written: ${describe(error)}`, error);
    }
  }

  function close(): void {
    if (file !== undefined) closeSync(file);
    file = undefined;
  }

  return {
    /** Of a file that had none. */
    begin(): void {
      synced(limit);
      sync(dirname(path));
    },

    /** Its file may have been removed. */
    renew(): void {
      close();
      synced(limit);
      sync(dirname(path));
    },

    /** Before numbers below `next` are given. Throws a Fault `buffer.disk`; they must not be given then. */
    reserve(next: number): void {
      if (next > limit) synced(Math.max(next, limit + BLOCK));
    },

    /** Every number below `head` is promised. A disk that does not take it costs the proof, and no reading. */
    write(head: number): void {
      known = head;
      label = boot;
      try {
        put(limit);
      } catch {
        // The next commit writes it again.
      }
    },

    /** Everything below `head` is in the file and synced there, and nothing else was given. */
    settle(head: number): void {
      known = head;
      label = boot;
      synced(head);
    },

    close,
  };
}
