// docs/security.md names no evidence that is not there: every file in it exists, and every row that claims something
// beyond "not ours" names one.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');

/** Rows of the tables, as cells, without heads. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (who|requirement) /.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const filesIn = (text: string) =>
  [...text.matchAll(/`([\w./-]+)`/g)]
    .map(([, name]) => name!)
    .filter((name) => name.includes('/') && !name.startsWith('/') && !name.endsWith('/'));

describe('the page on security', () => {
  it('has both tables', () => {
    expect(rows.filter((row) => row.length === 4).length).toBeGreaterThan(10);
    expect(rows.filter((row) => row.length === 3).length).toBeGreaterThan(25);
  });

  it('names only what is there', () => {
    const named = filesIn(page);
    expect(named.length).toBeGreaterThan(60);
    expect(named.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });

  it('shows evidence for every claim: tests, checks or sources with something in them', () => {
    const without = rows.filter((row) => filesIn(row.at(-1)!).length === 0).map(([first]) => first);
    expect(without).toEqual(['CR 1.1, 1.3 users and accounts']);
    for (const name of rows.flatMap((row) => filesIn(row.at(-1)!)))
      expect(statSync(join(ROOT, name)).size, name).toBeGreaterThan(200);
  });

  it('covers what issue and standard ask at security level 2', () => {
    for (const number of [
      '1.2',
      '1.5',
      '1.7',
      '1.9',
      '1.14',
      '2.1',
      '2.8',
      '2.9',
      '2.10',
      '2.11',
      '3.1',
      '3.4',
      '3.5',
      '3.7',
      '3.8',
      '4.1',
      '4.2',
      '4.3',
      '5.1',
      '6.1',
      '6.2',
      '7.1',
      '7.2',
      '7.3',
      '7.4',
      '7.6',
      '7.7',
      '7.8',
    ])
      expect(
        rows.some(([first]) => new RegExp(`^(CR|SAR) (.*, )?${number.replace('.', '\\.')}\\b`).test(first!)),
        number,
      ).toBe(true);
  });

  it('invents no address', () => {
    expect(page).not.toMatch(/[\w.]+@[\w-]+\.\w+/);
  });
});
