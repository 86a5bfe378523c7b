// After damage the promise is weaker and exact: every reading that was not delivered comes, or a gap record names its
// number; what comes is what was written, under its number; no number is given to another reading. Damage may show when
// the file is opened or in use; then the next opening sets it aside, and what it holds comes by the salvage.

import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Part, Segment, Buffer as Store } from '../../agent/src/buffer/buffer.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { openSalvages } from '../../agent/src/store/salvages.ts';
import { batchOf } from '../durability/content.ts';
import type { DamagePlan } from './actions.ts';
import { type Model, must } from './model.ts';
import type { Subject } from './subject.ts';

/** Damages a file that nobody has open; false when it has nothing there. */
export function damage(path: string, { file, how, place, bit }: DamagePlan): boolean {
  const name = path + { database: '', WAL: '-wal', stamp: '-head' }[file];
  const size = existsSync(name) ? statSync(name).size : 0;
  if (size === 0) return false;
  if (how === 'remove') {
    rmSync(name);
    return true;
  }
  const at = Math.floor(place * size);
  const handle = openSync(name, 'r+');
  try {
    if (how === 'cut') ftruncateSync(handle, at);
    else if (how === 'zero')
      writeSync(handle, Buffer.alloc(Math.min(1024, size - at)), 0, Math.min(1024, size - at), at);
    else {
      const byte = Buffer.alloc(1);
      readSync(handle, byte, 0, 1, at);
      byte[0] = (byte[0] as number) ^ (1 << bit);
      writeSync(handle, byte, 0, 1, at);
    }
  } finally {
    closeSync(handle);
  }
  return true;
}

export interface Aftermath {
  readonly setAside: boolean;
  /** How many entries came. */
  readonly came: number;
  /** Readings that were committed meanwhile. */
  readonly more: number;
  /** What did not, and gap records name it; and that of which only the one about the whole file speaks. */
  readonly named: ReadonlySet<number>;
  readonly covered: readonly number[];
}

/** A life with a damaged file: what it hands out. */
class Life {
  readonly #model: Model;
  readonly #subject: Subject;
  readonly came = new Set<number>();
  readonly gaps: Gap[] = [];

  constructor(model: Model, subject: Subject) {
    this.#model = model;
    this.#subject = subject;
  }

  /** Undefined when the damage shows: then the process ends. */
  attempt(work: () => void): Fault | undefined {
    try {
      work();
      return undefined;
    } catch (error) {
      if (error instanceof Fault && error.code === 'buffer.damaged') return error;
      throw error;
    }
  }

  /** All that comes, acknowledged. */
  drain(): void {
    const { buffer } = this.#subject;
    const once = new Set<number>();
    for (let round = 0; round < 2; round++) {
      for (const lane of ['backfill', 'live'] as const)
        while (buffer.waiting(lane) > 0)
          for (const segment of buffer.next(lane, 200)) {
            must(!once.has(segment.first), `${segment.first} comes twice`);
            once.add(segment.first);
            this.#see(segment, buffer);
            buffer.ack(segment.first, segment.last, segment.batch.count);
          }
      // What could not be had is told with this.
      buffer.tidy(true);
    }
  }

  #see(segment: Segment, buffer: Store): void {
    this.gaps.push(...segment.batch.gaps);
    if (buffer.epoch === this.#model.epoch) this.#know(segment, buffer.dictionary.get);
    else must(segment.batch.count === 0, 'a new file holds readings of nobody');
  }

  #know(segment: Pick<Segment, 'first' | 'batch'>, nameOf: Store['dictionary']['get']): void {
    const piece = this.#model.pieces.find(({ first }) => first === segment.first);
    if (piece !== undefined) this.#model.see(piece, segment, nameOf);
    else must(segment.batch.count === 0, `${segment.first} was never written`);
    for (let seq = piece?.first ?? 1; seq <= (piece?.last ?? 0); seq++) this.came.add(seq);
  }

  /** What the file that was set aside still holds; false when nothing can be had of it. */
  salvage(): boolean {
    const salvages = openSalvages(this.#subject.path, () => {});
    for (const salvage of salvages.all) {
      must(salvage.epoch === this.#model.epoch, `a salvage of epoch ${salvage.epoch}`);
      const once = new Set<number>();
      while (salvage.waiting('backfill') > 0)
        for (const { first, batch } of salvage.next('backfill', 200)) {
          must(!once.has(first), `${first} comes twice from the salvage`);
          once.add(first);
          this.gaps.push(...batch.gaps);
          this.#know({ first, batch }, salvage.tag);
          salvage.ack(first, first + batch.count + batch.gaps.length - 1, batch.count);
        }
      must(salvage.trouble === undefined, `the salvage stopped: ${salvage.trouble}`);
    }
    salvages.tidy(this.#subject.buffer);
    must(
      salvages.all.every((salvage) => salvage.stats().done),
      'a salvage does not end',
    );
    return salvages.all.length > 0;
  }
}

/**
 * Opens the damaged file of `subject`, takes all that comes of it, and compares. @param promised the stamp says that all
 * numbers below were, @param n a reading that is nobody's
 */
export function aftermathOf(model: Model, subject: Subject, promised: number, n: number): Aftermath {
  const life = new Life(model, subject);
  subject.openAnew();
  const before = model.pieces.length;
  let shown: Fault | undefined;
  if (subject.buffer.setAside === undefined) {
    shown = life.attempt(() => {
      life.drain();
      goOn(model, subject, life, n);
    });
    if (shown !== undefined) {
      subject.dispose();
      subject.openAnew();
    }
  }
  const { setAside } = subject.buffer;
  must(shown === undefined || setAside !== undefined, `${shown?.message}, and the file is not set aside`);
  let salvaged = false;
  if (setAside !== undefined) {
    must(subject.buffer.epoch !== model.epoch, 'the epoch of a file that was set aside goes on');
    life.drain();
    must(
      life.gaps.some(({ reason, range }) => reason === 'buffer-damaged' && range === undefined),
      'set aside without a gap record',
    );
    salvaged = life.salvage();
    life.drain();
    for (const name of readdirSync(dirname(subject.path)))
      if (name.includes('.damaged-')) rmSync(join(dirname(subject.path), name));
  }
  const more = (model.pieces.length - before) * 10;
  return {
    setAside: setAside !== undefined,
    more,
    ...compare(model, life, setAside !== undefined, salvaged, promised),
  };
}

/** In the same epoch new numbers follow those that were promised. */
function goOn(model: Model, subject: Subject, life: Life, n: number): void {
  subject.define();
  const part: Part = { priority: 'normal', batch: batchOf(n, n + 9, subject.ids) };
  subject.append([part]);
  const given = subject.head - 10;
  must(given >= model.head, `the number ${given} is given again; those below ${model.head} were promised`);
  model.pieces.push({
    ...{ first: given, last: given + 9, n, count: 10, gaps: [], priority: 'normal', own: false, committed: Date.now() },
    ...{ where: 'live', acked: new Set(), seen: false, delivered: false, kept: false, forgone: false },
  });
  life.drain();
}

function compare(model: Model, life: Life, aside: boolean, salvaged: boolean, promised: number) {
  const named = new Set<number>();
  for (const { range, from, to, reason } of life.gaps) {
    if (range?.epoch !== model.epoch) continue;
    must(to !== null && from <= to, `a gap record (${reason}) from ${from} to ${to}`);
    for (let seq = range.first; seq <= Math.min(range.last, model.head + 20); seq++) named.add(seq);
  }
  const lost = new Set<number>();
  const silent: number[] = [];
  // What was delivered and waits again for a replay has been there once: the damage may cost the replay.
  for (const { first, last, where, delivered } of model.pieces)
    for (let seq = first; where !== 'gone' && !delivered && seq <= last; seq++)
      if (!life.came.has(seq)) {
        if (named.has(seq)) lost.add(seq);
        else silent.push(seq);
      }
  // Where nothing is left that tells the newest numbers, or nothing at all, the record about the whole file does.
  const blind = !salvaged || silent.every((seq) => seq >= promised);
  must(
    silent.length === 0 || (aside && blind),
    `${silent.length} entries are missing and nothing says so: ${silent[0]}…`,
  );
  return { came: life.came.size, named: lost, covered: silent };
}
