// A disk that fails its reads with EIO (strace): at the opening that is a Fault and never a reason to set the file aside; in
// use it is a Fault and nothing is handed out, and all of it comes when the disk reads again. A segment that the disk does
// not give for long is given up, counted and named, and those behind it come.
//
// READS=400 npm test test/durability/read-faults.test.ts     the long form: each of so many reads fails in turn

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import { batchOf, TAGS } from './content.ts';
import type { Taken } from './reading.ts';
import { strace } from './tools.ts';
import { copyOf, READING, run } from './writing.ts';

const READS = Number(process.env.READS ?? 0);
const SEGMENTS = 100;
const EACH = 50;
const ALL = SEGMENTS * EACH;
/** Which reads fail in the short form: some of the opening's, which reads the WAL and then the books, and of the segments'. */
const SOME = [1, 3, 8, 20, 160, 383, 387, 391, 395, 900, 1_200, 1_400];

/** As a kill leaves it, with half of the segments in the WAL; or after an orderly end. */
function filled(end: 'killed' | 'closed'): string {
  const path = join(scratch(), 'buffer.db');
  let buffer = openBuffer(path, 1024 ** 3);
  for (let i = 0; i < SEGMENTS; i++) {
    if (i === SEGMENTS / 2) {
      buffer.close();
      buffer = openBuffer(path, 1024 ** 3);
    }
    const ids = buffer.dictionary.intern(TAGS);
    buffer.append([{ priority: 'normal', batch: batchOf(i * EACH + 1, (i + 1) * EACH, ids) }]);
  }
  const copy = copyOf(path, join(scratch(), 'killed'));
  buffer.close();
  return end === 'killed' ? copy : path;
}

/** What a reader finds whose reads of the buffer's files fail. @param when as strace counts them */
async function read(file: string, when: string, patience: number): Promise<Taken> {
  const folder = join(scratch(), 'data');
  mkdirSync(folder);
  const path = copyOf(file, folder);
  const places = ['', '-wal', '-head'].flatMap((suffix) => ['-P', path + suffix]);
  const inject = `inject=pread64,read:error=EIO:when=${when}`;
  const under = ['strace', '-f', ...places, '-o', '/dev/null', '-e', 'trace=pread64,read', '-e', inject];
  const { output, errors, code } = await run(READING, [path, String(patience)], () => {}, under);
  expect([code, errors], `when=${when}`).toEqual([0, '']);
  return JSON.parse(output) as Taken;
}

test.skipIf(!strace())('a read that fails is a Fault, and is over when it is over', { timeout: 600_000 }, async () => {
  const file = filled('killed');
  const met: number[] = [];
  for (const at of READS > 0 ? Array.from({ length: READS }, (_, i) => i + 1) : SOME) {
    const { faults, setAside, segments, gaps, dropped } = await read(file, String(at), 60_000);
    expect([at, setAside, gaps, dropped]).toEqual([at, false, [], 0]);
    expect([at, segments.length, segments.at(-1)]).toEqual([at, SEGMENTS, [ALL - EACH + 1, ALL]]);
    expect(new Set(faults).isSubsetOf(new Set(['buffer.disk'])), `${at}: ${faults}`).toBe(true);
    if (faults.length > 0) met.push(at);
  }
  console.log(
    `read faults: of ${READS || SOME.length} reads that failed once ${met.length} were met: ${met.join(' ')}`,
  );
  // A read of a payload that fails once is read again before anybody hears of it.
  expect(met.length).toBeGreaterThanOrEqual(4);
});

test.skipIf(!strace())('what the disk does not give for long is given up and named; the rest comes', async () => {
  // Every third read: some meet the payload of a segment whose row was read.
  const { setAside, segments, gaps, dropped } = await read(filled('closed'), '60..200+3', 0);
  expect(setAside).toBe(false);
  expect(gaps.length).toBeGreaterThan(0);
  const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const there = segments.flatMap(([first, last]) => numbers(first, last));
  const named = gaps.flatMap(([, first, last]) => numbers(first, last));
  expect([...there, ...named].sort((a, b) => a - b)).toEqual(numbers(1, ALL));
  expect(new Set(gaps.map(([reason]) => reason))).toEqual(new Set(['buffer-damaged']));
  expect([gaps.reduce((sum, [, , , count]) => sum + (count ?? 0), 0), dropped]).toEqual([named.length, named.length]);
});
