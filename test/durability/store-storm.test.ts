// Kill storm on the whole store: acquisition side, storage thread, delivery into a file. What the store told to be on
// disk is in the file or still in the buffer after every kill; what it had not told yet is the loss window, measured.
//
// STORE_KILLS=200 npm test test/durability/store-storm.test.ts     the long form; SEED=… repeats one

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { chance } from './chance.ts';
import { numberOf } from './content.ts';
import { deliveredTo } from './delivered.ts';
import { drain } from './ledger.ts';
import type { Told } from './storer.ts';
import { copyOf, run, STORER } from './writing.ts';

const KILLS = Number(process.env.STORE_KILLS ?? 8);

test('what the store told to be on disk outlives every kill', { timeout: 60_000 + KILLS * 5_000 }, async () => {
  const random = chance();
  let folder = '';
  const windows: number[] = [];
  let [from, lost, kept] = [1, 0, 0];
  for (let kill = 1; kill <= KILLS; kill++) {
    // Lives so short that no acknowledgement is written: all of it comes again after each kill, so a folder does for some.
    if (kill % 10 === 1) {
      folder = join(scratch(), 'data');
      mkdirSync(folder);
    }
    const lines = random.within(50, 400);
    let killed = 0;
    const { output, errors } = await run(STORER, [folder, '--from', String(from)], (child, text) => {
      if (killed > 0 || text.split('\n').length <= lines) return;
      killed = performance.timeOrigin + performance.now();
      child.kill('SIGKILL');
    });
    expect(errors).toBe('');
    const told = output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Told);
    const wrote = told.filter((line) => 'wrote' in line);
    const committed = told.reduce((most, line) => ('committed' in line ? Math.max(most, line.committed) : most), 0);
    const copy = join(folder, 'copy');
    const buffer = openBuffer(copyOf(join(folder, 'buffer.db'), copy), 1024 ** 3);
    const { numbers, wrong } = deliveredTo(join(folder, 'readings.jsonl'));
    const there = new Set(numbers);
    for (const { batch } of drain(buffer)) for (let i = 0; i < batch.count; i++) there.add(numberOf(batch, i));
    buffer.close();
    rmSync(copy, { recursive: true });
    const last = wrote.at(-1)?.wrote ?? from - 1;
    const missing: number[] = [];
    for (let n = from; n <= last; n++) if (!there.has(n)) missing.push(n);
    const first = missing[0] ?? last + 1;
    expect({ kill, wrong, promisedAndLost: missing.filter((n) => n <= committed) }).toEqual({
      kill,
      wrong: [],
      promisedAndLost: [],
    });
    // What is lost is the end of what was written, not something in its middle.
    expect(missing.length).toBe(last - first + 1);
    const begun = wrote.find((line) => line.wrote >= first);
    windows.push(begun === undefined ? 0 : killed - begun.at);
    lost += missing.length;
    kept += last - from + 1 - missing.length;
    from = last + 1_000;
  }
  windows.sort((a, b) => a - b);
  const at = (share: number) => `${windows[Math.floor((windows.length - 1) * share)]?.toFixed(0)} ms`;
  console.log(
    `store storm: ${KILLS} kills, ${kept} readings kept, ${lost} in the loss window of p50 ${at(0.5)}, p99 ${at(0.99)}, ` +
      `longest ${at(1)} at a commitInterval of 100 ms; 0 lost that were told to be on disk; SEED=${random.seed}`,
  );
});
