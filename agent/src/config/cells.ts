// The cells of a tag file: how the columns of a tag that are not text are written in CSV. `range` is `0..250`,
// `scale` is `0..4095 to 0..100`; a file with ";" may write decimals with a comma, as Excel does in half of Europe.

export interface Cells {
  /** What a cell holds; undefined when it is written wrongly. */
  read(cell: string, decimalComma: boolean): unknown;
  /** The value as a cell; what `read` makes of it is the same value again. */
  write(value: unknown): string;
  /** What to write instead. */
  readonly advice: string;
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function number(cell: string, decimalComma: boolean): number | undefined {
  const text = decimalComma ? cell.trim().replace(',', '.') : cell.trim();
  return NUMBER.test(text) ? Number(text) : undefined;
}

function pair(cell: string, decimalComma: boolean): [number, number] | undefined {
  const [lo, hi, ...rest] = cell.split('..').map((part) => number(part, decimalComma));
  return lo === undefined || hi === undefined || rest.length > 0 ? undefined : [lo, hi];
}

const writePair = (value: unknown) => (value as [number, number]).join('..');

const NUMBERS: Cells = { read: number, write: String, advice: 'write a number' };

/** Columns that are not plain text. */
export const CELLS: Readonly<Record<string, Cells>> = {
  unitId: NUMBERS,
  swingingDoor: NUMBERS,
  clamp: {
    read: (cell) => ({ true: true, false: false })[cell.trim().toLowerCase()],
    write: String,
    advice: 'write true or false',
  },
  deadband: {
    read(cell, decimalComma) {
      if (!cell.endsWith('%')) return number(cell, decimalComma);
      const share = number(cell.slice(0, -1), decimalComma);
      return share === undefined ? undefined : `${share}%`;
    },
    write: String,
    advice: 'write 0.1 (engineering units) or 0.5% (of the range)',
  },
  range: { read: pair, write: writePair, advice: 'write the lowest and the highest value, like 0..250' },
  scale: {
    read(cell, decimalComma) {
      const [from, to, ...rest] = cell.split(/\s+to\s+/).map((part) => pair(part, decimalComma));
      return from === undefined || to === undefined || rest.length > 0 ? undefined : { from, to };
    },
    write(value) {
      const { from, to } = value as { from: unknown; to: unknown };
      return `${writePair(from)} to ${writePair(to)}`;
    },
    advice: 'write raw and engineering values, like 0..4095 to 0..100',
  },
};
