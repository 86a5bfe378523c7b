// Power cuts: a writer's calls to the disk are recorded once, and hundreds of disks are made from the record, each as a
// power cut at another moment would leave it (disk.ts). Every one opens, has every commit that was promised before the
// cut, to the bit, and goes on working (B1, B2). A disk that lies about its syncs must fail the same test.
//
// IMAGES=1000 npm test test/durability/power-cut.test.ts     the long form; SEED=… repeats one

import { expect, test } from 'vitest';
import { chance } from './chance.ts';
import { cutAll, record } from './cutting.ts';
import { strace } from './tools.ts';

const IMAGES = Number(process.env.IMAGES ?? 100);
/** The long form also fills the WAL until SQLite copies it into the database by itself, at 8 MB. */
const STEPS = IMAGES >= 1_000 ? 700 : 60;

test.skipIf(!strace())(
  'what a commit promised outlives every power cut',
  { timeout: 60_000 + IMAGES * 500 },
  async () => {
    const random = chance();
    console.log(`power cut: ${IMAGES} images, SEED=${random.seed}`);
    const kept = await record(random.seed, STEPS, ['--keep']);
    const drained = await record(random.seed + 1, 2 * STEPS, []);
    const started = performance.now();
    const outcomes = [cutAll(kept, random, Math.ceil(IMAGES / 2)), cutAll(drained, random, Math.floor(IMAGES / 2))];
    const images = outcomes.reduce((sum, outcome) => sum + outcome.images, 0);
    const promised = outcomes.reduce((sum, outcome) => sum + outcome.promised, 0);
    expect(outcomes.flatMap(({ wrong }) => wrong)).toEqual([]);
    console.log(
      `power cut: ${images} images, ${promised} readings promised before their cut, 0 lost; ` +
        `${((performance.now() - started) / images).toFixed(0)} ms an image`,
    );
    // The proof can fail: on a disk that syncs nothing most of it is gone.
    const lying = cutAll(kept, random, 20, true);
    expect(lying.wrong.length).toBeGreaterThan(0);
  },
);
