// The tags a buffer file speaks of. Segments carry small numbers instead of names; the names are in the same file,
// so that a buffer set aside years ago can still be read without the mapping that filled it.

import type { Database, Statement } from 'better-sqlite3';
import type { Tag } from '../model/tag.ts';

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

/** @param db an open buffer file that has the table `tag` */
export function openDictionary(db: Database): Dictionary {
  const known = new Map<string, number>();
  const tags: StoredTag[] = [];
  const remember = (id: number, tag: StoredTag): number => {
    tags[id] = tag;
    known.set(key(tag), id);
    return id;
  };
  for (const row of db.prepare('SELECT id, name, source, unit FROM tag').iterate() as Iterable<Row>) {
    remember(row.id, { name: row.name, source: row.source, ...(row.unit === null ? {} : { unit: row.unit }) });
  }
  const insert: Statement = db.prepare('INSERT INTO tag (name, source, unit) VALUES (?, ?, ?)');
  const write = db.transaction((wanted: readonly StoredTag[]) => {
    const written = new Map<string, number>();
    for (const tag of wanted) {
      const id = known.get(key(tag)) ?? written.get(key(tag));
      if (id !== undefined) continue;
      written.set(key(tag), Number(insert.run(tag.name, tag.source, tag.unit ?? null).lastInsertRowid));
    }
    return written;
  });

  function intern(tags: readonly Tag[]): number[] {
    const wanted = tags.map(
      ({ name, source, unit }): StoredTag => ({ name, source, ...(unit !== undefined && { unit }) }),
    );
    // Remembered only when committed: a number that is not in the file would be given to another tag.
    const written = write(wanted);
    for (const tag of wanted) {
      const id = written.get(key(tag));
      if (id !== undefined) remember(id, tag);
    }
    return wanted.map((tag) => known.get(key(tag)) as number);
  }
  return { intern, get: (id) => tags[id] ?? { name: `#${id}`, source: '' } };
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly source: string;
  readonly unit: string | null;
}

function key({ name, source, unit }: StoredTag): string {
  return `${name}\n${source}\n${unit ?? ''}`;
}
