// What a file says of itself, as far as that can be had, for whoever reads a file that may be damaged: the sound entries
// of its memory, its dictionary and the runs of numbers that are done with; and what of it is not sound, in words.

import type { Database } from 'better-sqlite3';
import { readTags, type StoredTag } from './dictionary.ts';
import { type Run, readRuns } from './done.ts';
import { readDelivered } from './earlier.ts';
import { readMeta } from './meta.ts';
import { named } from './named.ts';
import { isDamage } from './result.ts';
import type { Stamp } from './stamp.ts';

export interface Books {
  /** Undefined when neither the file nor its stamp tells. */
  readonly epoch: string | undefined;
  /** The number that the next entry would have got, as far as they tell. */
  readonly next: number;
  /** Rows of segments from this number on must have a checksum. */
  readonly summed: number;
  readonly tags: ReadonlyMap<number, StoredTag>;
  /** Nothing when it is not what was written: what comes twice is no loss, and what is skipped wrongly is. */
  readonly runs: readonly Run[];
  readonly keptReadings: number;
  readonly flaws: readonly string[];
}

/** Undefined when damage is in the way. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}

/** @param stamp of the same place; it counts when the file does not contradict it */
export function readBooks(db: Database, version: number, stamp: Stamp | undefined): Books {
  return version < 3 ? earlier(db, version) : current(db, stamp);
}

function current(db: Database, stamp: Stamp | undefined): Books {
  const flaws: string[] = [];
  const meta = attempt(() => readMeta(db)) ?? new Map<string, number | string>();
  const number = (key: string) => {
    const value = meta.get(key);
    if (typeof value !== 'number') flaws.push(`what the file says of its ${key} is not what was written`);
    return typeof value === 'number' ? value : undefined;
  };
  const known = meta.get('epoch');
  const epoch = typeof known === 'string' ? known : stamp?.epoch;
  if (known === undefined) flaws.push('the epoch of the file is not what was written');
  const promised = stamp?.epoch === epoch ? (stamp?.head ?? 1) : 1;
  const { tags, flawed, unreadable } = readTags(db);
  if (unreadable !== undefined) flaws.push('SQLite cannot follow the dictionary');
  const count = number('tags') ?? 0;
  for (let id = 1; id <= count; id++)
    if (!tags.has(id) || flawed.has(id))
      flaws.push(`the name of tag ${id} is damaged${tags.has(id) ? '; its copy is sound' : ''}`);
  const runs = attempt(() => readRuns(db));
  const sound = runs !== undefined && runs.length === number('runs');
  if (!sound) flaws.push('the numbers delivered are not what was written');
  return {
    epoch,
    next: Math.max(number('next') ?? 1, promised),
    // Without the entry every row must have one.
    summed: number('summed') ?? 1,
    tags,
    runs: sound ? runs : [],
    keptReadings: sound ? (number('keptReadings') ?? 0) : 0,
    flaws,
  };
}

function earlier(db: Database, version: number): Books {
  const get = (key: string) =>
    attempt(() => db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key)) as number | string | undefined;
  const epoch = get('epoch');
  const delivered = version === 2 ? attempt(() => readDelivered(db, String(get('kept')))) : undefined;
  const tags = new Map<number, StoredTag>();
  attempt(() => {
    const rows = db.prepare(`SELECT ${named('id', 'name', 'source', 'unit')} FROM tag`).iterate() as Iterable<
      StoredTag & { id: number; unit: string | null }
    >;
    for (const { id, name, source, unit } of rows) tags.set(id, { name, source, ...(unit !== null && { unit }) });
  });
  return {
    epoch: typeof epoch === 'string' ? epoch : undefined,
    next: Number(get('next') ?? 1),
    summed: Number.POSITIVE_INFINITY,
    tags,
    runs: delivered?.runs ?? [],
    keptReadings: delivered?.readings ?? 0,
    flaws: [],
  };
}
