// The mapping of a command that asks its sources something: loaded and checked, or reported as `check` reports it.

import { type Loaded, loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { nearest } from '../config/nearest.ts';
import { type Numbered, numbered } from '../wiring/survey.ts';
import { Usage } from './arguments.ts';
import type { Io } from './command.ts';

export type Clean = Exclude<Loaded, { mistakes: unknown }>;

/** The mapping of a file; undefined when it has mistakes, which have been written to `err` then. */
export async function cleanMapping(command: string, file: string, io: Io): Promise<Clean | undefined> {
  const loaded = await loadMapping(file, { env: io.env });
  if (!('mistakes' in loaded)) return loaded;
  for (const mistake of loaded.mistakes) io.err.write(`${formatMistake(mistake)}\n`);
  const count = loaded.mistakes.length;
  io.err.write(`fieldgate ${command}: the mapping has ${count} mistake${count === 1 ? '' : 's'}; nothing was asked\n`);
  return undefined;
}

/** All sources of a plant, or the one that was named. @throws Usage when there is none of that name */
export function sourcesNamed({ plant, mapping }: Clean, name: string | undefined): Numbered[] {
  const all = numbered(plant, mapping.buffer.path);
  if (name === undefined) return all;
  const found = all.filter(({ source }) => source.name === name);
  if (found.length > 0) return found;
  const near = nearest(
    name,
    all.map(({ source }) => source.name),
  );
  throw new Usage(`there is no source "${name}"${near === undefined ? '' : `; did you mean "${near}"?`}`);
}

/** Rows of cells under each other, two blanks between them; the last cell of a row is not padded. */
export function columns(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ');
  return rows.map((row) => `${indent}${line(row).trimEnd()}\n`).join('');
}
