// What a command may do with the place it writes to: colours and cuts for a person's terminal, neither for a pipe.

import type { Io } from './command.ts';

/** Colours are for a terminal whose person has not asked for none (no-color.org). */
export const coloursOf = ({ out, env }: Pick<Io, 'out' | 'env'>): boolean =>
  out.isTTY === true && env.NO_COLOR === undefined;

/** Width of the terminal; undefined where there is none. */
export function columnsOf({ out }: Pick<Io, 'out'>): number | undefined {
  const { columns } = out as { columns?: number };
  return out.isTTY === true && columns !== undefined && columns > 0 ? columns : undefined;
}

/** A terminal that is narrower is not laid out for. */
const LEAST_COLUMNS = 60;

/**
 * `text` with line ends and `indent` blanks where a word would not fit; a word too long for a line stays whole.
 * @param columns undefined: lines are not broken
 */
export function wrapped(text: string, indent: number, columns: number | undefined): string {
  if (columns === undefined || columns < LEAST_COLUMNS) return text;
  const width = columns - indent - 1;
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = word;
    } else row = row === '' ? word : `${row} ${word}`;
  }
  return [...rows, row].join(`\n${' '.repeat(indent)}`);
}
