// The store, seen from the acquisition side: `append` returns at once and never waits for disk or hub. What waits
// for its commit is bounded; beyond the bound readings are refused (overload.ts): all but the newest of each tag are
// counted as `store-overload`, and a gap record says from when to when.

import { Worker } from 'node:worker_threads';
import type { ControlDesk } from '../delivery/control.ts';
import { type Batch, bytesOf, entries } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import type { Tag } from '../model/tag.ts';
import { now, type Timestamp } from '../model/time.ts';
import { controlOfWorker } from './control.ts';
import { type Overload, overload } from './overload.ts';
import type { FromWorker, StoreOptions, StoreStats, ToWorker } from './port.ts';
import { replays } from './replays.ts';

export type { StoreOptions, StoreStats } from './port.ts';

/** Memory that may wait for its commit, in bytes: a minute of 50,000 readings a second. */
const MAX_WAITING_BYTES = 96 * 1024 * 1024;
/** How long the thread may take to end beyond its deadline, ms, before it is stopped. */
const CLOSE_GRACE = 10_000;

export interface Store {
  readonly epoch: string;
  /** When the gateway that used this buffer before was last known to be alive. */
  readonly lastAlive: Timestamp | null;
  /** Must come before the first batch that names these tags. */
  define(tags: readonly Tag[]): void;
  /** Hands a batch over; its columns must not be used afterwards. */
  append(batch: Batch): void;
  /**
   * What was delivered within `buffer.keepDelivered` and holds readings of this time is sent again, under its old
   * numbers. Rejects with a Fault after at most 10 s.
   */
  replay(from: Timestamp, to: Timestamp): Promise<{ readonly readings: number }>;
  /** Most messages per second while a backlog drains, from now on; undefined: no limit. */
  limitDrain(perSecond: number | undefined): void;
  /** Gives twin and direct methods to a desk, from now on. A hub without them brings nothing. */
  control(desk: ControlDesk): void;
  /** Counters as of the last second. */
  stats(): StoreStats & WaitingStats;
  /** Rejects when the storage thread ends by itself: nothing can be kept any more, and the process should end. */
  readonly broken: Promise<never>;
  /** Commits what was appended, sends for at most `deadline` ms, ends the thread. Resolves with the last counters. */
  close(deadline: number): Promise<StoreStats & WaitingStats>;
}

export interface WaitingStats {
  /** Readings given to `append`. */
  readonly accepted: number;
  /** Handed over and not yet committed. */
  readonly waiting: { readonly batches: number; readonly bytes: number };
  /** Readings lost because too much waited. */
  readonly refused: number;
  /** Readings that the disk did not take until the end; known when the store is closed. */
  readonly uncommitted: number;
}

/** Starts the storage thread. Rejects with the Fault that keeps the buffer from being opened. */
export function openStore(options: StoreOptions, log: Log): Promise<Store> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options, name: 'fieldgate-store' });
  const sizes: number[] = [];
  let waitingBytes = 0;
  let accepted = 0;
  let refused = 0;
  let uncommitted = 0;
  let overloaded: Overload | undefined;
  let stats: StoreStats;
  let closing = false;
  const closed = Promise.withResolvers<void>();
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});

  const post = (message: ToWorker, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);

  const replaying = replays(post);
  const control = controlOfWorker(post);

  function hand(batch: Batch): void {
    const bytes = bytesOf(batch);
    sizes.push(bytes);
    waitingBytes += bytes;
    const { tag, time, status, kind, number } = batch;
    const buffers = [tag, time, status, kind, number].filter((c) => c.length > 0).map((c) => c.buffer as ArrayBuffer);
    post({ type: 'append', batch, at: Date.now() }, [...new Set(buffers)]);
  }

  function refuse(batch: Batch): void {
    if (overloaded === undefined) {
      overloaded = overload(now());
      log('error', 'readings arrive faster than the disk takes them; they are being dropped and counted');
    }
    refused += overloaded.refuse(batch);
  }

  /** Ends an overload as soon as there is room or, at the end, at once. */
  function recover(room = waitingBytes <= MAX_WAITING_BYTES / 2): void {
    if (overloaded === undefined || !room) return;
    const rest = overloaded.end(now());
    overloaded = undefined;
    if (entries(rest) > 0) hand(rest);
  }

  function end(error: unknown): void {
    closed.resolve();
    replaying.end();
    control.end();
    if (!closing) broken.reject(Fault.from(error, 'internal.unexpected', 'the storage thread ended'));
  }

  const store: Omit<Store, 'epoch' | 'lastAlive'> = {
    define: (tags) => post({ type: 'define', tags }),
    append(batch) {
      if (entries(batch) === 0) return;
      accepted += batch.count;
      if (overloaded !== undefined || waitingBytes > MAX_WAITING_BYTES) refuse(batch);
      else hand(batch);
    },
    replay: replaying.ask,
    limitDrain: (perSecond) => post({ type: 'drain-limit', perSecond: perSecond ?? null }),
    control: control.attach,
    stats: () => ({
      ...stats,
      waiting: { batches: sizes.length, bytes: waitingBytes },
      accepted,
      refused,
      uncommitted,
    }),
    broken: broken.promise,
    async close(deadline) {
      closing = true;
      recover(true);
      post({ type: 'close', deadline });
      const timer = setTimeout(() => {
        log('error', 'the storage thread did not end in time and is stopped; what it had committed is kept');
        closed.resolve();
      }, deadline + CLOSE_GRACE);
      await closed.promise;
      clearTimeout(timer);
      await worker.terminate();
      return store.stats();
    },
  };

  return new Promise((resolve, reject) => {
    worker.on('error', (error) => {
      reject(new Fault('internal.unexpected', `the storage thread failed: ${describe(error)}`, error));
      end(error);
    });
    worker.on('exit', () => end(new Error('it exited')));
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'ready':
          stats = message.stats;
          if (message.setAside !== undefined) {
            log('error', 'the buffer file was damaged; it is set aside and a new one is begun', {
              setAside: message.setAside,
            });
          }
          return resolve({ ...store, epoch: message.epoch, lastAlive: message.lastAlive });
        case 'failed':
          closing = true;
          return reject(new Fault(message.code, message.message));
        case 'committed':
          for (const bytes of sizes.splice(0, message.batches)) waitingBytes -= bytes;
          return recover();
        case 'replayed':
          return replaying.answered(message.id, message.result);
        case 'desired':
        case 'call':
        case 'reporting':
        case 'reported':
          return control.heard(message);
        case 'stats':
          stats = message.stats;
          return;
        case 'log':
          return log(message.level, message.text, message.fields);
        case 'closed':
          ({ stats, uncommitted } = message);
          return closed.resolve();
      }
    });
  });
}
