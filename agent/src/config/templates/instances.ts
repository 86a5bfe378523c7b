// The instances of a source: `use` in the YAML, `useFiles` with one instance per row. An instance with a mistake makes
// no tags; the others do, so that one mistake hides none of theirs.

import { decimal } from '../cells.ts';
import type { Context } from '../context.ts';
import { type CsvFile, readCsv } from '../csv.ts';
import { shown } from '../issues.ts';
import { listedFiles } from '../listed.ts';
import type { Mistake, Path } from '../mistake.ts';
import { nearest } from '../nearest.ts';
import { type Fields, isFields } from '../protocols/protocol.ts';
import { readTable } from '../table.ts';
import { type Instance, type Place, valuesOf } from './instance.ts';
import type { Template } from './template.ts';

/** @param base where the source stands */
export async function readInstances(context: Context, base: Path, source: Fields): Promise<Instance[]> {
  const instances: Instance[] = [];
  const { yaml, mistakes } = context;
  const take = (name: string, written: Fields, place: Place, source: (key: string) => string | undefined) => {
    context.usedTemplates.add(name);
    const template = context.templates.get(name);
    if (template === undefined) {
      if (!context.templates.has(name)) mistakes.push(noTemplate(context, name, place));
      return;
    }
    const values = valuesOf(template, written, place, source, mistakes);
    if (values !== undefined) instances.push({ template, values, place });
  };

  if (Array.isArray(source.use)) {
    for (const [i, item] of source.use.entries()) {
      if (!isFields(item) || typeof item.template !== 'string') continue;
      const { template, ...written } = item;
      const at = [...base, 'use', i];
      const place: Place = (key, part, message, suggestion) =>
        yaml.mistake(key === undefined ? at : [...at, key], part, message, suggestion);
      take(template, written, place, (key) => yaml.source([...at, key]));
    }
  }
  for await (const { path, text } of listedFiles(
    context,
    [...base, 'useFiles'],
    source.useFiles,
    'file of instances',
  )) {
    readRows(readCsv(path, text), context, take);
  }
  return instances;
}

type Take = (name: string, written: Fields, place: Place, source: (key: string) => string | undefined) => void;

function readRows(csv: CsvFile, { templates, mistakes }: Context, take: Take): void {
  const all = [...templates.values()];
  // The parameters of a template that has a mistake are not known.
  const parameters = new Set(all.flatMap((template) => [...(template?.parameters.keys() ?? [])]));
  const table = readTable(csv, 'template', all.includes(undefined) ? undefined : ['template', ...parameters]);
  const columns = [...table.columns].filter(([key]) => parameters.has(key));
  mistakes.push(...table.mistakes);
  for (const { cells, row } of table.rows) {
    const place: Place = (key, _part, message, suggestion) => table.mistake(row, key, message, suggestion);
    const name = cells[table.columns.get('template')!] ?? '';
    if (name === '') {
      mistakes.push(place('template', 'value', 'the row names no template'));
      continue;
    }
    const written = writtenIn(cells, columns, templates.get(name), csv.decimalComma, place, mistakes);
    if (written !== undefined) take(name, written, place, () => undefined);
  }
}

/** A row as YAML would have given it: cells of parameters that are numbers become numbers. */
function writtenIn(
  cells: readonly string[],
  columns: readonly (readonly [string, number])[],
  template: Template | undefined,
  decimalComma: boolean,
  place: Place,
  mistakes: Mistake[],
): Fields | undefined {
  const written: Record<string, unknown> = {};
  let sound = true;
  for (const [key, column] of columns) {
    const cell = cells[column] ?? '';
    if (cell === '') continue;
    const number = template?.parameters.get(key)?.type === 'number';
    const value = number ? decimal(cell, decimalComma) : cell;
    if (value !== undefined) {
      written[key] = value;
      continue;
    }
    sound = false;
    mistakes.push(place(key, 'value', `${key} is ${shown(cell)}: write a number`));
  }
  return sound ? written : undefined;
}

function noTemplate({ templates }: Context, name: string, place: Place): Mistake {
  const names = [...templates.keys()];
  const none = names.length === 0 ? ': the mapping has no templates' : '';
  return place('template', 'value', `there is no template "${name}"${none}`, nearest(name, names));
}
