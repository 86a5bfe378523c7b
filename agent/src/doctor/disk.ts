// How fast the disk is at the one thing a commit waits for: a small write that must survive a power cut.

import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDuration } from '../config/units.ts';
import { describe } from '../model/fault.ts';
import { broken, duration, good, type Look, odd } from './look.ts';

const WRITES = 100;
/** A slow disk is known after fewer. */
const ENOUGH_MS = 4_000;
/** A commit of a thousand readings is about so large. */
const BLOCK = Buffer.alloc(16_384, 0x5a);
const ODD_MS = 50;
const BROKEN_MS = 2_000;

/** @param took ms of each sync; @param commitInterval of the mapping, ms */
export function judgeDisk(took: readonly number[], commitInterval: number): Look {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const [half, most] = [at(0.5), at(0.99)];
  const what = `${sorted.length} synced writes took ${duration(half)} each (median), ${duration(most)} at most but for 1 %`;
  const every = `a reading is on disk after at most ${formatDuration(commitInterval)} (buffer.commitInterval) and one of these`;
  if (half > BROKEN_MS) {
    return broken('sync', `${what}; ${every}`, 'this disk cannot keep up: look for its errors (dmesg, smartctl)');
  }
  if (most <= ODD_MS) return good('sync', `${what}; ${every}`);
  const mend =
    half > commitInterval
      ? 'commits come as fast as the disk lets them, which is slower than asked: a power cut costs that much more; an SSD with power-loss protection cures it'
      : 'others may be writing to this disk (iostat -x 1); SD cards and disks without a cache of their own are as slow as this';
  return odd('sync', `${what}; ${every}`, mend);
}

/** Writes into a file of its own in `folder`, which is removed. */
export async function diskSpeed(folder: string, commitInterval: number, signal: AbortSignal): Promise<Look> {
  const path = join(folder, `.fieldgate-doctor-sync-${process.pid}`);
  try {
    const file = await open(path, 'wx');
    try {
      const took: number[] = [];
      const end = performance.now() + ENOUGH_MS;
      while (took.length < WRITES && performance.now() < end && !signal.aborted) {
        // Appended, as the WAL is.
        await file.write(BLOCK);
        const begin = performance.now();
        await file.datasync();
        took.push(performance.now() - begin);
      }
      return judgeDisk(took, commitInterval);
    } finally {
      await file.close();
      await unlink(path);
    }
  } catch (thrown) {
    return broken(
      'sync',
      `a file in ${folder} cannot be written and synced: ${describe(thrown)}`,
      'look at the disk (dmesg)',
    );
  }
}
