// The buffer: every accepted reading is on disk before anything else happens to it. Its invariants:
//
// B1  When `append` returns, its entries are committed and synced; when it throws, none of them is.
// B2  Entries are numbered 1, 2, 3… within an epoch. A number is never used twice, whatever is delivered, dropped,
//     restarted or cut off. A file has one epoch; a new file begins a new one. Where it cannot be known which numbers
//     were given (stamp.ts), those that may have been are skipped, and a gap record names them.
// B3  A segment leaves the file only when all its entries were acknowledged, or when it was given up: then it is
//     counted and a gap record with its numbers is committed before the next entry.
// B4  Acknowledgements may be lost in a crash: what was acknowledged may be handed out again, never the reverse.
// B5  A row or payload whose checksum does not match is never decoded, and a number that is neither done with nor in a
//     sound segment is missed: it is given up as B3 says, and its neighbours live. A file whose books (meta.ts, done.ts,
//     dictionary.ts) or whose newest commits are not what was written is set aside.
// B6  The two lanes never hand out the same entry, and together hand out every entry that is not acknowledged.
// B7  Database and WAL stay within `maxSize` (the reserve of reserve.ts comes on top); what was delivered goes first,
//     then the oldest segments of the lowest priority are given up.
// B8  What was delivered and is kept (done.ts) is not pending: it is handed out again only by `replay`, once for each,
//     under its old numbers. It leaves when its time is over or its room is needed, which is no drop and no gap.

import { existsSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { entries, gapBatch } from '../model/batch.ts';
import { Fault } from '../model/fault.ts';
import type { Gap, GapReason } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import { fromMillis, now, type Timestamp } from '../model/time.ts';
import type { Buffer, Segment } from './contract.ts';
import { openDictionary } from './dictionary.ts';
import { doneTable, kept, numbersOf, without } from './done.ts';
import { markDamaged, type OpenedFile, openFile, openThere, replaceFile, type SetAside } from './file.ts';
import { readLane } from './lane.ts';
import { leaving, type Outlived, type Victims } from './leaving.ts';
import { type Meta, openMeta } from './meta.ts';
import { fewest, owing } from './owed.ts';
import { believed, patient } from './patient.ts';
import { presence } from './presence.ts';
import { add, overlaps, type Range, remove, size } from './ranges.ts';
import { noRoom, openReserve } from './reserve.ts';
import { isWriteError, storageFault } from './result.ts';
import { sync } from './schema.ts';
import { openStamp, provenHead, readStamp, thisBoot } from './stamp.ts';
import {
  type Encoded,
  encoded,
  insertSegment,
  type Row,
  readSegment,
  type SegmentStatements,
  segmentStatements,
  soundRow,
} from './table.ts';

export type { Buffer, BufferStats, Segment } from './contract.ts';
export type { Part } from './table.ts';

/** Room for the WAL within `maxSize`: `journal_size_limit` of file.ts. */
const WAL_BYTES = 16 * 1024 * 1024;
/** How often a gateway with nothing to commit writes that it is alive, ms: the longest that a false gap can reach back. */
const ALIVE_INTERVAL = 10_000;
/** How much an opening has to read after a crash: segments of this time, ms, while nothing is acknowledged. */
const HEAD_INTERVAL = 60_000;
/** A disk that is away for so long, ms, costs one segment; a sector that is gone holds up the others for so long. */
const READ_PATIENCE = 300_000;
/** Times of delivery are rounded up to this, ms, or to a twentieth of the window: a run of one time is one row. */
const KEPT_GRAIN = 5_000;

export interface BufferOptions {
  /** What waited longer than this, ms, is given up. Absent: nothing is. */
  readonly maxAge?: number | undefined;
  /** How long what was delivered is kept for a replay, ms. Absent or 0: not at all. */
  readonly keepDelivered?: number | undefined;
  /** How long a segment that the disk does not give is asked for again before it counts as damaged, ms; default: 5 min. */
  readonly readPatience?: number | undefined;
  /** Which run of the machine this is (stamp.ts); default: as the kernel says. */
  readonly boot?: string | undefined;
}

/** Opens the buffer at `path`, bounded to `maxSize` bytes. Throws a Fault as `openFile` says. */
export function openBuffer(path: string, maxSize: number, options: BufferOptions = {}): Buffer {
  let setAside: SetAside | undefined;
  const open = () => {
    const opened = openFile(path);
    setAside ??= opened.setAside;
    try {
      return useFile({ db: opened.db, ...(setAside && { setAside }) }, path, maxSize, options);
    } catch (error) {
      opened.db.close();
      throw storageFault(error, path);
    }
  };
  try {
    return believed(open);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'buffer.damaged') throw error;
    // The head of the file was sound, and what it holds is not.
    return useFile(replaceFile(path, error), path, maxSize, options);
  }
}

/** The stamp of the file that holds all below `found`, and the number that is given next. Throws as `provenHead`. */
function stampOf(path: string, epoch: string, boot: string, found: number, meta: Meta, db: Database) {
  if (meta.number('stamped') === 1) {
    const last = readStamp(path);
    const next = provenHead(last, epoch, found, boot, path);
    // What a killed gateway had written and not synced must not be delivered before it is safe.
    if (existsSync(`${path}-wal`)) sync(`${path}-wal`);
    return { ...openStamp(path, epoch, boot, last ?? { head: found, reserved: found, boot }), next };
  }
  // A new file, or one of an earlier version. That it has a stamp must be known whatever happens to the WAL.
  const stamp = openStamp(path, epoch, boot, { head: found, reserved: found, boot });
  stamp.begin();
  meta.set('stamped', 1);
  db.pragma('wal_checkpoint(TRUNCATE)');
  return { ...stamp, next: found };
}

/** What was committed since the file last wrote its head: segments without a hole. Throws when they are not. */
function readTail(sql: SegmentStatements, from: number, sound: (row: Row) => boolean, path: string) {
  let head = from;
  let readings = 0;
  let committed = 0;
  for (const row of sql.from.iterate(from) as Iterable<Row>) {
    if (row.first !== head || !sound(row))
      throw new Fault('buffer.damaged', `${path} is damaged: the segment at number ${head} is not what was written`);
    head = row.last + 1;
    readings += row.readings;
    committed = row.committed;
  }
  return { head, readings, committed };
}

/**
 * Opens a file that no gateway owns, for a command: all that is kept stays, nothing is made or set aside. Throws a Fault:
 * `buffer.locked`, `buffer.path` (there is no such file), `buffer.damaged` and as `openFile` says.
 */
export function openStopped(path: string): Buffer {
  const db = openThere(path);
  try {
    return useFile({ db }, path, Number.MAX_SAFE_INTEGER, { keepDelivered: Number.POSITIVE_INFINITY });
  } catch (error) {
    db.close();
    throw storageFault(error, path);
  }
}

function useFile({ db, setAside }: OpenedFile, path: string, maxSize: number, options: BufferOptions): Buffer {
  const { maxAge, keepDelivered = 0, boot = thisBoot(), readPatience = READ_PATIENCE } = options;
  const meta = openMeta(db, path);
  const { epoch } = meta;
  const names = openDictionary(db, meta, path);
  const pageSize = pragma(db, 'page_size');
  const maxPages = Math.max(64, Math.floor((maxSize - WAL_BYTES) / pageSize));

  const sql = segmentStatements(db);
  const summed = meta.number('summed');
  const sound = (row: Row) => soundRow(row, epoch, summed);
  const delivered = doneTable(db, meta, path);
  let done = delivered.found;
  const tail = readTail(sql, meta.number('next'), sound, path);
  const stamp = stampOf(path, epoch, boot, tail.head, meta, db);
  const reserve = openReserve(db, path, maxSize);
  const files = presence(db, path, stamp.renew);
  // Prepared once: what a statement that is made for each commit holds is freed only when the event loop turns.
  const pages = db.prepare('PRAGMA page_count').pluck();
  const free = db.prepare('PRAGMA freelist_count').pluck();
  const usedPages = () => Number(pages.get()) - Number(free.get());
  const payload = patient(sql.payload, readPatience);
  const choose = leaving(sql, { maxSize, maxPages, pageSize, maxAge, sound }, usedPages);

  const lastAlive = Math.max(tail.committed, meta.number('alive'));
  /** Until then everything that reached the gateway is on disk, ms since 1970. */
  let lastKnown = lastAlive;
  let head = stamp.next;
  /** Numbers that may have been given, in commits that are gone; booked with the next transaction. */
  let skipped: Range | undefined = head > tail.head ? [tail.head, head - 1] : undefined;
  let live = head;
  /** Readings in the file that are not done with. */
  let held = meta.number('held') + tail.readings;
  let backlog: Range[] = without(done.runs, 1, tail.head - 1);
  /** Numbers beyond `live` that are for the backfill lane, or were given up: the live lane passes them over. */
  let aside: Range[] = [];
  let acknowledged: Range[] = [];
  /** Those of them that were given up: a replay would give them up again. */
  let forgone: Range[] = [];
  let pending = { entries: size(backlog), readings: held };
  let tidied = skipped === undefined;
  let headWritten = performance.now();
  let closing = false;
  let commits = 0;
  let committedReadings = 0;
  let committedBytes = 0;
  let missingNumbers = 0;
  const dropped: Partial<Record<GapReason, number>> = {};
  /** Gap records about given-up segments, committed with the next append or tidy (B3). */
  let owed: Gap[] = [];

  const less = (entries: number, readings: number, sign = 1) => {
    const left = pending.entries - sign * entries;
    // Of numbers that are missing it is not known how many were readings.
    return { entries: left, readings: left === 0 ? 0 : Math.max(0, pending.readings - sign * readings) };
  };

  const lively = (): Range[] => aside.reduce((rest, [a, b]) => remove(rest, a, b), [[live, head - 1] as Range]);
  const waiting = (): Range[] => [...backlog, ...lively()].sort(([a], [b]) => a - b);
  /** Those of these numbers that were handed out and are not acknowledged. */
  function handedOut(first: number, last: number): Range[] {
    const skips = skipped === undefined ? [] : [skipped];
    const others = [...acknowledged, ...backlog, ...lively(), ...skips].filter(([a, b]) => a <= last && first <= b);
    const given = without(done.runs, first, Math.min(last, head - 1));
    return others.reduce((rest, [a, b]) => remove(rest, a, b), given);
  }
  const begun = performance.now() - meta.number('ran');
  /** How long gateways have run with this file, ms: the time by which kept segments age. */
  const ran = () => Math.floor(performance.now() - begun);
  const grain = Math.max(1, Math.min(KEPT_GRAIN, keepDelivered / 20));
  /** A full disk has no room for what was delivered. */
  const keeping = () => keepDelivered > 0 && !reserve.exhausted;

  function countDropped(reason: GapReason, readings: number): void {
    dropped[reason] = (dropped[reason] ?? 0) + readings;
  }

  /** @param readings undefined: not known; then each number counts as one, and the gap record says no count */
  function giveUp(
    reason: GapReason,
    first: number,
    last: number,
    readings: number | undefined,
    from: Timestamp,
    to: Timestamp,
  ): void {
    countDropped(reason, readings ?? last - first + 1);
    if (readings === undefined) missingNumbers += last - first + 1;
    const gap: Gap = {
      reason,
      from,
      to,
      ...(readings !== undefined && { count: readings }),
      range: { epoch, first, last },
    };
    owed = owing(owed, gap);
    tidied = false;
  }

  function evict(rows: readonly Row[], reason: GapReason): void {
    for (const row of rows) {
      const { first, last, readings, oldest, newest } = row;
      // What a gap record says of numbers must not be lost with it: nothing else tells of them.
      const gaps = last - first + 1 > readings ? (readSegment(row, payload)?.gaps ?? []) : [];
      for (const gap of gaps) if (gap.range !== undefined) owed = owing(owed, gap);
      giveUp(reason, first, last, readings, oldest, newest);
      pending = less(last - first + 1, readings);
      backlog = remove(backlog, first, last);
      if (last >= live) aside = add(aside, Math.max(first, live), last);
    }
    leave(numbersOf(rows), rows);
  }

  /** These whole segments are done with and leave the file. Only within a transaction that ends with `writeHead`. */
  function leave(ranges: readonly Range[], rows: readonly Row[]): void {
    for (const { first } of rows) sql.deleteOne.run(first);
    done = delivered.leave(done, ranges);
    release(rows);
  }

  function release(rows: readonly Row[], sign = 1): void {
    held = Math.max(0, held - sign * rows.reduce((sum, { readings }) => sum + readings, 0));
  }

  /** As `leave`, of what was delivered and kept. */
  function dropKept({ ranges, rows }: Outlived): void {
    for (const { first } of rows) sql.deleteOne.run(first);
    done = delivered.leave(done, ranges, rows);
  }

  function writeHead(idle: boolean): void {
    meta.set('next', head);
    if (idle) lastKnown = Date.now();
    meta.set('alive', lastKnown);
    meta.set('ran', ran());
    meta.set('held', held);
    delivered.write(done);
    headWritten = performance.now();
  }

  const transact = (work: () => void): void => {
    const numbers = { head, pending, held, done, backlog, aside, skipped };
    const before = { owed, tidied, committedBytes, dropped: { ...dropped } };
    const attempt = () => {
      try {
        db.transaction(() => {
          work();
          bookSkipped();
        }).immediate();
      } catch (error) {
        // The file is as it was (B1); so must be what is remembered of it.
        ({ head, pending, held, done, backlog, aside, skipped } = numbers);
        ({ owed, tidied, committedBytes } = before);
        for (const reason of Object.keys(dropped) as GapReason[]) delete dropped[reason];
        Object.assign(dropped, before.dropped);
        throw error;
      }
    };
    told(attempt);
  };

  function failure(error: unknown): Fault {
    if (error instanceof Fault) return error;
    // SQLite tells a disk that is full from one that fails, and a quota that is used up it does not know.
    const quota = isWriteError(error) && noRoom(path);
    const fault = quota
      ? new Fault('buffer.full', `${path}: the disk or its quota is full; free some space`, error)
      : storageFault(error, path);
    if (fault.code === 'buffer.damaged') markDamaged(path, fault.message);
    if (fault.code === 'buffer.full') reserve.release();
    return fault;
  }

  /** Whatever the file does under `work` is told as a Fault. */
  function told<T>(work: () => T): T {
    try {
      return believed(work);
    } catch (error) {
      throw failure(error);
    }
  }

  function store(part: Encoded, committed: number): void {
    stamp.reserve(head + entries(part.batch));
    const end = insertSegment(sql.insert, part, epoch, committed, head);
    committedBytes += part.payload.length;
    pending = { entries: pending.entries + end - head, readings: pending.readings + part.batch.count };
    held += part.batch.count;
    if (part.batch.stream === 'backfill') {
      backlog = add(backlog, head, end - 1);
      aside = add(aside, head, end - 1);
    }
    head = end;
  }

  function bookSkipped(): void {
    if (skipped === undefined) return;
    const [first, last] = skipped;
    // A clock that was set back must not make the end come before the beginning.
    const from = lastAlive > 0 ? Math.min(fromMillis(lastAlive), now()) : now();
    const gap: Gap = { reason: 'numbers-skipped', from, to: now(), range: { epoch, first, last } };
    done = delivered.leave(done, [skipped]);
    skipped = undefined;
    store(encoded({ priority: 'high', batch: gapBatch([gap]) }), Date.now());
    writeHead(false);
  }

  function appendAll(parts: readonly Encoded[], instead: Victims, committed = Date.now()): void {
    bookSkipped();
    dropKept(instead.kept);
    evict(instead.waiting, 'buffer-full');
    const debts = owed.length > 0 ? [encoded({ priority: 'high', batch: gapBatch(fewest(owed)) })] : [];
    owed = [];
    for (const part of [...debts, ...parts]) store(part, committed);
    if (instead.kept.ranges.length + instead.waiting.length > 0) writeHead(false);
  }

  function forgo(first: number, last: number, readings: number): void {
    forgone = add(forgone, first, last);
    buffer.ack(first, last, readings);
  }

  function commit(payloads: readonly Encoded[], known: number): void {
    const instead = told(() => choose.victims(payloads, done, waiting()));
    transact(() => appendAll(payloads, instead, known));
    stamp.write(head);
  }

  /** Gives the room of what was delivered to what is new; false when there is none. */
  function letGo(): boolean {
    const over = told(() => choose.outlived(done, Number.POSITIVE_INFINITY));
    if (over.rows.length > 0)
      transact(() => {
        dropKept(over);
        writeHead(false);
      });
    return over.rows.length > 0;
  }

  /** When a missing number was committed, at the earliest and the latest, by the segments around it. */
  function timesOf({ first, last }: { first: number; last: number }): [from: Timestamp, to: Timestamp] {
    const before = sql.before.get(first) as Row | undefined;
    const after = sql.from.get(last + 1) as Row | undefined;
    const from = before !== undefined && sound(before) ? before.committed : madeAt(epoch);
    const to = after !== undefined && sound(after) ? after.committed : Date.now();
    return [fromMillis(Math.min(from, to)), fromMillis(to)];
  }

  function take(stream: Stream, limit: number): Segment[] {
    const [start, last] = (stream === 'live' ? lively()[0] : backlog[0]) ?? [];
    if (start === undefined || last === undefined || start > last) return [];
    const { segments, lost, end } = readLane({ from: sql.from, payload }, start, last, limit, sound);
    if (stream === 'live') {
      live = end + 1;
      aside = aside.filter(([, last]) => last >= live);
    } else backlog = remove(backlog, start, end);
    for (const hole of lost) {
      const readings = hole.row?.readings;
      const [from, to] = hole.row === undefined ? timesOf(hole) : [hole.row.oldest, hole.row.newest];
      giveUp('buffer-damaged', hole.first, hole.last, readings, from, to);
      forgo(hole.first, hole.last, readings ?? hole.last - hole.first + 1);
    }
    return [...segments];
  }

  /** What of an acknowledged range can be settled: not the segments at its ends of which only a part is acknowledged. */
  function settled([first, last]: Range): { range: Range; rows: readonly Row[] } {
    const before = sql.before.get(first) as Row | undefined;
    const from = before !== undefined && sound(before) && before.last >= first ? before.last + 1 : first;
    const rows = sql.within.all(from, last) as Row[];
    const end = rows.at(-1);
    if (end === undefined || end.last <= last || !sound(end)) return { range: [from, last], rows };
    return { range: [from, end.first - 1], rows: rows.slice(0, -1) };
  }

  function tidy(idle: boolean): void {
    if (!closing) reserve.restore(performance.now());
    const old = choose.expired(waiting());
    const over = choose.outlived(done, keeping() ? ran() - keepDelivered : Number.POSITIVE_INFINITY);
    const late = head > meta.number('next') && performance.now() - headWritten > HEAD_INTERVAL;
    const silent = idle && Date.now() - lastKnown > ALIVE_INTERVAL;
    if (tidied && old.length + over.ranges.length === 0 && !late && !silent) return;
    const ripe = acknowledged.map(settled).filter(({ range: [first, last] }) => first <= last);
    const rows = ripe.flatMap((each) => each.rows);
    const stays = (row: Row) => keeping() && sound(row) && !overlaps(forgone, row.first, row.last);
    const stay = rows.filter(stays);
    const removable = rows.filter((row) => !stays(row) && choose.isRemovable(row));
    const ranges = ripe.map(({ range }) => range);
    transact(() => {
      leave(ranges, removable);
      release(stay);
      done = delivered.keep(done, stay, Math.ceil(ran() / grain) * grain);
      dropKept(over);
      evict(old, 'buffer-age');
      if (owed.length > 0) appendAll([], { kept: { ranges: [], rows: [] }, waiting: [] });
      writeHead(idle);
    });
    stamp.write(head);
    // A segment of which only a part is acknowledged stays, and so does the memory of that part.
    for (const [first, last] of ranges) acknowledged = remove(acknowledged, first, last);
    forgone = forgone.filter(([first, last]) => overlaps(acknowledged, first, last));
    tidied = true;
  }

  const dictionary: typeof names = { get: names.get, intern: (tags) => told(() => names.intern(tags)) };

  const buffer: Buffer = {
    epoch,
    lastAlive: lastAlive > 0 ? fromMillis(lastAlive) : null,
    setAside: setAside?.path,
    dictionary,

    append(parts, known = Date.now()) {
      const payloads = parts.filter(({ batch }) => entries(batch) > 0).map(encoded);
      try {
        commit(payloads, known);
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'buffer.full' || !letGo()) throw error;
        commit(payloads, known);
      }
      commits++;
      lastKnown = known;
      for (const { batch } of parts) committedReadings += batch.count;
    },

    waiting(stream) {
      return size(stream === 'live' ? lively() : backlog);
    },

    next(stream, limit) {
      return told(() => take(stream, limit));
    },

    ack(first, last, readings) {
      const news = handedOut(first, last);
      if (news.length === 0) return;
      for (const [a, b] of news) acknowledged = add(acknowledged, a, b);
      pending = less(size(news), Math.min(readings, size(news)));
      tidied = false;
    },

    split() {
      for (const [first, last] of lively()) if (first <= last) backlog = add(backlog, first, last);
      live = head;
      aside = [];
    },

    giveUp(reason, first, last, readings, [from, to] = [now(), now()]) {
      giveUp(reason, first, last, readings, from, to);
      forgo(first, last, readings);
    },

    tidy(idle) {
      told(() => {
        files.check();
        tidy(idle);
      });
    },

    replay(from, to) {
      // What was acknowledged since the last tick is kept by this.
      buffer.tidy(false);
      const rows = told(() =>
        kept(done)
          .flatMap((run) => sql.between.all(run.first, run.last, from, to) as Row[])
          .filter(sound),
      );
      if (rows.length === 0) return 0;
      transact(() => {
        done = delivered.recall(done, rows);
        release(rows, -1);
        for (const { first, last, readings } of rows) pending = less(last - first + 1, readings, -1);
        for (const [first, last] of numbersOf(rows)) backlog = add(backlog, first, last);
        writeHead(false);
      });
      return rows.reduce((sum, { readings }) => sum + readings, 0);
    },

    stats() {
      const next = waiting()[0]?.[0] ?? head;
      const oldest = told(() => sql.committedAt.get(next)) as { committed: number } | undefined;
      return {
        pending: pending.entries,
        pendingReadings: pending.readings,
        bytes: told(usedPages) * pageSize + WAL_BYTES,
        committedReadings,
        committedBytes,
        dropped: { ...dropped },
        missingNumbers,
        backlog: size(backlog),
        oldest: oldest?.committed ?? null,
        commits,
        keptReadings: done.readings,
        keptBytes: done.bytes,
        maxBytes: maxSize,
      };
    },

    close(idle = true) {
      if (!db.open) return;
      closing = true;
      try {
        tidied = false;
        told(() => tidy(idle));
        told(() => db.pragma('wal_checkpoint(TRUNCATE)'));
        stamp.settle(head);
      } catch (error) {
        throw failure(error);
      } finally {
        stamp.close();
        db.close();
      }
    },
  };

  if (setAside) {
    // What the lost file held is not known: everything since it was made may be missing.
    owed = [{ reason: 'buffer-damaged', from: Math.min(fromMillis(setAside.since), now()), to: now() }];
    tidied = false;
  }
  return buffer;
}

/** When an epoch began, by its name, ms since 1970. */
function madeAt(epoch: string): number {
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)-/.exec(epoch) ?? [];
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return Number.isNaN(at) ? 0 : at;
}

function pragma(db: Database, name: string): number {
  return db.pragma(name, { simple: true }) as number;
}
