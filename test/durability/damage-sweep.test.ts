// Damage sweep: every page of a buffer file in turn has a bit flipped, is zeroed, or is where the file ends. Whatever is
// handed out afterwards is what was written, to the bit; what is not handed out is named by a gap record, or the file
// is set aside as a whole and a gap record says so (B3, B5). Nothing crashes.
//
// FLIPS=2 npm test test/durability/damage-sweep.test.ts     the long form: so many bits of every page, one by one

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer, type Buffer as Store } from '../../agent/src/buffer/buffer.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { scratch } from '../support/scratch.ts';
import { type Chance, chance } from './chance.ts';
import { batchOf, flawOf, TAGS } from './content.ts';
import { drain } from './ledger.ts';
import { payloadBytes } from './payload-bytes.ts';

const FLIPS = Number(process.env.FLIPS ?? 1);
const SIZE = 1024 ** 3;
const PAGE = 1024;
/** The short form takes every sixth page of a file of a third of the size, and fewer where the outcome is mostly the same. */
const SEGMENTS = FLIPS > 1 ? 300 : 100;
const STRIDE = FLIPS > 1 ? 1 : 6;
const SPARSE = FLIPS > 1 ? 1 : 3;

interface Original {
  readonly bytes: Buffer;
  readonly stamp: Buffer;
  readonly epoch: string;
  /** Numbers 1 to this; entry n is reading n. */
  readonly readings: number;
}

function original(path: string, random: Chance): Original {
  const buffer = openBuffer(path, SIZE);
  const ids = buffer.dictionary.intern(TAGS);
  let next = 1;
  for (let i = 0; i < SEGMENTS; i++) {
    const last = next + random.within(10, 60);
    buffer.append([{ priority: 'normal', batch: batchOf(next, last, ids) }]);
    next = last + 1;
  }
  const { epoch } = buffer;
  buffer.close();
  return { bytes: readFileSync(path), stamp: readFileSync(`${path}-head`), epoch, readings: next - 1 };
}

/** `unnoticed`: everything was handed out as it was written; the damage lies where nothing is kept. */
type Outcome = 'unnoticed' | 'given up' | 'set aside';

interface Finding {
  readonly outcome: Outcome;
  readonly wrong: readonly string[];
  readonly lost: number;
}

/** What a gateway finds; damage that shows in use ends the process, and the next start sets the file aside. */
function examine(path: string, sound: Original): Finding {
  for (let start = 1; start <= 2; start++) {
    let buffer: Store | undefined;
    try {
      buffer = openBuffer(path, SIZE);
      return buffer.setAside === undefined ? inUse(buffer, sound) : newEpoch(buffer, sound.readings);
    } catch (error) {
      if (buffer === undefined || !(error instanceof Fault) || error.code !== 'buffer.damaged')
        return { outcome: 'set aside', wrong: [`start ${start}: ${error}`], lost: sound.readings };
    } finally {
      if (buffer !== undefined) close(buffer);
    }
  }
  return { outcome: 'set aside', wrong: ['damaged, and not set aside'], lost: sound.readings };
}

function inUse(buffer: Store, { epoch, readings }: Original): Finding {
  const { wrong, got, explained } = read(buffer, { epoch, readings });
  const missing: number[] = [];
  for (let n = 1; n <= readings; n++) if (!got.has(n)) missing.push(n);
  const silent = missing.filter((n) => !explained.has(n));
  if (silent.length > 0) wrong.push(`${silent.length} readings are missing and nothing says so, first ${silent[0]}`);
  return { outcome: missing.length > 0 ? 'given up' : 'unnoticed', wrong, lost: missing.length };
}

/** What a buffer hands out, and the numbers that its gap records name. */
function read(
  buffer: Store,
  { epoch, readings }: Pick<Original, 'epoch' | 'readings'>,
): { wrong: string[]; got: Set<number>; explained: Set<number> } {
  const wrong: string[] = [];
  const got = new Set<number>();
  const explained = new Set<number>();
  if (buffer.epoch !== epoch) wrong.push(`epoch ${buffer.epoch}, not ${epoch}`);
  const take = () => {
    for (const { first, batch } of drain(buffer)) {
      const flaw = flawOf(batch, first, buffer.dictionary.get);
      if (flaw !== undefined) wrong.push(flaw);
      for (let i = 0; i < batch.count; i++) {
        if (got.has(first + i)) wrong.push(`${first + i} is there twice`);
        got.add(first + i);
      }
      for (const { range } of batch.gaps)
        for (let n = range?.first ?? 1; n <= Math.min(range?.last ?? 0, readings); n++) explained.add(n);
    }
  };
  take();
  buffer.tidy(true);
  take();
  return { wrong, got, explained };
}

function newEpoch(buffer: Store, lost: number): Finding {
  buffer.tidy(true);
  const gaps = drain(buffer).flatMap(({ batch }) => batch.gaps);
  const told = gaps.some(({ reason }) => reason === 'buffer-damaged');
  return { outcome: 'set aside', wrong: told ? [] : ['set aside without a gap record'], lost };
}

function close(buffer: Store): void {
  try {
    buffer.close();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
  }
}

interface Sweep {
  readonly what: string;
  /** The bytes of the damaged file; undefined when this page has nothing of the kind. */
  readonly damage: (bytes: Buffer, page: number) => Buffer | undefined;
  readonly times: number;
  readonly stride: number;
}

function sweepsOf(random: Chance, mask: Uint8Array): Sweep[] {
  const flipped = (wanted: number) => (bytes: Buffer, page: number) => {
    const places: number[] = [];
    for (let at = page * PAGE; at < (page + 1) * PAGE; at++) if (mask[at] === wanted) places.push(at);
    if (places.length === 0) return undefined;
    const copy = Buffer.from(bytes);
    const at = places[random.within(0, places.length - 1)] as number;
    copy[at] = (copy[at] as number) ^ (1 << random.within(0, 7));
    return copy;
  };
  return [
    { what: 'a bit of a payload flipped', damage: flipped(1), times: FLIPS, stride: STRIDE },
    { what: 'a bit elsewhere flipped', damage: flipped(0), times: FLIPS, stride: STRIDE },
    {
      what: 'a page zeroed',
      damage: (bytes, page) => Buffer.from(bytes).fill(0, page * PAGE, (page + 1) * PAGE),
      times: 1,
      stride: STRIDE * SPARSE,
    },
    {
      what: 'the file cut at a page',
      damage: (bytes, page) => bytes.subarray(0, page * PAGE),
      times: 1,
      stride: STRIDE * SPARSE,
    },
  ];
}

test('no damaged payload is handed out, and none is lost silently', { timeout: 300_000 * FLIPS }, () => {
  const random = chance();
  const folder = scratch();
  const path = join(folder, 'buffer.db');
  const sound = original(path, random);
  const pages = sound.bytes.length / PAGE;
  console.log(`damage sweep: ${sound.readings} readings, ${SEGMENTS} segments, ${pages} pages; SEED=${random.seed}`);
  const all: string[] = [];
  for (const { what, damage, times, stride } of sweepsOf(random, payloadBytes(path, sound.bytes))) {
    const counts = { unnoticed: 0, 'given up': 0, 'set aside': 0 };
    let [files, lost, silent] = [0, 0, 0];
    for (let step = 0; step < pages * times; step += stride) {
      const page = step % pages;
      const damaged = damage(sound.bytes, page);
      if (damaged === undefined) continue;
      const image = join(folder, String(step));
      mkdirSync(image);
      writeFileSync(join(image, 'buffer.db'), damaged);
      writeFileSync(join(image, 'buffer.db-head'), sound.stamp);
      const finding = examine(join(image, 'buffer.db'), sound);
      rmSync(image, { recursive: true });
      files++;
      counts[finding.outcome]++;
      if (finding.outcome === 'given up') lost += finding.lost;
      const wrong = finding.wrong.map((each) => `page ${page + 1}, ${what}: ${each}`);
      if (wrong.length > 0) silent++;
      all.push(...wrong);
    }
    const { unnoticed, 'given up': givenUp, 'set aside': aside } = counts;
    console.log(
      `damage sweep: ${what}: ${files} files; ${unnoticed} lost nothing, ${givenUp} gave up ` +
        `${(lost / Math.max(1, givenUp)).toFixed(0)} readings each, ${aside} set aside; ${silent} not told rightly`,
    );
  }
  expect(all).toEqual([]);
});
