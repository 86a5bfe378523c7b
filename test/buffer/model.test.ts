// The buffer against a simple model of it: whatever is appended, taken, acknowledged, given up, replayed, filled, killed,
// cut within a commit or damaged, in any order. After each action the buffer says what the model says; in the end every
// reading that was promised has come, under one number and as it was written, or a gap record names it.
//
// ACTIONS=100000 npm test -- test/buffer/model.test.ts     the long form; SEED=… repeats one

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { smallDisk } from '../support/small-disk.ts';
import { action, setup } from './actions.ts';
import { type Score, Trial } from './trial.ts';

const ACTIONS = Number(process.env.ACTIONS ?? 5_000);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Trials between two lines of progress. */
const ROUND = 10;
/** ms of looking for a shorter way to a failure. */
const SHRINKING = 20_000;

const disk = smallDisk(48);
const clock = performance;
const realNow = clock.now.bind(clock);

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.UTC(2027, 0, 1) }));
afterAll(() => void vi.useRealTimers());

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, count) => all + count, 0);

function summary({ actions, ...score }: Score): string {
  const by = (counts: Record<string, number>) => `${sum(counts)} (${counts.high} of high priority)`;
  const kinds = Object.entries(actions).sort(([, a], [, b]) => b - a);
  return (
    `model: ${sum(actions)} actions: ${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')}; ` +
    `${score.torn} crashes within a commit, ${score.refused} commits refused by a full disk, ${score.damages} damages ` +
    `(${score.setAside} set aside; ${score.came} entries came, ${score.named} named by gap records, ${score.covered} by ` +
    `that about the file); readings promised ${by(score.promised)}, delivered ${by(score.delivered)}, dropped ` +
    `${by(score.dropped)}; ${score.told} entries told; not explained: ` +
    `${sum(score.promised) - sum(score.delivered) - sum(score.dropped)}; SEED=${SEED}`
  );
}

test('the buffer does what the model says', { timeout: 120_000 + ACTIONS * 50 }, async () => {
  const none = () => ({ normal: 0, high: 0 });
  const score: Score = {
    ...{ promised: none(), delivered: none(), dropped: none(), told: 0, actions: {} },
    ...{ torn: 0, refused: 0, damages: 0, setAside: 0, came: 0, named: 0, covered: 0 },
  };
  const root = disk ?? scratch();
  for (let round = 0; sum(score.actions) < ACTIONS; round++) {
    let failed: number | undefined;
    fc.assert(
      fc.property(setup, fc.array(action, { minLength: 1, maxLength: 250, size: 'max' }), (given, actions) => {
        if (failed !== undefined && realNow() - failed > SHRINKING) return;
        const trial = new Trial(
          mkdtempSync(join(root, 'trial-')),
          given,
          failed === undefined ? score : structuredClone(score),
          disk !== undefined,
        );
        try {
          for (const one of actions) trial.perform(one);
          trial.end();
        } catch (error) {
          failed ??= realNow();
          throw error;
        } finally {
          trial.remove();
        }
      }),
      { numRuns: ROUND, seed: (SEED + round * 1_000_003) % 2 ** 31 },
    );
    if (ACTIONS > 10_000) console.log(`model: ${sum(score.actions)} of ${ACTIONS} actions`);
    // What is printed comes out now, and not at the end.
    await setImmediate();
  }
  console.log(summary(score));
  expect(sum(score.promised)).toBe(sum(score.delivered) + sum(score.dropped));
  expect(
    Math.min(score.damages, score.torn, score.dropped.normal, score.setAside, score.actions.crash ?? 0),
  ).toBeGreaterThan(0);
});
