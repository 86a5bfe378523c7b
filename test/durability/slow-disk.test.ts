// A slow disk: every sync takes 50 ms longer. Acquisition does not notice: no reading is refused, all are delivered.
// How long its event loop was held up is printed, not asserted.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { deliveredTo } from './delivered.ts';
import type { Told } from './storer.ts';
import { strace } from './tools.ts';
import { run, STORER } from './writing.ts';

const BATCHES = 2_000;

test.skipIf(!strace())('acquisition never waits for a slow disk', { timeout: 120_000 }, async () => {
  const measured: string[] = [];
  for (const ms of [0, 50]) {
    const folder = join(scratch(), 'data');
    mkdirSync(folder);
    const slow = ['-e', `inject=fsync,fdatasync:delay_exit=${ms * 1_000}`];
    const under = [
      'strace',
      '-f',
      '--seccomp-bpf',
      '-o',
      '/dev/null',
      '-e',
      'trace=fsync,fdatasync',
      ...(ms > 0 ? slow : []),
    ];
    const { output, errors, code } = await run(STORER, [folder, '--batches', String(BATCHES)], () => {}, under);
    expect([code, errors]).toEqual([0, '']);
    const last = JSON.parse(output.trimEnd().split('\n').at(-1) as string) as Told;
    if (!('delayP99' in last)) throw new Error(`the last line is ${JSON.stringify(last)}`);
    const { numbers, wrong } = deliveredTo(join(folder, 'readings.jsonl'));
    expect(wrong).toEqual([]);
    expect([last.refused, last.accepted, numbers.size]).toEqual([0, BATCHES * 10, BATCHES * 10]);
    measured.push(`${ms} ms a sync: p99 ${last.delayP99.toFixed(1)} ms, longest ${last.delayMost.toFixed(1)} ms`);
  }
  console.log(`slow disk: event loop of the acquisition side, ${measured.join('; ')}; 0 refused`);
});
