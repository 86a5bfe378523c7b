// A disk that fails: writes and syncs of a running writer are refused again and again with ENOSPC, EIO and EROFS.
// `append` throws the right Fault, the same append succeeds later without a restart, nothing promised is lost, also
// when the power is cut after a failed sync and Linux has forgotten what was to be written (B1).
//
// IMAGES=1000 npm test test/durability/disk-faults.test.ts     the long form; SEED=… repeats one

import { expect, test } from 'vitest';
import { chance } from './chance.ts';
import { cutAll, flawsOf, record } from './cutting.ts';
import { strace } from './tools.ts';

const IMAGES = Math.ceil(Number(process.env.IMAGES ?? 100) / 5);
const STEPS = 40;

/**
 * What fails, how often, and as what it is told. The calls before it open the file; between two failures there are more
 * calls than a commit needs, or it would never succeed. A full disk is looked at again after 5 s. SQLite does not know
 * a quota: whether it is used up is asked by a write of our own, and where just that one is not refused any more, it is
 * a failing disk (`otherwise`: how often that may be).
 */
const faults: readonly (readonly [name: string, inject: string, code: string, otherwise: number])[] = [
  ['a full disk', 'pwrite64:error=ENOSPC:when=100+600', 'buffer.full', 0],
  ['a quota that is used up', 'pwrite64:error=EDQUOT:when=100..103', 'buffer.full', 1],
  ['a write error', 'pwrite64:error=EIO:when=40+367', 'buffer.disk', 0],
  ['a disk that has become read-only', 'pwrite64:error=EROFS:when=40+371', 'buffer.disk', 0],
  ['a failed sync', 'fsync:error=EIO:when=20+4', 'buffer.disk', 0],
  ['a disk that fails for a while', 'pwrite64:error=EIO:when=100..140', 'buffer.disk', 0],
];

test.skipIf(!strace()).each(faults)(
  '%s is a fault, and is over when it is over',
  { timeout: 120_000 },
  async (name, inject, code, otherwise) => {
    const random = chance();
    const recording = await record(random.seed, STEPS, ['--keep'], ['-e', `inject=${inject}`]);
    const { ledger, file } = recording;
    expect(Object.keys(ledger.faults)).toContain(`append: ${code}`);
    const others = Object.entries(ledger.faults).filter(([fault]) => !fault.endsWith(`: ${code}`));
    expect(others.reduce((sum, [, times]) => sum + times, 0)).toBeLessThanOrEqual(otherwise);
    expect(flawsOf(file, ledger)).toEqual([]);
    expect(ledger.checked).toBe(ledger.promised);
    const { images, wrong } = cutAll(recording, random, IMAGES);
    console.log(
      `${name}: ${JSON.stringify(ledger.faults)}; ${ledger.promised} readings, ${images} power cuts; SEED=${random.seed}`,
    );
    expect(wrong).toEqual([]);
  },
);
