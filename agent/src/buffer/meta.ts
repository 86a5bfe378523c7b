// What a buffer file remembers of itself when all its segments have been delivered: epoch, next number, last life sign.
// Every entry has a checksum and none may be missing, so that what the file says of itself is what was written, or the
// file is damaged.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import { Fault } from '../model/fault.ts';
import { named } from './named.ts';

/** What a file holds of itself at its beginning. */
const BEGINNING = {
  /** The next number to be given, as of the last tidy. */
  next: 1,
  /** Rows of segments from this number on have a checksum of their own. */
  summed: 1,
  /** Whether there is a head stamp beside the file (stamp.ts): 0 or 1. */
  stamped: 0,
  /** Tags in the dictionary. */
  tags: 0,
  /** When the gateway was last known to be alive, ms since 1970. */
  alive: 0,
  /** How long gateways have run with this file, ms. */
  ran: 0,
  /** Readings below `next` that are not delivered; rows of the table of what is done with. */
  held: 0,
  runs: 0,
  /** Of what was delivered and is kept: readings, and the bytes of their payloads. */
  keptReadings: 0,
  keptBytes: 0,
};

export type MetaNumber = keyof typeof BEGINNING;

interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly sum: number | null;
}

/** An epoch sorts by the time of its beginning and is safe in a topic, a file name and a message id. */
function newEpoch(): string {
  return `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(3).toString('hex')}`;
}

const sumOf = (key: string, value: unknown) => crc32(`${key} ${typeof value} ${value}`);

/** @param db an open buffer file that has the table `meta` */
function writer(db: Database) {
  const write = db.prepare(
    'INSERT INTO meta (key, value, sum) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum',
  );
  return (key: string, value: number | string): void => void write.run(key, value, sumOf(key, value));
}

/**
 * Makes the entries of a file, within the caller's transaction.
 * @param known what the file is known to hold; without an epoch it begins one
 */
export function writeMeta(db: Database, known: Partial<Record<MetaNumber, number>> & { epoch?: string } = {}): void {
  const set = writer(db);
  for (const [key, value] of Object.entries({ ...BEGINNING, epoch: newEpoch(), ...known })) set(key, value);
}

/** What is sound of a file's memory of itself. */
export function readMeta(db: Database): Map<string, number | string> {
  const found = new Map<string, number | string>();
  for (const { key, value, sum } of db
    .prepare(`SELECT ${named('key', 'value', 'sum')} FROM meta`)
    .iterate() as Iterable<Entry>)
    if (sum === sumOf(key, value)) found.set(key, value as number | string);
  return found;
}

/** Throws a Fault `buffer.damaged` when an entry is missing or is not what was written. */
export function openMeta(db: Database, path: string) {
  const found = readMeta(db);
  const lost = ['epoch', ...Object.keys(BEGINNING)].filter((key) => !found.has(key));
  if (lost.length > 0)
    throw new Fault(
      'buffer.damaged',
      `${path} is damaged: what it says of its ${lost.join(', ')} is not what was written`,
    );
  const read = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
  const set = writer(db);
  return {
    epoch: String(found.get('epoch')),
    number: (key: MetaNumber): number => Number(read.get(key)),
    set: (key: MetaNumber, value: number): void => set(key, value),
  };
}

export type Meta = ReturnType<typeof openMeta>;
