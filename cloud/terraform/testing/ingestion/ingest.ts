// What Data Explorer does with a line of JSON, as far as the data path needs it: each column of the table gets the value
// at its path, converted to the column's type; what cannot be converted becomes null there without a word, so here it is a finding.

import type { Database, Mapping } from './kusto.ts';

export type Record_ = Readonly<Record<string, unknown>>;

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z$/;

/** Kusto type → whether a JSON value becomes one without loss. `dynamic` takes anything. */
const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  long: (value) => Number.isSafeInteger(value),
  int: (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
  real: (value) => typeof value === 'number',
  bool: (value) => typeof value === 'boolean',
  datetime: (value) => typeof value === 'string' && ISO.test(value) && !Number.isNaN(Date.parse(value)),
  dynamic: () => true,
};

function valueAt(line: unknown, path: string): unknown {
  let value = line;
  for (const step of path.split('.').slice(1)) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record_)[step];
  }
  return value;
}

export interface Ingested {
  readonly records: readonly Record_[];
  /** Each kind of finding once, with the first line that shows it. */
  readonly findings: readonly string[];
}

/**
 * Applies a mapping to lines of JSON. Findings: a value that its column cannot hold, and a field that no column takes,
 * which would be lost.
 */
export function ingest(database: Database, mapping: Mapping, lines: readonly unknown[]): Ingested {
  const columns = database.tables.get(mapping.table)?.columns ?? new Map<string, string>();
  const taken = new Set(mapping.entries.map(({ path }) => path.split('.')[1]));
  const everything = mapping.entries.some(({ path }) => path === '$');
  const findings = new Map<string, string>();
  const records = lines.map((line) => {
    for (const field of Object.keys(line as object)) {
      if (everything || taken.has(field)) continue;
      findings.set(`field ${field}`, `the field ${field} goes nowhere: ${JSON.stringify(line).slice(0, 200)}`);
    }
    return Object.fromEntries(
      mapping.entries.map(({ column, path }) => {
        const value = valueAt(line, path) ?? null;
        const type = columns.get(column) ?? '';
        const fits = FITS[type];
        if (fits === undefined) {
          findings.set(`type ${column}`, `the column ${column} has the type ${type}, which is none`);
        } else if (value !== null && !fits(value)) {
          const text = JSON.stringify(value);
          findings.set(`value ${column}`, `${text} does not fit into ${column}, which is ${type}`);
        }
        return [column, value];
      }),
    );
  });
  return { records, findings: [...findings.values()] };
}
