// What a buffer file remembers of itself when all its segments have been delivered: epoch, next number, last life sign.

import { randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';

/** An epoch sorts by the time of its beginning and is safe in a topic, a file name and a message id. */
function newEpoch(): string {
  return `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** @param db an open buffer file that has the table `meta` */
export function openMeta(db: Database) {
  const read = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
  const write = db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  return {
    number: (key: string): number => Number(read.get(key) ?? 0),
    text: (key: string): string => String(read.get(key) ?? ''),
    set: (key: string, value: number | string): void => void write.run(key, value),
    epoch(): string {
      const found = read.get('epoch');
      if (typeof found === 'string') return found;
      const epoch = newEpoch();
      write.run('epoch', epoch);
      return epoch;
    },
  };
}
