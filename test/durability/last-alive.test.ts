// A gateway that is killed while its disk is slow: what it had accepted and not yet committed is lost, and lies behind the
// moment to which the next start takes it to have been alive, so that the gap record `gateway-down` covers all of it.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { openReader } from '../../agent/src/buffer/reader.ts';
import { toMillis } from '../../agent/src/model/time.ts';
import { scratch } from '../support/scratch.ts';
import type { Told } from './storer.ts';
import { strace } from './tools.ts';
import { run, STORER } from './writing.ts';

const KILLS = Number(process.env.KILLS ?? 2);
/** What a sync takes, ms. */
const SYNC = 250;

/** Kills what a process runs, not the process itself: a tracer that is killed lets its program go on. */
function killBelow(pid: number): void {
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  for (const each of below) process.kill(each, 'SIGKILL');
}

test.skipIf(!strace())('nothing is lost before it', { timeout: 60_000 + KILLS * 20_000 }, async () => {
  const lost: number[] = [];
  for (let kill = 1; kill <= KILLS; kill++) {
    const folder = join(scratch(), 'data');
    mkdirSync(folder);
    const trace = ['-f', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync'];
    const slow = ['-e', `inject=fsync,fdatasync:delay_exit=${SYNC * 1_000}`];
    let doomed = false;
    const { output } = await run(
      STORER,
      [folder],
      (child, text) => {
        if (doomed || !text.includes('committed')) return;
        doomed = true;
        setTimeout(() => killBelow(child.pid as number), 4 * SYNC + (kill * SYNC) / 2.5);
      },
      ['strace', ...trace, ...slow],
    );
    const told = output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Told);
    const path = join(folder, 'buffer.db');
    const reader = openReader(path);
    const kept = reader.next - 1;
    reader.close();
    const first = told.find((one) => 'wrote' in one && one.wrote > kept) as Extract<Told, { clock: number }>;
    const buffer = openBuffer(path, 1024 ** 3);
    const alive = toMillis(buffer.lastAlive as number);
    buffer.close();
    lost.push(first.clock - alive);
  }
  console.log(`last alive: what a kill lost begins ${lost.map((ms) => `${ms} ms`).join(', ')} after it`);
  expect(Math.min(...lost)).toBeGreaterThanOrEqual(0);
});
