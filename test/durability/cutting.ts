// A writer's run recorded, the power cut at many moments of it, and what is wrong with the files that remain.

import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Buffer, openBuffer } from '../../agent/src/buffer/buffer.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { scratch } from '../support/scratch.ts';
import type { Chance } from './chance.ts';
import { batchOf, numberOf, TAGS } from './content.ts';
import { Disk, MERCIES, type Mercy } from './disk.ts';
import { drain, Ledger } from './ledger.ts';
import { type Call, readTrace, recorder } from './syscalls.ts';
import { run, WRITER } from './writing.ts';

const SIZE = 1024 ** 3;
/** The machine has started again since (stamp.ts). */
const AFTER = { boot: 'after-the-cut' };

export interface Recording {
  readonly calls: readonly Call[];
  readonly folder: string;
  readonly work: string;
  readonly file: string;
  /** All that the writer said. */
  readonly ledger: Ledger;
}

/** @param inject faults, as strace takes them */
export async function record(
  seed: number,
  steps: number,
  options: readonly string[],
  inject: readonly string[] = [],
): Promise<Recording> {
  const work = scratch();
  const file = join(work, 'data', 'buffer.db');
  const trace = join(work, 'trace');
  const args = [file, '--seed', String(seed), '--steps', String(steps), ...options];
  const { code, errors, output } = await run(WRITER, args, () => {}, recorder(trace, inject));
  if (code !== 0) throw new Error(`the writer ended with ${code}: ${errors}`);
  const folder = dirname(file);
  const calls = readTrace(trace, folder);
  rmSync(trace);
  const ledger = new Ledger();
  ledger.read(output);
  return { calls, folder, work, file, ledger };
}

export interface Outcome {
  readonly images: number;
  readonly promised: number;
  /** What was wrong with the images, in words. */
  readonly wrong: readonly string[];
}

/** Cuts the power at `images` moments: random calls of the record. */
export function cutAll(
  { calls, folder, work, file }: Recording,
  random: Chance,
  images: number,
  lies = false,
): Outcome {
  const moments = new Set<number>();
  while (moments.size < Math.min(images, calls.length)) moments.add(random.within(0, calls.length - 1));
  const disk = new Disk(folder, lies);
  const lines: string[] = [];
  const wrong: string[] = [];
  let promised = 0;
  for (const [at, call] of calls.entries()) {
    disk.take(call);
    if (call.kind === 'print') lines.push(call.text);
    if (!moments.has(at)) continue;
    const image = join(work, 'image');
    disk.cut(image, MERCIES[random.within(0, MERCIES.length - 1)] as Mercy, random);
    const ledger = new Ledger();
    ledger.read(lines.join(''));
    promised += ledger.promised;
    const cutFile = join(image, file.slice(folder.length + 1));
    for (const what of flawsOf(cutFile, ledger)) wrong.push(`cut at call ${at}: ${what}`);
    // And the same where the disk does not even hold what was synced: the end of the WAL is gone.
    disk.cut(image, MERCIES[random.within(0, MERCIES.length - 1)] as Mercy, random);
    shorten(`${cutFile}-wal`, random);
    for (const what of usedAgain(cutFile, ledger)) wrong.push(`cut at call ${at}, and the WAL: ${what}`);
  }
  return { images: moments.size, promised, wrong };
}

function shorten(wal: string, random: Chance): void {
  if (!existsSync(wal)) return;
  if (random.happens(0.2)) rmSync(wal);
  else truncateSync(wal, random.within(0, statSync(wal).size));
}

/** What is wrong with the file at `path`, also when it is used further. */
export function flawsOf(path: string, ledger: Ledger): string[] {
  try {
    return flawsInUse(path, ledger);
  } catch (error) {
    // The next cut must still be made.
    return [`it cannot be used: ${error}`];
  }
}

/**
 * Whether numbers that a commit promised are given to other readings, or are gone and no gap record names them. In these
 * runs reading n has the number n. Damage that shows only in use ends the process, and its next start must set the file
 * aside: so it is opened once more.
 */
function usedAgain(path: string, ledger: Ledger, starts = 2): string[] {
  const promised = ledger.highest();
  let buffer: Buffer | undefined;
  try {
    buffer = openBuffer(path, SIZE, AFTER);
    const ids = buffer.dictionary.intern(TAGS);
    const from = promised + 1_000_000;
    buffer.append([{ priority: 'normal', batch: batchOf(from, from + 9, ids) }]);
    const found = drain(buffer);
    // What is missed in the middle is noticed while it is read, and told with the next commit (B5, B3).
    buffer.tidy(false);
    found.push(...drain(buffer));
    const given = found.find(({ batch }) => batch.count > 0 && numberOf(batch, 0) === from)?.first;
    const gaps = found.flatMap(({ batch }) => batch.gaps);
    buffer.close();
    if (given === undefined) return ['what was committed is not there'];
    if (buffer.setAside !== undefined) return gaps.length > 0 ? [] : ['the file was set aside, and nothing says so'];
    if (given <= promised) return [`the number ${given} is given again; those up to ${promised} were promised`];
    const told = [...found, ...gaps.flatMap(({ range }) => range ?? [])];
    return ledger
      .owed()
      .filter(([first, last]) => !told.some((each) => each.first <= first && each.last >= last))
      .map(([first, last]) => `the numbers ${first} to ${last} are gone, and no gap record names them`);
  } catch (error) {
    if (starts > 1 && error instanceof Fault && error.code === 'buffer.damaged') {
      try {
        buffer?.close();
      } catch {
        // Of a damaged file no more than its mark for the next start can be written.
      }
      return usedAgain(path, ledger, starts - 1);
    }
    return [`it cannot be used: ${error}`];
  }
}

function flawsInUse(path: string, ledger: Ledger): string[] {
  let buffer = openBuffer(path, SIZE, AFTER);
  const wrong = ledger.verify(buffer);
  const ids = buffer.dictionary.intern(TAGS);
  const waiting = buffer.stats().pending;
  buffer.append([{ priority: 'normal', batch: batchOf(ledger.next, ledger.next + 9, ids) }]);
  buffer.close();
  buffer = openBuffer(path, SIZE, AFTER);
  const after = drain(buffer).reduce((sum, { batch }) => sum + batch.count, 0);
  if (after !== waiting + 10) wrong.push(`${after} readings after ten more than ${waiting}`);
  buffer.close();
  return wrong;
}
