// The cells of a tag file: how the columns of a tag that are not text are written in CSV. `range` is `0..250`,
// `scale` is `0..4095 to 0..100`; a file with ";" or tabs may write decimals with a comma, as Excel does in half of
// Europe. A key that has no form of its own is a number, yes or no, or what YAML writes in braces and brackets.

import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { kindAt } from './shape.ts';

export interface Cells {
  /** What a cell holds; undefined when it is written wrongly. */
  read(cell: string, decimalComma: boolean): unknown;
  /** The value as a cell; what `read` makes of it is the same value again. */
  write(value: unknown): string;
  /** What to write instead. */
  readonly advice: string;
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A number as people write it; undefined when it is none. */
export function decimal(cell: string, decimalComma: boolean): number | undefined {
  const text = decimalComma ? cell.trim().replace(',', '.') : cell.trim();
  return NUMBER.test(text) ? Number(text) : undefined;
}

function pair(cell: string, decimalComma: boolean): [number, number] | undefined {
  const [lo, hi, ...rest] = cell.split('..').map((part) => decimal(part, decimalComma));
  return lo === undefined || hi === undefined || rest.length > 0 ? undefined : [lo, hi];
}

const writePair = (value: unknown) => (value as [number, number]).join('..');

const CELLS: Readonly<Record<string, Cells>> = {
  deadband: {
    read(cell, decimalComma) {
      if (!cell.endsWith('%')) return decimal(cell, decimalComma);
      const share = decimal(cell.slice(0, -1), decimalComma);
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

const KINDS: Readonly<Record<'number' | 'boolean' | 'structure', Cells>> = {
  number: { read: decimal, write: String, advice: 'write a number' },
  boolean: {
    // TRUE and FALSE are what a spreadsheet makes of true and false.
    read: (cell) => (/^true$/i.test(cell) ? true : /^false$/i.test(cell) ? false : undefined),
    write: String,
    advice: 'write true or false',
  },
  structure: {
    read: (cell) => (/^[[{]/.test(cell) ? flow(cell) : cell),
    write: (value) => (typeof value === 'string' ? value : JSON.stringify(value)),
    advice: 'write it as in YAML, like { key: value } or [1, 2]',
  },
};

/** What stands in braces or brackets, as in YAML. */
function flow(cell: string): unknown {
  try {
    return parseYaml(cell, { logLevel: 'error' });
  } catch {
    return undefined;
  }
}

/** How a key of a tag stands in a cell; undefined when it is text. */
export function cellsOf(tag: z.ZodType, key: string): Cells | undefined {
  const kind = kindAt(tag, key);
  return CELLS[key] ?? (kind === 'text' ? undefined : KINDS[kind]);
}
