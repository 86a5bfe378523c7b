// What a person reads at the end: findings with file and line, one row for each folder, the totals.

import type { Result } from './suite.ts';

/** Rows with their columns in line; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const text = String(cell);
          return typeof cell === 'number' || column > 0 ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Every run is a test; so is every folder's configuration, which is valid or not. */
export function counts(results: readonly Result[]): Counts {
  let passed = 0;
  let failed = 0;
  for (const { runs, problems } of results) {
    const failing = runs.filter(({ status }) => status !== 'pass').length;
    passed += runs.length - failing + (problems.length === 0 ? 1 : 0);
    failed += Math.max(failing, problems.length > 0 ? 1 : 0);
  }
  return { passed, failed };
}

export function findings(results: readonly Result[]): string {
  const lines = results.flatMap(({ problems }) => problems).map(({ where, what }) => `${where}: ${what}`);
  // what validation finds is found again in each run
  return [...new Set(lines)].join('\n');
}
