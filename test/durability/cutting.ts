// A writer's run recorded, the power cut at many moments of it, and what is wrong with the files that remain.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { scratch } from '../support/scratch.ts';
import type { Chance } from './chance.ts';
import { batchOf, TAGS } from './content.ts';
import { Disk, MERCIES, type Mercy } from './disk.ts';
import { drain, Ledger } from './ledger.ts';
import { type Call, readTrace, recorder } from './syscalls.ts';
import { run, WRITER } from './writing.ts';

const SIZE = 1024 ** 3;

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
    for (const what of flawsOf(join(image, file.slice(folder.length + 1)), ledger))
      wrong.push(`cut at call ${at}: ${what}`);
  }
  return { images: moments.size, promised, wrong };
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

function flawsInUse(path: string, ledger: Ledger): string[] {
  let buffer = openBuffer(path, SIZE);
  const wrong = ledger.verify(buffer);
  const ids = buffer.dictionary.intern(TAGS);
  const waiting = buffer.stats().pending;
  buffer.append([{ priority: 'normal', batch: batchOf(ledger.next, ledger.next + 9, ids) }]);
  buffer.close();
  buffer = openBuffer(path, SIZE);
  const after = drain(buffer).reduce((sum, { batch }) => sum + batch.count, 0);
  if (after !== waiting + 10) wrong.push(`${after} readings after ten more than ${waiting}`);
  buffer.close();
  return wrong;
}
