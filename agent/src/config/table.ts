// A CSV file with a header: its columns by name, and its rows that hold something. What is wrong with the header or
// with the form of a row is said here; what the cells mean is the business of whoever reads them.

import type { CsvFile } from './csv.ts';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';

export interface Row {
  readonly cells: readonly string[];
  /** For places of mistakes; the header is 0. */
  readonly row: number;
}

export interface Table {
  /** Where each column that is known stands. */
  readonly columns: ReadonlyMap<string, number>;
  /** None when the needed column is missing. */
  readonly rows: readonly Row[];
  readonly mistakes: Mistake[];
  /** The place of a cell; of the needed column's when the key has no column. */
  mistake(row: number, key: string | undefined, message: string, suggestion?: string): Mistake;
}

/**
 * @param needed the column without which a row means nothing
 * @param known all columns that there may be; undefined when that cannot be said
 */
export function readTable(csv: CsvFile, needed: string, known: readonly string[] | undefined): Table {
  const mistakes: Mistake[] = [...csv.mistakes];
  const [header = [], ...body] = csv.rows;
  const columns = new Map<string, number>();
  header.forEach((key, i) => {
    const wrong = (message: string, suggestion?: string) =>
      mistakes.push(csv.mistake(0, i, [1, key], message, suggestion));
    if (columns.has(key)) wrong(`column "${key}" stands here a second time`);
    else if (key === '') {
      // Excel leaves empty columns at the end; only one that holds something is a mistake.
      if (body.some((cells) => cells[i])) wrong(`column ${i + 1} has no name`);
      return;
    } else if (known?.includes(key) === false) wrong(`unknown column "${key}"`, nearest(key, known));
    columns.set(key, i);
  });
  const mistake: Table['mistake'] = (row, key, message, suggestion) => {
    const column = columns.get(key ?? needed) ?? columns.get(needed);
    return csv.mistake(row, column, [row + 1, key ?? needed], message, suggestion);
  };
  if (!columns.has(needed)) {
    const message =
      csv.rows.length === 0
        ? 'the file is empty: the first row names the columns'
        : `the file needs a column "${needed}"`;
    mistakes.push(csv.mistake(0, undefined, [1, needed], message));
    return { columns, rows: [], mistakes, mistake };
  }
  const rows: Row[] = [];
  body.forEach((cells, i) => {
    const row = i + 1;
    if (cells.every((cell) => cell === '')) return;
    if (cells.length <= header.length) {
      rows.push({ cells, row });
      return;
    }
    const delimiter = csv.delimiter === '\t' ? 'a tab' : `"${csv.delimiter}"`;
    const message = `the row has ${cells.length} cells, the header ${header.length}: put a cell that holds ${delimiter} in quotes`;
    mistakes.push(csv.mistake(row, header.length, [row + 1], message));
  });
  return { columns, rows, mistakes, mistake };
}
