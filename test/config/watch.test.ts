// A change of the mapping's files is noticed once, when it has come to rest, however it was made.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { watchFiles } from '../../agent/src/config/watch.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
const INTERVAL = 20;
let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** Watches; `seen` counts the changes. Resolves when the first look has been taken. */
async function watching(files: () => readonly string[]): Promise<{ seen: number; looks: number }> {
  const state = { seen: 0, looks: 0 };
  void watchFiles({
    files: () => {
      state.looks++;
      return files();
    },
    interval: INTERVAL,
    changed: async () => void state.seen++,
    signal: stop.signal,
  });
  await looksOn(state);
  return state;
}

/** Two whole looks later nothing that happened before can be unseen. */
const looksOn = (state: { looks: number }, more = 3) => {
  const from = state.looks;
  return until('it to look again', () => state.looks >= from + more);
};

it('a file written in place', async () => {
  const file = join(folder, 'place.yaml');
  writeFileSync(file, 'a');
  const state = await watching(() => [file]);
  expect(state.seen).toBe(0);
  writeFileSync(file, 'ab');
  await until('the change', () => state.seen === 1);
  await looksOn(state);
  expect(state.seen).toBe(1);
});

it('a file that an editor renamed into place, with the same size and an old date', async () => {
  const file = join(folder, 'renamed.yaml');
  writeFileSync(file, 'a');
  const state = await watching(() => [file]);
  writeFileSync(`${file}~`, 'b');
  renameSync(`${file}~`, file);
  await until('the change', () => state.seen === 1);
});

it('the symbolic link of a mounted configuration', async () => {
  const mount = join(folder, 'mount');
  for (const version of ['..1', '..2']) {
    mkdirSync(join(mount, version), { recursive: true });
    writeFileSync(join(mount, version, 'fieldgate.yaml'), 'same');
  }
  symlinkSync('..1', join(mount, '..data'));
  symlinkSync('..data/fieldgate.yaml', join(mount, 'fieldgate.yaml'));
  const state = await watching(() => [join(mount, 'fieldgate.yaml')]);
  symlinkSync('..2', join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  await until('the change', () => state.seen === 1);
});

it('a file that goes away and comes back', async () => {
  const file = join(folder, 'away.yaml');
  writeFileSync(file, 'a');
  const state = await watching(() => [file]);
  rmSync(file);
  await until('the loss', () => state.seen === 1);
  writeFileSync(file, 'a');
  await until('the return', () => state.seen === 2);
});

it('waits until a file that is being written has come to rest', async () => {
  const file = join(folder, 'growing.yaml');
  writeFileSync(file, 'a');
  const state = await watching(() => [file]);
  // Every look finds another size, so there is nothing to be told.
  const writing = setInterval(() => writeFileSync(file, 'x', { flag: 'a' }), 2);
  await looksOn(state, 10);
  const during = state.seen;
  clearInterval(writing);
  await until('the change', () => state.seen > during);
  // On a machine that stalls, the writer may have rested too.
  expect(during).toBeLessThanOrEqual(2);
});

it('a file that the mapping names since its last change is watched, and no change by itself', async () => {
  const [first, second] = [join(folder, 'first.yaml'), join(folder, 'second.csv')] as const;
  writeFileSync(first, 'a');
  writeFileSync(second, 'a');
  let files = [first];
  const state = await watching(() => files);
  files = [first, second];
  await looksOn(state);
  expect(state.seen).toBe(0);
  writeFileSync(second, 'ab');
  await until('the change', () => state.seen === 1);
});
