// A process that opens a buffer and takes everything out of it, under a disk that fails its reads: each Fault is said, and
// tried again after a moment, as a supervisor and the forwarder do.
//
//   node reading.ts FILE PATIENCE_MS

import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import type { Buffer } from '../../agent/src/buffer/contract.ts';
import { Fault } from '../../agent/src/model/fault.ts';

/** What it prints. */
export interface Taken {
  readonly faults: readonly string[];
  readonly setAside: boolean;
  /** First and last number of each segment. */
  readonly segments: readonly (readonly [first: number, last: number])[];
  readonly gaps: readonly (readonly [reason: string, first: number, last: number, count: number | null])[];
  readonly dropped: number;
}

const [path, patience] = process.argv.slice(2) as [string, string];
const faults: string[] = [];
const segments: [number, number][] = [];
const gaps: Taken['gaps'][number][] = [];

function insist<T>(action: () => T): T {
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof Fault) || faults.length > 200) throw error;
      faults.push(error.code === 'buffer.disk' ? error.code : `${error.code}: ${error.stack}`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function takeAll(buffer: Buffer): void {
  for (const lane of ['backfill', 'live'] as const)
    while (buffer.waiting(lane) > 0)
      for (const { first, last, batch } of insist(() => buffer.next(lane, 50))) {
        if (batch.count > 0) segments.push([first, last]);
        for (const { reason, range, count } of batch.gaps)
          gaps.push([reason, range?.first ?? 0, range?.last ?? 0, count ?? null]);
        buffer.ack(first, last, batch.count);
      }
}

const buffer = insist(() => openBuffer(path, 1024 ** 3, { readPatience: Number(patience) }));
takeAll(buffer);
insist(() => buffer.tidy(true));
takeAll(buffer);
const dropped = buffer.stats().dropped['buffer-damaged'] ?? 0;
insist(() => buffer.close());
console.log(
  JSON.stringify({ faults, setAside: buffer.setAside !== undefined, segments, gaps, dropped } satisfies Taken),
);
