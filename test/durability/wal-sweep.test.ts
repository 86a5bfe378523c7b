// Damage to the WAL of a writer that was killed: a bit flipped in every frame in turn, the WAL cut at every frame, gone,
// with the head stamp as a kill leaves it, and as a power cut may: old, and of another run of the machine. Whatever was
// promised is there, or named by a gap record, and no number is used for another reading in the same epoch (B2, B3).
//
// WAL_FLIPS=4 npm test test/durability/wal-sweep.test.ts     the long form: so many bits of every frame, twice the WAL

import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { openSalvage } from '../../agent/src/buffer/salvage.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { scratch } from '../support/scratch.ts';
import { type Chance, chance } from './chance.ts';
import { batchOf, flawOf, TAGS } from './content.ts';
import { drain } from './ledger.ts';

const FLIPS = Number(process.env.WAL_FLIPS ?? 1);
/** Commits in the database, and as many in the WAL. */
const COMMITS = FLIPS === 1 ? 12 : 30;
const SIZE = 1024 ** 3;
const HEADER = 32;
const FRAME = 24 + 1024;

interface Killed {
  readonly file: Buffer;
  readonly wal: Buffer;
  readonly stamp: Buffer;
  /** As it was when it was last synced. */
  readonly stale: Buffer;
  readonly epoch: string;
  /** Entry n is reading n; all of them were promised. */
  readonly readings: number;
}

/** What a kill leaves after some commits that were copied into the database, and some that are in the WAL alone. */
function killed(random: Chance): Killed {
  const folder = scratch();
  const path = join(folder, 'buffer.db');
  const writer = openBuffer(path, SIZE);
  const ids = writer.dictionary.intern(TAGS);
  let next = 1;
  const append = (buffer: ReturnType<typeof openBuffer>) => {
    const last = next + random.within(5, 40);
    buffer.append([{ priority: 'normal', batch: batchOf(next, last, ids) }]);
    next = last + 1;
  };
  for (let i = 0; i < COMMITS; i++) append(writer);
  writer.close();
  const again = openBuffer(path, SIZE);
  append(again);
  const read = (suffix: string) => readFileSync(path + suffix);
  const stale = read('-head');
  for (let i = 1; i < COMMITS; i++) append(again);
  const found = { file: read(''), wal: read('-wal'), stamp: read('-head'), stale };
  again.close();
  return { ...found, epoch: again.epoch, readings: next - 1 };
}

type Damage = (wal: string) => void;

/** What is wrong with what a gateway makes of it; the number of readings that it delivers. */
function examine(
  folder: string,
  { file, wal, stamp, stale, epoch, readings }: Killed,
  damage: Damage,
  end: 'kill' | 'power cut',
) {
  mkdirSync(folder);
  const path = join(folder, 'buffer.db');
  writeFileSync(path, file);
  writeFileSync(`${path}-wal`, wal);
  writeFileSync(`${path}-head`, end === 'kill' ? stamp : stale);
  damage(`${path}-wal`);
  const wrong: string[] = [];
  const there = new Set<number>();
  const gaps: Gap[] = [];
  const buffer = openBuffer(path, SIZE, end === 'kill' ? {} : { boot: 'after-the-cut' });
  let given = readings + 1;
  const take = () => {
    for (const { first, batch } of drain(buffer)) {
      gaps.push(...batch.gaps);
      if (buffer.epoch !== epoch) continue;
      const flaw = flawOf(batch, first, buffer.dictionary.get);
      if (flaw !== undefined) wrong.push(flaw);
      for (let i = 0; i < batch.count; i++) there.add(first + i);
    }
  };
  /** The number that the next reading gets. */
  const give = () => {
    const ids = buffer.dictionary.intern(TAGS);
    buffer.append([{ priority: 'normal', batch: batchOf(9_999, 9_999, ids) }]);
    given = drain(buffer).find(({ batch }) => batch.count > 0)?.first ?? 0;
  };
  take();
  buffer.tidy(true);
  take();
  give();
  if (buffer.setAside !== undefined) {
    if (!gaps.some(({ reason }) => reason === 'buffer-damaged')) wrong.push('set aside without a gap record');
    const salvage = openSalvage(buffer.setAside);
    while (salvage !== undefined && salvage.waiting('backfill') > 0) {
      for (const { first, batch } of salvage.next('backfill', 1_000)) {
        const flaw = flawOf(batch, first, salvage.tag);
        if (flaw !== undefined) wrong.push(flaw);
        for (let i = 0; i < batch.count; i++) there.add(first + i);
        salvage.ack(first, first + batch.count - 1, batch.count);
      }
    }
    salvage?.tidy((found) => gaps.push(...found));
    salvage?.close();
  }
  const named = new Set<number>();
  for (const { range } of gaps)
    if (range?.epoch === epoch) for (let n = range.first; n <= Math.min(range.last, readings); n++) named.add(n);
  const silent = [];
  for (let n = 1; n <= readings; n++) if (!there.has(n) && !named.has(n)) silent.push(n);
  // Where a power cut left an old stamp, the gap record of the file set aside speaks of the newest commits.
  const aside = buffer.setAside !== undefined;
  if (silent.length > 0 && !(aside && end === 'power cut' && silent[0] === readings - silent.length + 1))
    wrong.push(`${silent.length} readings are missing and nothing says so, first ${silent[0]}`);
  if (!aside && given <= readings) wrong.push(`the number ${given} is given again`);
  buffer.close();
  rmSync(folder, { recursive: true });
  return { wrong, got: there.size, aside };
}

test('what was promised and cannot be recovered is told, and no number is used again', {
  timeout: 300_000 * FLIPS,
}, () => {
  const random = chance();
  const sound = killed(random);
  const frames = (sound.wal.length - HEADER) / FRAME;
  console.log(`WAL sweep: ${sound.readings} readings, ${frames} frames; SEED=${random.seed}`);
  const work = scratch();
  let run = 0;
  const flip =
    (at: number): Damage =>
    (wal) => {
      const bytes = readFileSync(wal);
      bytes[at] = (bytes[at] as number) ^ (1 << random.within(0, 7));
      writeFileSync(wal, bytes);
    };
  const cases: { what: string; damage: Damage; frame: number }[] = [];
  for (let frame = 0; frame < frames; frame++) {
    const at = HEADER + frame * FRAME;
    for (let i = 0; i < FLIPS; i++) {
      cases.push({ what: 'a bit of a frame flipped', damage: flip(at + random.within(0, FRAME - 1)), frame });
      if (FLIPS > 1 || frame % 3 === 0)
        cases.push({ what: 'a bit of a frame head flipped', damage: flip(at + random.within(0, 23)), frame });
    }
    if (FLIPS > 1 || frame % 3 === 1) cases.push({ what: 'cut', damage: (wal) => truncateSync(wal, at), frame });
  }
  for (let at = random.within(0, 3); at < HEADER; at += FLIPS > 1 ? 1 : 4)
    cases.push({ what: 'a bit of the header flipped', damage: flip(at), frame: 0 });
  cases.push({ what: 'gone', damage: (wal) => rmSync(wal), frame: 0 });
  const wrong: string[] = [];
  for (const end of ['kill', 'power cut'] as const) {
    const counts = new Map<string, { files: number; aside: number; got: number; silent: number }>();
    for (const { what, damage, frame } of cases) {
      const found = examine(join(work, String(run++)), sound, damage, end);
      const count = counts.get(what) ?? { files: 0, aside: 0, got: 0, silent: 0 };
      counts.set(what, count);
      count.files++;
      count.got += found.got;
      if (found.aside) count.aside++;
      if (found.wrong.length === 0) continue;
      count.silent++;
      wrong.push(`${end}, frame ${frame} of ${frames}, ${what}: ${found.wrong.join('; ')}`);
    }
    for (const [what, { files, aside, got, silent }] of counts)
      console.log(
        `WAL sweep after a ${end}: ${what}: ${files} files, ${aside} set aside, ` +
          `${((got / files / sound.readings) * 100).toFixed(0)} % delivered, ${silent} not told`,
      );
  }
  expect(wrong).toEqual([]);
});

test('a buffer file of no bytes, or none at all, where one was in use is told and not taken for new', () => {
  const sound = killed(chance());
  const remains: Record<string, (path: string) => void> = {
    'emptied beside its WAL': (path) => truncateSync(path, 0),
    'emptied, WAL gone': (path) => {
      truncateSync(path, 0);
      rmSync(`${path}-wal`);
    },
    'emptied, everything else gone': (path) => {
      truncateSync(path, 0);
      rmSync(`${path}-wal`);
      rmSync(`${path}-head`);
    },
    'gone, WAL left': (path) => rmSync(path),
    'gone, stamp left': (path) => {
      rmSync(path);
      rmSync(`${path}-wal`);
    },
  };
  for (const [what, leave] of Object.entries(remains)) {
    const path = join(scratch(), 'buffer.db');
    writeFileSync(path, sound.file);
    writeFileSync(`${path}-wal`, sound.wal);
    writeFileSync(`${path}-head`, sound.stamp);
    leave(path);
    let buffer = openBuffer(path, SIZE);
    buffer.tidy(true);
    const gaps = drain(buffer).flatMap(({ batch }) => batch.gaps);
    expect([what, gaps.map(({ reason }) => reason)]).toEqual([what, ['buffer-damaged']]);
    expect(buffer.epoch).not.toBe(sound.epoch);
    const { epoch } = buffer;
    buffer.close();
    buffer = openBuffer(path, SIZE);
    expect([buffer.setAside, buffer.epoch]).toEqual([undefined, epoch]);
    buffer.close();
  }
});

test('an older file that was put back does not give its numbers again', () => {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  const ids = buffer.dictionary.intern(TAGS);
  buffer.append([{ priority: 'normal', batch: batchOf(1, 10, ids) }]);
  buffer.close();
  const backup = `${path}.backup`;
  copyFileSync(path, backup);
  const later = openBuffer(path, SIZE);
  later.append([{ priority: 'normal', batch: batchOf(11, 20, ids) }]);
  later.close();
  copyFileSync(backup, path);
  const again = openBuffer(path, SIZE);
  expect(again.setAside).toBeDefined();
  expect(again.epoch).not.toBe(buffer.epoch);
  const salvage = openSalvage(again.setAside!)!;
  const gaps: Gap[] = [];
  expect(salvage.next('backfill', 100).map(({ first, batch }) => [first, batch.count])).toEqual([[1, 10]]);
  salvage.ack(1, 10, 10);
  expect(salvage.next('backfill', 100)).toEqual([]);
  salvage.tidy((found) => gaps.push(...found));
  expect(gaps).toMatchObject([{ range: { epoch: buffer.epoch, first: 11, last: 20 } }]);
  // How many of them were readings nobody knows.
  expect(gaps[0]?.count).toBeUndefined();
  salvage.close();
  again.close();
});
