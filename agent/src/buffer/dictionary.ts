// The tags a buffer file speaks of. Segments carry small numbers instead of names; the names are in the same file,
// so that a buffer set aside years ago can still be read without the mapping that filled it. Each is written twice,
// with a checksum: a name that changes on the disk would put a wrong tag on every reading, and one that is lost would
// cost every segment that uses it.

import { crc32 } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import { Fault } from '../model/fault.ts';
import type { Tag } from '../model/tag.ts';
import type { Meta } from './meta.ts';
import { named } from './named.ts';
import { isDamage } from './result.ts';

/** What a delivered reading says of its tag. */
export interface StoredTag {
  readonly name: string;
  readonly source: string;
  readonly unit?: string;
}

export interface Dictionary {
  /** The numbers of these tags in the file, in their order. New tags are written at once, before any segment uses them. */
  intern(tags: readonly Tag[]): number[];
  /** The tag behind a number; a number that is not in the file is a damaged segment's and gets its digits as name. */
  get(id: number): StoredTag;
}

const TABLES = ['tag', 'tag_copy'] as const;

interface Row {
  readonly id: number;
  readonly name: string;
  readonly source: string;
  readonly unit: string | null;
  readonly sum: number | null;
}

const sumOf = ({ id, name, source, unit }: Omit<Row, 'sum'>) => crc32(JSON.stringify([id, name, source, unit]));

/**
 * What is sound of the names, the numbers of those of which a copy is not, and why SQLite cannot follow a table.
 * @param db a file of version 3 or later
 */
export function readTags(db: Database) {
  let unreadable: unknown;
  const tags = new Map<number, StoredTag>();
  const seen = new Map<number, number>();
  for (const table of TABLES) {
    try {
      const rows = db
        .prepare(`SELECT ${named('id', 'name', 'source', 'unit', 'sum')} FROM ${table}`)
        .iterate() as Iterable<Row>;
      for (const row of rows) {
        if (row.sum !== sumOf(row)) continue;
        tags.set(row.id, { name: row.name, source: row.source, ...(row.unit !== null && { unit: row.unit }) });
        seen.set(row.id, (seen.get(row.id) ?? 0) + 1);
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable = error;
    }
  }
  const flawed = new Set([...seen].filter(([, times]) => times < TABLES.length).map(([id]) => id));
  return { tags, flawed, unreadable };
}

function writer(db: Database): (id: number, tag: StoredTag) => void {
  const statements: Statement[] = TABLES.map((table) =>
    db.prepare(`INSERT OR REPLACE INTO ${table} (id, name, source, unit, sum) VALUES (?, ?, ?, ?, ?)`),
  );
  return (id, { name, source, unit = null as string | null }) => {
    const sum = sumOf({ id, name, source, unit });
    for (const statement of statements) statement.run(id, name, source, unit, sum);
  };
}

/** Writes the names of a file that is being made one of version 3; returns how many there are. */
export function rewriteTags(db: Database): number {
  const rows = db.prepare(`SELECT ${named('id', 'name', 'source', 'unit')} FROM tag`).all() as Omit<Row, 'sum'>[];
  const write = writer(db);
  for (const { id, name, source, unit } of rows) write(id, { name, source, ...(unit !== null && { unit }) });
  return rows.reduce((most, { id }) => Math.max(most, id), 0);
}

/**
 * A name of which one copy is damaged is mended; throws a Fault `buffer.damaged` when both are, and what SQLite throws
 * when it cannot follow a table.
 * @param db an open buffer file that has the tables `tag` and `tag_copy`
 */
export function openDictionary(db: Database, meta: Meta, path: string): Dictionary {
  const known = new Map<string, number>();
  const put = writer(db);
  const { tags, flawed, unreadable } = readTags(db);
  if (unreadable !== undefined) throw unreadable;
  for (let id = 1; id <= meta.number('tags'); id++) {
    if (!tags.has(id)) throw new Fault('buffer.damaged', `${path} is damaged: the name of tag ${id} is lost`);
  }
  if (flawed.size > 0)
    db.transaction(() => {
      for (const id of flawed) put(id, tags.get(id) as StoredTag);
    }).immediate();
  for (const [id, tag] of tags) known.set(key(tag), id);

  const write = db.transaction((wanted: readonly StoredTag[]) => {
    const written = new Map<string, number>();
    let last = meta.number('tags');
    for (const tag of wanted) {
      if (known.has(key(tag)) || written.has(key(tag))) continue;
      put(++last, tag);
      written.set(key(tag), last);
    }
    if (written.size > 0) meta.set('tags', last);
    return written;
  });

  function intern(wanted: readonly Tag[]): number[] {
    const stored = wanted.map(
      ({ name, source, unit }): StoredTag => ({ name, source, ...(unit !== undefined && { unit }) }),
    );
    // Remembered only when committed: a number that is not in the file would be given to another tag.
    const written = write(stored);
    for (const tag of stored) {
      const id = written.get(key(tag));
      if (id === undefined) continue;
      tags.set(id, tag);
      known.set(key(tag), id);
    }
    return stored.map((tag) => known.get(key(tag)) as number);
  }
  return { intern, get: (id) => tags.get(id) ?? { name: `#${id}`, source: '' } };
}

function key({ name, source, unit }: StoredTag): string {
  return `${name}\n${source}\n${unit ?? ''}`;
}
