// Kill storm: a process that fills a buffer is killed at random moments, hundreds of times, on the same file. What its
// commits promised is there every time, exactly once, to the bit; no number is ever used twice (B1, B2, B4).
//
// KILLS=1000 npm test test/durability/kill-storm.test.ts     the long form; SEED=… repeats one

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { type Chance, chance } from './chance.ts';
import { Ledger } from './ledger.ts';
import { copyOf, run, WRITER } from './writing.ts';

const KILLS = Number(process.env.KILLS ?? 60);
/** Files that are stormed side by side: a start costs more than a life. */
const STORMS = 2;

interface Outcome {
  readonly ledger: Ledger;
  readonly opening: number;
}

async function storm(random: Chance, kills: number): Promise<Outcome> {
  const folder = scratch();
  const path = join(folder, 'data', 'buffer.db');
  const ledger = new Ledger();
  let opening = 0;
  for (let kill = 1; kill <= kills; kill++) {
    // One in six dies while it opens the file: what the life before left is recovered, or half recovered.
    const early = random.happens(1 / 6) ? random.within(60, 220) : undefined;
    const lines = random.within(1, 120);
    const delay = random.within(0, 3);
    let doomed = false;
    const args = [path, '--from', String(ledger.next), '--seed', String(random.within(1, 2 ** 30))];
    const { output, errors, code } = await run(WRITER, args, (child, text) => {
      const due = early === undefined ? text.split('\n').length > lines : text === '';
      if (!due || doomed) return;
      doomed = true;
      setTimeout(() => child.kill('SIGKILL'), early ?? delay);
    });
    expect([code, errors]).toEqual(['SIGKILL', '']);
    if (output === '') opening++;
    ledger.read(output);
    // The copy is verified; the next life recovers the original as the kill left it.
    const copy = join(folder, 'copy');
    const buffer = openBuffer(copyOf(path, copy), 1024 ** 3);
    expect({ kill, wrong: ledger.verify(buffer) }).toEqual({ kill, wrong: [] });
    buffer.close();
    rmSync(copy, { recursive: true });
  }
  return { ledger, opening };
}

test('what a commit promised outlives every kill', { timeout: 60_000 + KILLS * 2_000 }, async () => {
  const { seed } = chance();
  console.log(`kill storm: ${KILLS} kills, SEED=${seed}`);
  const started = performance.now();
  const storms = Array.from({ length: STORMS }, (_, i) => storm(chance(seed + i), Math.ceil(KILLS / STORMS)));
  const outcomes = await Promise.all(storms);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const promised = sum(({ ledger }) => ledger.promised);
  console.log(
    `kill storm: ${promised} readings promised, ${sum(({ ledger }) => ledger.checked)} checked after a kill, 0 lost, ` +
      `0 twice, ${sum(({ ledger }) => ledger.unpromised)} kept whose promise the kill cut off; ` +
      `${sum(({ opening }) => opening)} kills while opening; ${((performance.now() - started) / 1_000).toFixed(1)} s`,
  );
  expect(promised).toBeGreaterThan(KILLS * 100);
});
