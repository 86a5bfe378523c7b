// Whether somebody keeps the host's clock right: timedatectl says, or in a mounted host the traces of those who do.

import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, good, type Look, odd, unseen } from '../look.ts';

const DEADLINE_MS = 5_000;
const STEP = 'time';
const MEND = 'sudo apt install chrony, and name the time server of the site in /etc/chrony/chrony.conf';

/** @param shown by `timedatectl show` */
export function judgeTime(shown: string): Look {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(shown)?.[1];
  if (value('NTPSynchronized') === 'yes') return good(STEP, 'the clock is synchronised');
  if (value('NTP') === 'yes') {
    const what = 'the clock is not synchronised: the time service runs and has heard of no time server';
    return odd(
      STEP,
      what,
      'which server does it ask, and may this host reach it (UDP 123)? timedatectl timesync-status',
    );
  }
  return odd(STEP, 'nobody sets the clock: it drifts by seconds a day, and tokens and certificates depend on it', MEND);
}

/** What time services leave behind once they have had the time from a server. */
const TRACES = ['/run/systemd/timesync/synchronized', '/var/lib/chrony/drift', '/var/lib/chrony/chrony.drift'];

export async function timeSync(root: string): Promise<Look> {
  if (root === '/') {
    try {
      const { stdout } = await promisify(execFile)('timedatectl', ['show'], { timeout: DEADLINE_MS });
      return judgeTime(stdout);
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') return unseen(STEP, 'timedatectl gives no answer here (no systemd?)');
    }
  }
  for (const path of TRACES) {
    const there = await stat(join(root, path)).then(
      () => true,
      () => false,
    );
    if (there) return good(STEP, `a time service has set the clock (${path})`);
  }
  return unseen(STEP, 'no trace of a time service; timedatectl on the host itself says whether the clock is set', MEND);
}
