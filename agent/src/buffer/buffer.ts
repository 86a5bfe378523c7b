// The buffer: every accepted reading is on disk before anything else happens to it. Its invariants:
//
// B1  When `append` returns, its entries are committed and synced; when it throws, none of them is.
// B2  Entries are numbered 1, 2, 3… within an epoch. A number is never used twice, whatever is delivered, dropped
//     or restarted. A file has one epoch; a new file begins a new one.
// B3  A segment leaves the file only when all its entries were acknowledged, or when it was given up: then it is
//     counted and a gap record with its numbers is committed before the next entry.
// B4  Acknowledgements may be lost in a crash: what was acknowledged may be handed out again, never the reverse.
// B5  A payload whose CRC does not match is never decoded: it is given up as B3 says, and its neighbours live.
// B6  The two lanes never hand out the same entry, and together hand out every entry that is not acknowledged.
// B7  Database and WAL stay within `maxSize` (the reserve of reserve.ts comes on top); what was delivered goes first,
//     then the oldest segments of the lowest priority are given up.
// B8  What was delivered and is kept (kept.ts) is not pending: it is handed out again only by `replay`, once for each,
//     under its old numbers. It leaves when its time is over or its room is needed, which is no drop and no gap.

import type { Database } from 'better-sqlite3';
import { entries, gapBatch } from '../model/batch.ts';
import { Fault } from '../model/fault.ts';
import type { Gap, GapReason } from '../model/gap.ts';
import type { Stream } from '../model/stream.ts';
import { fromMillis, now, type Timestamp } from '../model/time.ts';
import type { Buffer, Segment } from './contract.ts';
import { openDictionary } from './dictionary.ts';
import { markDamaged, type OpenedFile, openFile, replaceFile, storageFault } from './file.ts';
import { type Holdings, readHoldings, withoutSegment, withSegment, writeHoldings } from './holdings.ts';
import { type KeptRow, keptTable, numbersOf, readKept } from './kept.ts';
import { leaving, type Victims } from './leaving.ts';
import { openMeta } from './meta.ts';
import { add, overlaps, type Range, remove, size } from './ranges.ts';
import { openReserve } from './reserve.ts';
import { type Encoded, encoded, insertSegment, type Row, readSegment, segmentStatements } from './table.ts';

export type { Buffer, BufferStats, Segment } from './contract.ts';
export type { Part } from './table.ts';

/** Room for the WAL within `maxSize`: `journal_size_limit` of file.ts. */
const WAL_BYTES = 16 * 1024 * 1024;
/** How often a gateway with nothing to commit writes that it is alive, ms: the longest that a false gap can reach back. */
const ALIVE_INTERVAL = 10_000;
/** How much an opening has to read after a crash: segments of this time, ms, while nothing is acknowledged. */
const HEAD_INTERVAL = 60_000;
/** Payloads handed out at once, in bytes: bounds the memory of delivery when values are large. */
const MAX_TAKE_BYTES = 1024 * 1024;

export interface BufferOptions {
  /** What waited longer than this, ms, is given up. Absent: nothing is. */
  readonly maxAge?: number | undefined;
  /** How long what was delivered is kept for a replay, ms. Absent or 0: not at all. */
  readonly keepDelivered?: number | undefined;
}

/** Opens the buffer at `path`, bounded to `maxSize` bytes. Throws a Fault as `openFile` says. */
export function openBuffer(path: string, maxSize: number, options: BufferOptions = {}): Buffer {
  const opened = openFile(path);
  try {
    return useFile(opened, path, maxSize, options);
  } catch (error) {
    opened.db.close();
    const fault = storageFault(error, path);
    if (fault.code !== 'buffer.damaged') throw fault;
    // The head of the file was sound, and what it holds is not.
    return useFile(replaceFile(path, fault), path, maxSize, options);
  }
}

function useFile({ db, setAside }: OpenedFile, path: string, maxSize: number, options: BufferOptions): Buffer {
  const { maxAge, keepDelivered = 0 } = options;
  const meta = openMeta(db);
  const epoch = meta.epoch();
  const dictionary = openDictionary(db);
  const pageSize = pragma(db, 'page_size');
  const maxPages = Math.max(64, Math.floor((maxSize - WAL_BYTES) / pageSize));

  const sql = segmentStatements(db);
  const reserve = openReserve(db, path, maxSize);
  const usedPages = () => pragma(db, 'page_count') - pragma(db, 'freelist_count');
  const choose = leaving(sql, { maxSize, maxPages, pageSize, maxAge }, usedPages);
  const delivered = keptTable(db, meta);

  const newest = sql.newest.get() as { readonly last: number; readonly committed: number } | undefined;
  const lastAlive = Math.max(newest?.committed ?? 0, meta.number('alive'));
  /** Until then everything that reached the gateway is on disk, ms since 1970. */
  let lastKnown = lastAlive;
  let head = Math.max((newest?.last ?? 0) + 1, meta.number('next'), 1);
  let live = head;
  const found = readKept(db);
  let kept = found ?? delivered.clear();
  let held = readHoldings(meta, sql, found);
  let backlog: Range[] = [...held.ranges];
  let acknowledged: Range[] = [];
  /** Those of them that were given up: a replay would give them up again. */
  let forgone: Range[] = [];
  let pending: Pick<Holdings, 'entries' | 'readings'> = held;
  let tidied = true;
  let headWritten = performance.now();
  let closing = false;
  let commits = 0;
  let committedReadings = 0;
  let committedBytes = 0;
  const dropped: Partial<Record<GapReason, number>> = {};
  /** Gap records about given-up segments, committed with the next append or tidy (B3). */
  let owed: Gap[] = [];

  const less = (first: number, last: number, readings: number, sign = 1) => ({
    entries: pending.entries - sign * (last - first + 1),
    readings: pending.readings - sign * readings,
  });

  const waiting = (): Range[] => [...backlog, [live, head - 1]];
  const begun = performance.now() - meta.number('ran');
  /** How long gateways have run with this file, ms: the time by which kept segments age. */
  const ran = () => Math.floor(performance.now() - begun);
  /** A full disk has no room for what was delivered. */
  const keeping = () => keepDelivered > 0 && !reserve.exhausted;

  function countDropped(reason: GapReason, readings: number): void {
    dropped[reason] = (dropped[reason] ?? 0) + readings;
  }

  function giveUp(
    reason: GapReason,
    first: number,
    last: number,
    readings: number,
    from: Timestamp,
    to: Timestamp,
  ): void {
    countDropped(reason, readings);
    const previous = owed.at(-1);
    if (previous?.reason === reason && previous.range?.last === first - 1 && previous.to !== null) {
      const range = { epoch, first: previous.range.first, last };
      owed[owed.length - 1] = {
        reason,
        from: Math.min(previous.from, from),
        to: Math.max(previous.to, to),
        count: (previous.count ?? 0) + readings,
        range,
      };
    } else {
      owed.push({ reason, from, to, count: readings, range: { epoch, first, last } });
    }
    tidied = false;
  }

  function evict(rows: readonly Row[], reason: GapReason): void {
    for (const { first, last, readings, oldest, newest } of rows) {
      giveUp(reason, first, last, readings, oldest, newest);
      drop({ first, last, readings });
      pending = less(first, last, readings);
      backlog = remove(backlog, first, last);
    }
  }

  /** Only within a transaction that ends with `writeHead`. */
  function drop(row: Pick<Row, 'first' | 'last' | 'readings'>): void {
    sql.deleteOne.run(row.first);
    held = withoutSegment(held, row);
  }

  /** As `drop`, of what was delivered. */
  function keep(rows: readonly KeptRow[]): void {
    kept = delivered.keep(kept, rows, ran());
    for (const row of rows) held = withoutSegment(held, row);
  }

  function dropKept(rows: readonly KeptRow[]): void {
    for (const { first } of rows) sql.deleteOne.run(first);
    kept = delivered.forget(kept, rows);
  }

  function writeHead(idle: boolean): void {
    meta.set('next', head);
    if (idle) lastKnown = Date.now();
    meta.set('alive', lastKnown);
    meta.set('ran', ran());
    writeHoldings(meta, held);
    headWritten = performance.now();
  }

  const transact = (work: () => void): void => {
    const before = { head, pending, held, kept, backlog, owed, tidied, committedBytes, dropped: { ...dropped } };
    try {
      db.transaction(work).immediate();
    } catch (error) {
      // The file is as it was (B1); so must be what is remembered of it.
      ({ head, pending, held, kept, backlog, owed, tidied, committedBytes } = before);
      for (const reason of Object.keys(dropped) as GapReason[]) delete dropped[reason];
      Object.assign(dropped, before.dropped);
      throw failure(error);
    }
  };

  function failure(error: unknown): Fault {
    const fault = storageFault(error, path);
    if (fault.code === 'buffer.damaged') markDamaged(path, fault.message);
    if (fault.code === 'buffer.full') reserve.release();
    return fault;
  }

  /** Whatever the file does under `work` is told as a Fault. */
  function told<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw failure(error);
    }
  }

  function appendAll(parts: readonly Encoded[], instead: Victims): void {
    owed = [...owed];
    dropKept(instead.kept);
    evict(instead.waiting, 'buffer-full');
    const debts = owed.length > 0 ? [encoded({ priority: 'high', batch: gapBatch(owed) })] : [];
    owed = [];
    const committed = Date.now();
    for (const part of [...debts, ...parts]) {
      const end = insertSegment(sql.insert, part, committed, head);
      committedBytes += part.payload.length;
      pending = { entries: pending.entries + end - head, readings: pending.readings + part.batch.count };
      held = withSegment(held, { first: head, last: end - 1, readings: part.batch.count });
      head = end;
    }
    if (instead.waiting.length > 0) writeHead(false);
  }

  function forgo(first: number, last: number, readings: number): void {
    forgone = add(forgone, first, last);
    buffer.ack(first, last, readings);
  }

  function commit(payloads: readonly Encoded[]): void {
    const instead = told(() => choose.victims(payloads, kept, waiting()));
    transact(() => appendAll(payloads, instead));
  }

  /** Gives the room of what was delivered to what is new; false when there is none. */
  function letGo(): boolean {
    const rows = told(() => choose.outlived(kept, Number.POSITIVE_INFINITY));
    if (rows.length > 0) transact(() => dropKept(rows));
    return rows.length > 0;
  }

  function take(stream: Stream, limit: number): Segment[] {
    const start = stream === 'live' ? live : backlog[0]?.[0];
    const end = stream === 'live' ? head - 1 : backlog[0]?.[1];
    if (start === undefined || end === undefined || start > end) return [];
    const segments: Segment[] = [];
    let expected = start;
    let bytes = 0;
    const damaged: Row[] = [];
    for (const row of sql.from.iterate(start) as Iterable<Row>) {
      const enough = row.last - start >= limit || bytes >= MAX_TAKE_BYTES;
      if (row.first > end || (segments.length > 0 && (row.first !== expected || enough))) break;
      bytes += row.bytes;
      const batch = readSegment(row, sql.payload);
      expected = row.last + 1;
      if (batch === undefined) {
        damaged.push(row);
        if (segments.length > 0) break;
      } else {
        segments.push({ first: row.first, last: row.last, committed: row.committed, batch });
      }
    }
    for (const row of damaged) {
      giveUp('buffer-damaged', row.first, row.last, row.readings, row.oldest, row.newest);
      forgo(row.first, row.last, row.readings);
    }
    // Numbers without a segment before `expected` were delivered or given up already.
    const handed = segments.length + damaged.length > 0 ? expected - 1 : end;
    if (stream === 'live') live = handed + 1;
    else backlog = remove(backlog, start, handed);
    return segments;
  }

  function tidy(idle: boolean): void {
    if (!closing) reserve.restore(performance.now());
    const old = choose.expired(waiting());
    const over = choose.outlived(kept, keeping() ? ran() - keepDelivered : Number.POSITIVE_INFINITY);
    const late = head > meta.number('next') && performance.now() - headWritten > HEAD_INTERVAL;
    const silent = idle && Date.now() - lastKnown > ALIVE_INTERVAL;
    if (tidied && old.length + over.length === 0 && !late && !silent) return;
    const done = acknowledged.flatMap(([first, last]) => sql.within.all(first, last, last) as KeptRow[]);
    const stay = new Set(keeping() ? done.filter(({ first, last }) => !overlaps(forgone, first, last)) : []);
    const removable = done.filter((row) => !stay.has(row) && choose.isRemovable(row));
    transact(() => {
      keep([...stay]);
      for (const row of removable) drop(row);
      dropKept(over);
      owed = [...owed];
      evict(old, 'buffer-age');
      if (owed.length > 0) appendAll([], { kept: [], waiting: [] });
      writeHead(idle);
    });
    for (const [first, last] of numbersOf([...stay, ...removable].sort((a, b) => a.first - b.first)))
      acknowledged = remove(acknowledged, first, last);
    // A segment of which only a part is acknowledged stays, and so does the memory of that part.
    acknowledged = acknowledged.filter(([first, last]) => Number(sql.lastFrom.get(last) ?? 0) >= first);
    forgone = forgone.filter(([first, last]) => overlaps(acknowledged, first, last));
    tidied = true;
  }

  const buffer: Buffer = {
    epoch,
    lastAlive: lastAlive > 0 ? fromMillis(lastAlive) : null,
    setAside: setAside?.path,
    dictionary,

    append(parts) {
      const payloads = parts.filter(({ batch }) => entries(batch) > 0).map(encoded);
      try {
        commit(payloads);
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'buffer.full' || !letGo()) throw error;
        commit(payloads);
      }
      commits++;
      lastKnown = Date.now();
      for (const { batch } of parts) committedReadings += batch.count;
    },

    waiting(stream) {
      return stream === 'live' ? head - live : size(backlog);
    },

    next(stream, limit) {
      return told(() => take(stream, limit));
    },

    ack(first, last, readings) {
      acknowledged = add(acknowledged, first, last);
      pending = less(first, last, readings);
      tidied = false;
    },

    split() {
      if (live < head) backlog = add(backlog, live, head - 1);
      live = head;
    },

    giveUp(reason, first, last, readings) {
      giveUp(reason, first, last, readings, now(), now());
      forgo(first, last, readings);
    },

    tidy(idle) {
      told(() => tidy(idle));
    },

    replay(from, to) {
      // What was acknowledged since the last tick is kept by this.
      buffer.tidy(false);
      const rows = told(() => kept.runs.flatMap((run) => sql.between.all(run.first, run.last, from, to) as KeptRow[]));
      if (rows.length === 0) return 0;
      transact(() => {
        kept = delivered.forget(kept, rows);
        for (const row of rows) {
          held = withSegment(held, row);
          pending = less(row.first, row.last, row.readings, -1);
        }
        for (const [first, last] of numbersOf(rows)) backlog = add(backlog, first, last);
        writeHead(false);
      });
      return rows.reduce((sum, { readings }) => sum + readings, 0);
    },

    stats() {
      const next = backlog[0]?.[0] ?? live;
      const oldest = told(() => sql.committedAt.get(next)) as { committed: number } | undefined;
      return {
        pending: pending.entries,
        pendingReadings: pending.readings,
        bytes: told(usedPages) * pageSize + WAL_BYTES,
        committedReadings,
        committedBytes,
        dropped: { ...dropped },
        backlog: size(backlog),
        oldest: oldest?.committed ?? null,
        commits,
        keptReadings: kept.readings,
        keptBytes: kept.bytes,
      };
    },

    close(idle = true) {
      if (!db.open) return;
      closing = true;
      try {
        tidied = false;
        buffer.tidy(idle);
        db.pragma('wal_checkpoint(TRUNCATE)');
      } catch (error) {
        throw failure(error);
      } finally {
        db.close();
      }
    },
  };

  if (setAside) {
    // What the lost file held is not known: everything since it was made may be missing.
    owed.push({ reason: 'buffer-damaged', from: fromMillis(setAside.since), to: now() });
    tidied = false;
  }
  return buffer;
}

function pragma(db: Database, name: string): number {
  return db.pragma(name, { simple: true }) as number;
}
