// A tag file: a CSV with one tag per row, the same column names as a tag in YAML, and `name`. Empty cells count as
// left out. Rows are turned into what YAML would have given, so that one schema checks both.

import type { z } from 'zod';
import { cellsOf } from './cells.ts';
import type { CsvFile } from './csv.ts';
import { shown } from './issues.ts';
import type { Mistake } from './mistake.ts';
import { keysAt } from './shape.ts';
import { readTable, type Table } from './table.ts';

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
  readonly mistake: Table['mistake'];
}

/** @param schema of a tag of the source's protocol */
export function readTagFile(csv: CsvFile, schema: z.ZodType): TagFile {
  const keys = keysAt(schema, [], undefined);
  const table = readTable(csv, 'name', ['name', ...keys]);
  const { columns, mistakes } = table;
  const used = keys.flatMap((key) => {
    const column = columns.get(key);
    return column === undefined ? [] : [{ key, column, cells: cellsOf(schema, key) }];
  });
  const nameColumn = columns.get('name')!;
  const rows: TagRow[] = [];
  for (const { cells, row } of table.rows) {
    const name = cells[nameColumn] ?? '';
    if (name === '') {
      mistakes.push(table.mistake(row, 'name', 'the tag has no name'));
      continue;
    }
    const value: Record<string, unknown> = {};
    for (const { key, column, cells: kind } of used) {
      const cell = cells[column];
      if (cell === undefined || cell === '') continue;
      const read = kind === undefined ? cell : kind.read(cell, csv.decimalComma);
      if (read === undefined) mistakes.push(table.mistake(row, key, `${key} is ${shown(cell)}: ${kind!.advice}`));
      else value[key] = read;
    }
    rows.push({ name, value, row });
  }
  return { rows, mistakes, mistake: table.mistake };
}
