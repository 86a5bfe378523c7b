// A CSV file as rows of text, with the place of every cell kept. Delimiter ",", ";" or tab (the header decides, or
// Excel's first line "sep=;"), quotes as Excel writes them, line ends of any kind. Places are worked out only when a mistake needs one.

import { CsvError, parse } from 'csv-parse/sync';
import { excerpt, type Mistake, type Path } from './mistake.ts';

type Delimiter = ',' | ';' | '\t';

export interface CsvFile {
  readonly file: string;
  readonly delimiter: Delimiter;
  /** Decimals may have a comma: it is not the delimiter. */
  readonly decimalComma: boolean;
  /** Rows of cells; the first is the header. */
  readonly rows: readonly (readonly string[])[];
  /** Mistakes of the CSV itself. */
  readonly mistakes: readonly Mistake[];
  /** A mistake at a cell; without `column` at the beginning of the row. Rows count from 0, the header. */
  mistake(row: number, column: number | undefined, path: Path, message: string, suggestion?: string): Mistake;
}

export function readCsv(file: string, text: string): CsvFile {
  const bytes = Buffer.from(text);
  const hint = /^sep=([,;\t])(?:\r\n|\n|\r|$)/.exec(text);
  const first = hint?.[0].length ?? 0;
  const delimiter = (hint?.[1] as Delimiter | undefined) ?? delimiterOf(text);
  const rows: string[][] = [];
  /** Where each row ends, in bytes: csv-parse's line numbers are wrong after a quoted cell with CRLF. */
  const ends: number[] = [];
  let lines: number[] | undefined;

  const at = (offset: number, path: Path, message: string, suggestion?: string): Mistake => {
    lines ??= lineStarts(bytes);
    const line = lineOf(lines, offset);
    const start = lines[line]!;
    return {
      file,
      line: line + 1,
      column: bytes.toString('utf8', start, offset).length + 1,
      path,
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
      excerpt: excerpt(bytes.toString('utf8', start, lines[line + 1] ?? bytes.length)),
    };
  };

  /** The first byte of a row, past empty lines. */
  const startOf = (row: number): number => {
    let offset = row === 0 ? first : (ends[row - 1] ?? first);
    while (bytes[offset] === 0x0a || bytes[offset] === 0x0d) offset++;
    return Math.min(offset, Math.max(0, bytes.length - 1));
  };

  const mistakes: Mistake[] = [];
  try {
    parse(text.slice(first), {
      delimiter,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      on_record(cells: string[], context) {
        rows.push(cells);
        ends.push(first + context.bytes);
        return null;
      },
    });
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    mistakes.push(at(startOf(rows.length), [rows.length + 1], QUOTES[thrown.code] ?? 'is no CSV here'));
  }

  return {
    file,
    delimiter,
    decimalComma: delimiter !== ',',
    rows,
    mistakes,
    mistake(row, column, path, message, suggestion) {
      const start = startOf(row);
      const text = bytes.toString('utf8', start, ends[row] ?? bytes.length);
      const skipped = column === undefined ? '' : text.slice(0, cellStart(text, delimiter, column));
      return at(start + Buffer.byteLength(skipped), path, message, suggestion);
    },
  };
}

/** What the header has most of, outside of quotes. */
function delimiterOf(text: string): Delimiter {
  const header = (/^[^\r\n]*/.exec(text.trimStart())?.[0] ?? '').replace(/"[^"]*"/g, '');
  const count = (delimiter: Delimiter) => header.split(delimiter).length;
  return ([';', '\t'] as const).find((delimiter) => count(delimiter) > count(',')) ?? ',';
}

const QUOTES: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened in this row and never closed',
  INVALID_OPENING_QUOTE: 'a quote stands inside a cell; put the whole cell in quotes and write the quote twice',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote; put the whole cell in quotes and write the quote twice',
};

/** Where cell `column` begins in the text of its row; the row's beginning when it has fewer cells. */
function cellStart(text: string, delimiter: string, column: number): number {
  let quoted = false;
  let cell = 0;
  let start = 0;
  for (let i = 0; i < text.length && cell < column; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === delimiter && !quoted) {
      cell++;
      start = i + 1;
    }
  }
  if (cell < column) return 0;
  while (text[start] === ' ') start++;
  return start;
}

/** Line ends are LF, CRLF, or CR alone. */
function lineStarts(bytes: Buffer): number[] {
  const starts = [0];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) starts.push(i + 1);
  }
  return starts;
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
