// What is done with: every number that the file has given and no longer waits to be delivered. Most of them have left
// the file; those delivered lately stay for a while, because a hub may lose in a power cut what it has acknowledged, and
// then they can be replayed. What is not here and below the file's head must be in a segment: a segment that is missing
// is noticed by that.
//
// A run of numbers is one short row with a checksum; payloads are not touched. Ages are counted in the time that the
// gateway ran: a night without power, or a step of the clock, does not end the window before anybody can use it.

import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import { Fault } from '../model/fault.ts';
import type { Meta } from './meta.ts';
import { named } from './named.ts';
import { add, type Range } from './ranges.ts';
import type { Row } from './table.ts';

export interface Run {
  readonly first: number;
  readonly last: number;
  /** Delivered then, in ms of running time, and kept; null when it has left the file. */
  readonly at: number | null;
}

export interface Done {
  /** Sorted by number, disjoint. */
  readonly runs: readonly Run[];
  /** Of what is kept. */
  readonly readings: number;
  /** Bytes of their payloads. */
  readonly bytes: number;
}

export type KeptRow = Pick<Row, 'first' | 'last' | 'readings' | 'bytes'>;

const NOTHING: Done = { runs: [], readings: 0, bytes: 0 };

const sumOf = ({ first, last, at }: Run) => crc32(`${first} ${last} ${at}`);

/** The numbers of segments, which follow each other or do not. */
export const numbersOf = (rows: readonly Pick<Row, 'first' | 'last'>[]): Range[] =>
  rows.reduce<Range[]>((ranges, { first, last }) => {
    const before = ranges.at(-1);
    if (before?.[1] !== first - 1) return add(ranges, first, last);
    ranges[ranges.length - 1] = [before[0], last];
    return ranges;
  }, []);

export const kept = ({ runs }: Pick<Done, 'runs'>) => runs.filter(({ at }) => at !== null);

/** The numbers from `first` to `last` that no run holds. */
export function without(runs: readonly Run[], first: number, last: number): Range[] {
  const rest: Range[] = [];
  let at = first;
  for (const run of runs) {
    if (run.last < at) continue;
    if (run.first > last) break;
    if (run.first > at) rest.push([at, run.first - 1]);
    at = run.last + 1;
  }
  if (at <= last) rest.push([at, last]);
  return rest;
}

/**
 * `runs` with `first..last` of the kind `at`, or waiting again when it is undefined. Runs that touch and are of one
 * kind become one. Returns what is to be written, too.
 */
function changed(runs: readonly Run[], [first, last]: Range, at: number | null | undefined) {
  let low = lowerBound(runs, first - 1);
  let high = low;
  while (high < runs.length && (runs[high] as Run).first <= last + 1) high++;
  const pieces: Run[] = [];
  const put = (run: Run) => {
    const before = pieces.at(-1);
    if (before?.at === run.at && before.last === run.first - 1)
      pieces[pieces.length - 1] = { ...before, last: run.last };
    else pieces.push(run);
  };
  const touched = runs.slice(low, high);
  for (const run of touched) if (run.first < first) put({ ...run, last: Math.min(run.last, first - 1) });
  if (at !== undefined) put({ first, last, at });
  for (const run of touched) if (run.last > last) put({ ...run, first: Math.max(run.first, last + 1) });
  const same = (a: Run | undefined, b: Run | undefined) =>
    a !== undefined && b !== undefined && a.first === b.first && a.last === b.last && a.at === b.at;
  // What is as it was need not be written.
  while (low < high && same(runs[low], pieces[0])) {
    low++;
    pieces.shift();
  }
  while (low < high && same(runs[high - 1], pieces.at(-1))) {
    high--;
    pieces.pop();
  }
  const result = [...runs.slice(0, low), ...pieces, ...runs.slice(high)];
  return { result, erase: runs.slice(low, high), write: pieces };
}

/** The first of `runs` that ends at `number` or later. */
function lowerBound(runs: readonly Run[], number: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle] as Run).last < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Undefined when the runs are not those that were written. @param db a file of version 3 or later */
export function readRuns(db: Database): Run[] | undefined {
  const rows = db.prepare(`SELECT ${named('first', 'last', 'at', 'sum')} FROM done ORDER BY first`).all() as (Run & {
    sum: number;
  })[];
  const sound = rows.every((run, i) => run.sum === sumOf(run) && run.first > (rows[i - 1]?.last ?? 0));
  return sound ? rows.map(({ first, last, at }) => ({ first, last, at })) : undefined;
}

/** Adds the runs of a file that is being made one of version 3. */
export function writeRuns(db: Database, runs: readonly Run[]): void {
  const insert = db.prepare('INSERT INTO done (first, last, at, sum) VALUES (?, ?, ?, ?)');
  for (const run of runs) insert.run(run.first, run.last, run.at, sumOf(run));
}

/**
 * The table. Throws a Fault `buffer.damaged` when it is not what was written. Its changes belong into a transaction with
 * what they follow from, which `meta` is part of; they return what is done then.
 */
export function doneTable(db: Database, meta: Meta, path: string) {
  const insert = db.prepare('INSERT INTO done (first, last, at, sum) VALUES (?, ?, ?, ?)');
  const erase = db.prepare('DELETE FROM done WHERE first = ?');
  const runs = readRuns(db);
  if (runs === undefined || runs.length !== meta.number('runs') || (runs.at(-1)?.last ?? 0) >= meta.number('next'))
    throw new Fault(
      'buffer.damaged',
      `${path} is damaged: what it says of the numbers delivered is not what was written`,
    );

  function change(done: Done, ranges: readonly Range[], at: number | null | undefined): Done {
    let current = done.runs;
    for (const range of ranges) {
      const { result, erase: gone, write } = changed(current, range, at);
      for (const { first } of gone) erase.run(first);
      for (const run of write) insert.run(run.first, run.last, run.at, sumOf(run));
      current = result;
    }
    return { ...done, runs: current };
  }

  /** @param sign 1 for what is kept from now on, -1 for what is so no more */
  function counted(done: Done, rows: readonly KeptRow[], sign: 1 | -1): Done {
    const total = (key: 'readings' | 'bytes') => rows.reduce((sum, row) => sum + row[key], 0);
    if (kept(done).length === 0) return { ...done, readings: 0, bytes: 0 };
    return {
      ...done,
      readings: Math.max(0, done.readings + sign * total('readings')),
      bytes: Math.max(0, done.bytes + sign * total('bytes')),
    };
  }

  return {
    found: { ...NOTHING, runs, readings: meta.number('keptReadings'), bytes: meta.number('keptBytes') } as Done,

    /** These numbers have left the file. @param rows those of them that were kept */
    leave: (done: Done, ranges: readonly Range[], rows: readonly KeptRow[] = []): Done =>
      counted(change(done, ranges, null), rows, -1),

    /** These whole segments, by number, were delivered and stay. */
    keep: (done: Done, rows: readonly KeptRow[], at: number): Done =>
      rows.length === 0 ? done : counted(change(done, numbersOf(rows), at), rows, 1),

    /** These segments, which are kept, wait to be sent again. */
    recall: (done: Done, rows: readonly KeptRow[]): Done => counted(change(done, numbersOf(rows), undefined), rows, -1),

    /** To be called in every transaction that changes what is done. */
    write(done: Done): void {
      meta.set('runs', done.runs.length);
      meta.set('keptReadings', done.readings);
      meta.set('keptBytes', done.bytes);
    },
  };
}
