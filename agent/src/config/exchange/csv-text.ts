// Tags as a tag file: one row per tag, the columns that are used in the order of the schema. What `tagFiles` reads from
// it is what was written, whatever is in a cell.

import type { z } from 'zod';
import { cellsOf } from '../cells.ts';
import { keysAt } from '../shape.ts';

export interface CsvForm {
  /** For Excel where the comma is for decimals: ";" between cells, a byte order mark, line ends of Windows. */
  readonly excel?: boolean;
}

/** What is read, before what is done with it. */
const FIRST: readonly string[] = ['node', 'path', 'address', 'type', 'order', 'unit', 'description'];

/** @param schema of a tag of the source's protocol */
export function tagsAsCsv(
  schema: z.ZodType,
  tags: readonly (readonly [string, unknown])[],
  form: CsvForm = {},
): string {
  const { excel = false } = form;
  const delimiter = excel ? ';' : ',';
  const used = new Set(tags.flatMap(([, value]) => Object.keys(value as object)));
  const keys = keysAt(schema, [], undefined);
  const columns = [...FIRST.filter((key) => keys.includes(key)), ...keys.filter((key) => !FIRST.includes(key))]
    .filter((key) => used.has(key))
    .map((key) => ({ key, cells: cellsOf(schema, key) }));
  const quoted = (cell: string) =>
    cell.includes(delimiter) || /["\r\n]|^[\s\ufeff]|[\s\ufeff]$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const row = (cells: readonly string[]) => cells.map(quoted).join(delimiter);
  const lines = tags.map(([name, value]) => {
    const tag = value as Readonly<Record<string, unknown>>;
    const cell = ({ key, cells }: (typeof columns)[number]) => {
      const given = tag[key];
      return given === undefined || given === null ? '' : (cells?.write(given) ?? String(given));
    };
    return row([name, ...columns.map(cell)]);
  });
  const end = excel ? '\r\n' : '\n';
  return `${excel ? '\ufeff' : ''}${[row(['name', ...columns.map(({ key }) => key)]), ...lines].join(end)}${end}`;
}
