import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openDictionary } from '../../agent/src/buffer/dictionary.ts';
import { openFile } from '../../agent/src/buffer/file.ts';
import { openMeta } from '../../agent/src/buffer/meta.ts';
import type { Tag } from '../../agent/src/model/tag.ts';
import { scratch } from '../support/scratch.ts';

const tag = (name: string, unit?: string, source = 'cdu1-dcs'): Tag => ({
  index: 0,
  name,
  source,
  priority: 'normal',
  ...(unit !== undefined && { unit }),
});

const opened = (db: Database) => openDictionary(db, openMeta(db, 'buffer.db'), 'buffer.db');

test('a tag keeps its number over restarts, and another unit or source is another tag', () => {
  const path = join(scratch(), 'buffer.db');
  let { db } = openFile(path);
  const tags = [tag('a'), tag('b', 'barg'), tag('b', 'bara'), tag('b', 'barg', 'other'), tag('a')];
  const ids = opened(db).intern(tags);
  expect(ids[4]).toBe(ids[0]);
  expect(new Set(ids).size).toBe(4);
  db.close();
  ({ db } = openFile(path));
  const again = opened(db);
  expect(again.intern(tags)).toEqual(ids);
  expect(again.get(ids[1]!)).toEqual({ name: 'b', source: 'cdu1-dcs', unit: 'barg' });
  expect(again.get(999)).toEqual({ name: '#999', source: '' });
  db.close();
});

test('tags whose writing failed are not remembered under numbers that the file does not know', () => {
  const { db } = openFile(join(scratch(), 'buffer.db'));
  const dictionary = opened(db);
  const [a] = dictionary.intern([tag('a')]);
  db.exec("CREATE TRIGGER full BEFORE INSERT ON tag WHEN new.name = 'c' BEGIN SELECT RAISE(ABORT, 'full'); END");
  expect(() => dictionary.intern([tag('b'), tag('c')])).toThrow('full');
  db.exec('DROP TRIGGER full');
  const [d, b] = dictionary.intern([tag('d'), tag('b')]);
  expect(new Set([a, b, d]).size).toBe(3);
  expect([dictionary.get(d!).name, dictionary.get(b!).name]).toEqual(['d', 'b']);
  expect(opened(db).get(d!).name).toBe('d');
  db.close();
});
