// A disk of a few MB that a test can fill: a file system in memory, mounted for the test file and gone with it.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { absent } from '../durability/tools.ts';
import { scratch } from './scratch.ts';

/** Its folder; undefined, which is said and fails in CI, where this user may not mount one. */
export function smallDisk(megabytes: number): string | undefined {
  const folder = join(scratch(), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    absent('no disk can be mounted and filled; run as root', error);
    return undefined;
  }
  afterAll(() => execFileSync('umount', ['-l', folder], { stdio: 'ignore' }));
  return folder;
}
