// The wall between acquisition and storage: what crosses it, and nothing else. Batches and tags go one way,
// counters and log lines come back; columns are handed over, not copied.

import type { BufferStats } from '../buffer/buffer.ts';
import type { SalvageStats } from '../buffer/salvage.ts';
import type { BufferConfig } from '../config/schema/buffer.ts';
import type { HubConfig } from '../config/schema/hub.ts';
import type { ForwarderStats } from '../delivery/forwarder.ts';
import type { Batch } from '../model/batch.ts';
import type { FaultCode } from '../model/fault.ts';
import type { Level } from '../model/log.ts';
import type { Tag } from '../model/tag.ts';
import type { Timestamp } from '../model/time.ts';
import type { ControlFromWorker, ControlToWorker } from './control.ts';

/** What the storage thread is started with. */
export interface StoreOptions {
  readonly site: string;
  readonly gateway: string;
  readonly buffer: BufferConfig;
  readonly hub: HubConfig;
  /** Names of the direct methods that the acquisition side answers. */
  readonly methods?: readonly string[];
}

export type ToWorker =
  | { readonly type: 'define'; readonly tags: readonly Tag[] }
  /** `at`: when it was accepted, ms since 1970. */
  | { readonly type: 'append'; readonly batch: Batch; readonly at: number }
  /** Send again what was delivered and holds readings of this time; answered by `replayed` with the same id. */
  | { readonly type: 'replay'; readonly id: number; readonly from: Timestamp; readonly to: Timestamp }
  | ControlToWorker
  /** Most messages per second while a backlog drains, from now on; null: no limit. */
  | { readonly type: 'drain-limit'; readonly perSecond: number | null }
  /** Commit, send for at most `deadline` ms, end. */
  | { readonly type: 'close'; readonly deadline: number };

export interface StoreStats {
  readonly buffer: BufferStats;
  readonly forwarder: ForwarderStats;
  /** Files that were set aside and whose readings are being delivered, or have been since the start. */
  readonly salvage: readonly SalvageStats[];
}

/** How many readings, or why none. */
export type ReplayResult = { readonly readings: number } | { readonly code: FaultCode; readonly message: string };

export type FromWorker =
  | {
      readonly type: 'ready';
      readonly epoch: string;
      readonly lastAlive: Timestamp | null;
      readonly setAside: string | undefined;
      readonly stats: StoreStats;
    }
  | { readonly type: 'failed'; readonly code: FaultCode; readonly message: string }
  /** So many batches, in the order of their `append`, are on disk. */
  | { readonly type: 'committed'; readonly batches: number }
  | ControlFromWorker
  | { readonly type: 'replayed'; readonly id: number; readonly result: ReplayResult }
  | { readonly type: 'stats'; readonly stats: StoreStats }
  | {
      readonly type: 'log';
      readonly level: Level;
      readonly text: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** `uncommitted`: readings that the disk did not take in the end. */
  | { readonly type: 'closed'; readonly stats: StoreStats; readonly uncommitted: number };
