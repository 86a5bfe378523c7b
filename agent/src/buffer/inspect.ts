// What a buffer file holds, for people: its status from the heads of the segments, its soundness from their contents.
// Damage is part of the answer and never an error.

import type { Timestamp } from '../model/time.ts';
import type { Range } from './ranges.ts';
import type { Reader } from './reader.ts';
import type { Row } from './table.ts';

/** Without reading payloads; times are null when the file holds no segment. */
export interface FileStatus {
  readonly epoch: string | null;
  readonly version: number;
  readonly bytes: number;
  readonly segments: number;
  readonly readings: Readonly<Record<'normal' | 'high', number>>;
  readonly gaps: number;
  /** Readings that were delivered and are kept for a replay; the figures beside it do not count them. */
  readonly kept: number;
  /** First and last number held. */
  readonly numbers: Range | null;
  /** Numbers between them that the file does not hold: delivered, or given up. */
  readonly absent: number;
  /** Source timestamps of the readings. */
  readonly oldest: Timestamp | null;
  readonly newest: Timestamp | null;
  /** Wall clock of the first and last commit held, ms since 1970. */
  readonly committed: readonly [first: number, last: number] | null;
  /** Numbers of which it cannot be known whether the file still holds them. */
  readonly unreadable: readonly Range[];
}

export interface DamagedSegment {
  readonly first: number;
  readonly last: number;
  readonly readings: number;
}

export interface Verdict {
  readonly sound: boolean;
  /** What SQLite says of the file's structure. */
  readonly structure: readonly string[];
  readonly segments: number;
  /** Segments whose payload is not what was written. */
  readonly damaged: readonly DamagedSegment[];
  readonly unreadable: readonly Range[];
}

/** @param seen told each segment, for a display of progress */
export function statusOf(reader: Reader, seen: (row: Row) => void = () => {}): FileStatus {
  const readings = { normal: 0, high: 0 };
  const unreadable: Range[] = [];
  let segments = 0;
  let held = 0;
  let numbers: [number, number] | null = null;
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  let committed: [number, number] | null = null;
  for (const found of reader.walk(1)) {
    if (found.type === 'unreadable') {
      unreadable.push(found.range);
      continue;
    }
    const { row } = found;
    seen(row);
    segments++;
    readings[row.priority === 1 ? 'high' : 'normal'] += row.readings;
    held += row.last - row.first + 1;
    numbers = [numbers?.[0] ?? row.first, row.last];
    committed = [
      Math.min(committed?.[0] ?? row.committed, row.committed),
      Math.max(committed?.[1] ?? row.committed, row.committed),
    ];
    if (row.readings === 0) continue;
    oldest = Math.min(oldest, row.oldest);
    newest = Math.max(newest, row.newest);
  }
  return {
    epoch: reader.epoch ?? null,
    version: reader.version,
    bytes: reader.bytes,
    segments,
    readings,
    gaps: held - readings.normal - readings.high,
    kept: reader.kept,
    numbers,
    absent: numbers === null ? 0 : numbers[1] - numbers[0] + 1 - held,
    oldest: Number.isFinite(oldest) ? oldest : null,
    newest: Number.isFinite(newest) ? newest : null,
    committed,
    unreadable,
  };
}

/** Reads everything: the structure, and the content of every segment, delivered or not. @param seen as for `statusOf` */
export function verify(reader: Reader, seen: (row: Row) => void = () => {}): Verdict {
  const structure = reader.check();
  const damaged: DamagedSegment[] = [];
  const unreadable: Range[] = [];
  let segments = 0;
  for (const found of reader.walk(1, true)) {
    if (found.type === 'unreadable') {
      unreadable.push(found.range);
      continue;
    }
    const { row } = found;
    segments++;
    const batch = reader.read(row);
    if (batch === undefined) damaged.push({ first: row.first, last: row.last, readings: row.readings });
    seen(row);
  }
  const sound = structure.length + damaged.length + unreadable.length === 0 && reader.epoch !== undefined;
  return { sound, structure, segments, damaged, unreadable };
}
