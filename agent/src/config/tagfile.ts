// A tag file: a CSV with one tag per row, the same column names as a tag in YAML, and `name`. Empty cells count as
// left out. Rows are turned into what YAML would have given, so that one schema checks both.

import { CELLS } from './cells.ts';
import type { CsvFile } from './csv.ts';
import { shown } from './issues.ts';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';

export interface TagRow {
  readonly name: string;
  /** As YAML would have given it. */
  readonly value: Record<string, unknown>;
  /** For places of mistakes. */
  readonly row: number;
}

export interface TagFile {
  readonly rows: readonly TagRow[];
  readonly mistakes: readonly Mistake[];
  /** The place of a key of a tag; of its name when the key has no column. */
  mistake(row: number, key: string | undefined, message: string, suggestion?: string): Mistake;
}

/** @param keys the keys that a tag of this source's protocol knows */
export function readTagFile(csv: CsvFile, keys: readonly string[]): TagFile {
  const mistakes: Mistake[] = [...csv.mistakes];
  const [header = [], ...body] = csv.rows;
  const columns = new Map<string, number>();
  const place: TagFile['mistake'] = (row, key, message, suggestion) => {
    const column = columns.get(key ?? 'name') ?? columns.get('name');
    return csv.mistake(row, column, [row + 1, key ?? 'name'], message, suggestion);
  };

  const known = ['name', ...keys];
  header.forEach((key, i) => {
    const inHeader = (message: string, suggestion?: string) =>
      mistakes.push(csv.mistake(0, i, [1, key], message, suggestion));
    if (columns.has(key)) inHeader(`column "${key}" stands here a second time`);
    else if (key === '') {
      // Excel leaves empty columns at the end; only one that holds something is a mistake.
      if (body.some((cells) => cells[i])) inHeader(`column ${i + 1} has no name`);
      return;
    } else if (!known.includes(key)) inHeader(`unknown column "${key}"`, nearest(key, known));
    columns.set(key, i);
  });
  if (!columns.has('name')) {
    const message =
      csv.rows.length === 0 ? 'the file is empty: the first row names the columns' : 'the file needs a column "name"';
    mistakes.push(csv.mistake(0, undefined, [1, 'name'], message));
    return { rows: [], mistakes, mistake: place };
  }

  const used = [...columns].filter(([key]) => known.includes(key) && key !== 'name');
  const nameColumn = columns.get('name')!;
  const decimalComma = csv.delimiter === ';';
  const rows: TagRow[] = [];
  body.forEach((cells, i) => {
    const row = i + 1;
    if (cells.every((cell) => cell === '')) return;
    if (cells.length > header.length) {
      const message = `the row has ${cells.length} cells, the header ${header.length}: put a cell that holds "${csv.delimiter}" in quotes`;
      mistakes.push(csv.mistake(row, header.length, [row + 1], message));
      return;
    }
    const name = cells[nameColumn] ?? '';
    if (name === '') {
      mistakes.push(place(row, 'name', 'the tag has no name'));
      return;
    }
    const value: Record<string, unknown> = {};
    for (const [key, column] of used) {
      const cell = cells[column];
      if (cell === undefined || cell === '') continue;
      const kind = CELLS[key];
      const read = kind === undefined ? cell : kind.read(cell, decimalComma);
      if (read === undefined) mistakes.push(place(row, key, `${key} is ${shown(cell)}: ${kind!.advice}`));
      else value[key] = read;
    }
    rows.push({ name, value, row });
  });
  return { rows, mistakes, mistake: place };
}
