// The Kusto schema of telemetry, read by the language's own parser: every command is valid against the tables and
// functions that the files make, functions of update policies give exactly the columns of their tables, and mappings
// name columns that exist. The sample for readers of `columns` is held to the same.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf, database } from '../support/kusto.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'cloud/terraform/stacks/40-data/kusto');
const files = readdirSync(folder).filter((name) => name.endsWith('.kql'));
const commands = files.sort().flatMap((name) => commandsOf(name, readFileSync(join(folder, name), 'utf8')));
const telemetry = database(commands);

describe('the Kusto schema of telemetry', () => {
  it('has no error that the language knows', () => {
    expect(commands.length).toBeGreaterThan(20);
    expect(telemetry.findings).toEqual([]);
  });

  it.each([
    ['RowsToReadings()', 'Readings'],
    ['ColumnsToReadings()', 'Readings'],
    ['RowsToEvents()', 'Events'],
    ['ColumnsToEvents()', 'Events'],
    ['RowsToGaps()', 'Gaps'],
    ['ColumnsToGaps()', 'Gaps'],
    ['ColumnsToRanges()', 'Ranges'],
  ])('%s gives what the table %s takes, in its order', (query, table) => {
    expect(telemetry.columnsOf(query)).toEqual(telemetry.columnsOf(table));
    expect(telemetry.columnsOf(table).length).toBeGreaterThan(3);
  });

  it('has an update policy for each of these functions, and for no other', () => {
    const policies = commands.filter(({ text }) => text.startsWith('.alter table') && text.includes('policy update'));
    const used = policies.flatMap(({ text }) => [...text.matchAll(/"Query": "(\w+)\(\)"/g)].map((match) => match[1]));
    expect(used.sort()).toEqual([
      'ColumnsToEvents',
      'ColumnsToGaps',
      'ColumnsToRanges',
      'ColumnsToReadings',
      'RowsToEvents',
      'RowsToGaps',
      'RowsToReadings',
    ]);
  });

  it('maps to columns that exist', () => {
    const mappings = commands.filter(({ text }) => text.includes('ingestion json mapping'));
    expect(mappings).toHaveLength(2);
    for (const { text } of mappings) {
      const [, table, body] = text.match(/^\.create-or-alter table (\w+) [^\n]*\n```\n([\s\S]*?)\n```/)!;
      const mapped = (JSON.parse(body!) as { column: string }[]).map(({ column }) => column);
      const columns = telemetry.columnsOf(table!).map((column) => column.split(':')[0]);
      expect(mapped).toEqual(columns);
    }
  });

  it('answers whether a gateway is complete', () => {
    expect(telemetry.columnsOf('Missing(ago(2d), 1h)')).toEqual([
      'gateway: string',
      'epoch: string',
      'seqFirst: long',
      'seqLast: long',
      'absent: long',
      'came: datetime',
    ]);
    expect(telemetry.columnsOf('Completeness(ago(2d), 1h)')).toContain('complete: bool');
  });

  it('is run again without harm: nothing drops, clears or creates what exists', () => {
    const verbs = new Set(commands.map(({ text }) => text.split(' ')[0]));
    expect([...verbs].sort()).toEqual(['.alter', '.alter-merge', '.create-merge', '.create-or-alter']);
  });
});

describe('the parser', () => {
  it('finds what is wrong, with its line', () => {
    const wrong = database(
      commandsOf('x.kql', '.create-merge table T (a: long)\n\n.create-or-alter function F() {\n    T | where b > 1\n}'),
    );
    expect(wrong.findings).toHaveLength(1);
    expect(wrong.findings[0]).toMatch(/^x\.kql:4: .*'b'/);
  });
});

describe('docs/samples/columns.kql', () => {
  it('has no error that the language knows', () => {
    const sample = readFileSync(join(root, 'docs/samples/columns.kql'), 'utf8');
    const table = '.create-merge table FieldgateColumns (body: dynamic)\n';
    expect(database(commandsOf('columns.kql', table + sample)).findings).toEqual([]);
  });
});
