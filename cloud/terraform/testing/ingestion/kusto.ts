// Reads the Kusto command files of the data stack as far as they can be checked without a cluster: tables with columns
// and types, ingestion mappings, functions, update policies.

export interface Table {
  readonly name: string;
  /** Column → type, in order. */
  readonly columns: ReadonlyMap<string, string>;
}

export interface MappingEntry {
  readonly column: string;
  readonly path: string;
}

export interface Mapping {
  readonly table: string;
  readonly name: string;
  readonly entries: readonly MappingEntry[];
}

export interface KustoFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly body: string;
}

export interface UpdatePolicy {
  readonly table: string;
  readonly source: string;
  readonly query: string;
}

export interface Database {
  readonly tables: ReadonlyMap<string, Table>;
  readonly mappings: readonly Mapping[];
  readonly functions: ReadonlyMap<string, KustoFunction>;
  readonly updates: readonly UpdatePolicy[];
}

/** Without comments; texts in quotes stay. */
function withoutComments(text: string): string {
  return text.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*/g, (_, quoted: string | undefined) => quoted ?? '');
}

/** Commands begin with a dot at the start of a line. */
function commandsOf(text: string): string[] {
  return withoutComments(text)
    .split(/^(?=\.[a-z])/m)
    .map((command) => command.trim())
    .filter((command) => command !== '');
}

/** The JSON between three backticks. */
function fenced(command: string): unknown {
  const json = /```([\s\S]*?)```/.exec(command)?.[1];
  if (json === undefined) throw new Error(`no JSON between \`\`\` in: ${command.split('\n')[0]}`);
  return JSON.parse(json);
}

function columnsOf(list: string): Map<string, string> {
  return new Map(
    list
      .split(',')
      .map((column) => column.split(':').map((part) => part.trim()))
      .map(([name, type]) => [name ?? '', type ?? '']),
  );
}

/** Reads the texts of command files, in their order. Throws with the command's first line when one cannot be read. */
export function readDatabase(texts: readonly string[]): Database {
  const tables = new Map<string, Table>();
  const functions = new Map<string, KustoFunction>();
  const mappings: Mapping[] = [];
  const updates: UpdatePolicy[] = [];
  for (const command of texts.flatMap(commandsOf)) {
    const table = /^\.create(?:-merge)? table (\w+)\s*\(([^)]*)\)/.exec(command);
    const mapping = /^\.create-or-alter table (\w+) ingestion json mapping "(\w+)"/.exec(command);
    const made =
      /^\.create-or-alter function(?: with \((?:"[^"]*"|[^")])*\))? (\w+)\s*\(([^)]*)\)\s*\{([\s\S]*)\}$/.exec(command);
    const update = /^\.alter table (\w+) policy update/.exec(command);
    if (table) {
      tables.set(table[1]!, { name: table[1]!, columns: columnsOf(table[2]!) });
    } else if (mapping) {
      const entries = fenced(command) as { column: string; Properties: { Path: string } }[];
      mappings.push({
        table: mapping[1]!,
        name: mapping[2]!,
        entries: entries.map(({ column, Properties }) => ({ column, path: Properties.Path })),
      });
    } else if (made) {
      const parameters = made[2]!.split(',').map((one) => one.split(':')[0]!.trim());
      functions.set(made[1]!, { name: made[1]!, parameters: parameters.filter((one) => one !== ''), body: made[3]! });
    } else if (update) {
      for (const { Source, Query } of fenced(command) as { Source: string; Query: string }[]) {
        updates.push({ table: update[1]!, source: Source, query: Query });
      }
    } else if (!/^\.alter(?:-merge)? (?:table|database) /.test(command)) {
      throw new Error(`a command that is not understood: ${command.split('\n')[0]}`);
    }
  }
  return { tables, mappings, functions, updates };
}

/** Words of the language, its operators, types and aggregations, as the functions of the data stack use them. */
const WORDS = new Set(
  (
    'and as asc between bool by contains count datetime declare desc distinct dynamic endswith endswith_cs extend false getschema has ' +
    'in in~ inner int isfuzzy join kind leftanti leftouter let long materialize mv-expand mv expand nulls first last not ' +
    'null on or order project project-away away real scan sort startswith step string summarize take timespan to top true ' +
    'typeof union where with with_itemindex guid decimal leftsemi fullouter serialize invoke limit render parse evaluate'
  ).split(' '),
);

/** Names that a function's body gives to something of its own. */
function givenNames(body: string): Set<string> {
  const names = new Set<string>();
  for (const [, name] of body.matchAll(/\b(\w+)\s*=(?![=~>])/g)) names.add(name!);
  for (const [, name] of body.matchAll(/\bwith_itemindex\s*=\s*(\w+)/g)) names.add(name!);
  for (const [, name] of body.matchAll(/\bstep\s+(\w+)/g)) names.add(name!);
  for (const [, names_] of body.matchAll(/\bdeclare\s*\(([^)]*)\)/g)) {
    for (const [, name] of names_!.matchAll(/(\w+)\s*:/g)) names.add(name!);
  }
  return names;
}

/**
 * Names in a function that are no column of a table it reads, no parameter, no name it gives, no other function: a
 * column misspelt, or renamed in the table alone. Members after a dot or in brackets are of dynamic values: not looked at.
 */
function unknownNames(database: Database, made: KustoFunction): string[] {
  const body = made.body.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');
  const known = new Set([...WORDS, ...givenNames(body), ...made.parameters, ...database.functions.keys()]);
  const called = [...database.functions.values()].filter(({ name }) => new RegExp(`\\b${name}\\s*\\(`).test(body));
  for (const { name, columns } of database.tables.values()) {
    if (!new RegExp(`\\b${name}\\b`).test(body)) continue;
    known.add(name);
    for (const column of columns.keys()) known.add(column);
  }
  for (const { name } of called) for (const column of resultOf(database, name)) known.add(column);
  const unknown = new Set<string>();
  for (const match of body.matchAll(/(?<![\w.$])([A-Za-z_]\w*)\b(?!\s*\()/g)) {
    if (!known.has(match[1]!)) unknown.add(match[1]!);
  }
  return [...unknown];
}

/** The columns of a function's result, where its body ends in `project`; else empty. */
export function resultOf(database: Database, name: string): string[] {
  const body = database.functions.get(name)?.body ?? '';
  const last = body.split(/\|\s*(?=project\b)/).at(-1) ?? '';
  const list = /^project\b([\s\S]*)$/.exec(last.trim())?.[1];
  if (list === undefined || /^\s*-/.test(list)) return [];
  // names stand before the first sign of each item; commas within brackets separate nothing
  const items: string[] = [''];
  let depth = 0;
  for (const letter of list) {
    if ('([{'.includes(letter)) depth += 1;
    if (')]}'.includes(letter)) depth -= 1;
    if (letter === ',' && depth === 0) items.push('');
    else items[items.length - 1] += letter;
  }
  return items.map((item) => /^\s*(\w+)/.exec(item)?.[1] ?? '').filter((item) => item !== '');
}

/** What does not fit together: mappings and tables, functions and the tables that they fill, names in functions. */
export function structuralFindings(database: Database): string[] {
  const found: string[] = [];
  for (const { table, name, entries } of database.mappings) {
    const columns = database.tables.get(table)?.columns;
    if (columns === undefined) found.push(`mapping "${name}": there is no table ${table}`);
    for (const { column, path } of entries) {
      if (columns !== undefined && !columns.has(column))
        found.push(`mapping "${name}": ${table} has no column ${column}`);
      if (!/^\$(?:\.\w+)*$/.test(path))
        found.push(`mapping "${name}": the path ${path} of ${column} is not understood`);
    }
    const mapped = new Set(entries.map(({ column }) => column));
    for (const column of columns?.keys() ?? []) {
      if (!mapped.has(column)) found.push(`mapping "${name}": nothing fills the column ${column} of ${table}`);
    }
  }
  for (const { table, source, query } of database.updates) {
    const name = /^(\w+)\(\)$/.exec(query)?.[1] ?? '';
    const wanted = [...(database.tables.get(table)?.columns.keys() ?? [])].join(', ');
    const given = resultOf(database, name).join(', ');
    if (!database.functions.has(name)) found.push(`update of ${table}: there is no function ${query}`);
    else if (given !== wanted) found.push(`update of ${table}: ${name} gives ${given}; the table has ${wanted}`);
    if (!database.tables.has(source)) found.push(`update of ${table}: there is no table ${source}`);
  }
  for (const made of database.functions.values()) {
    for (const name of unknownNames(database, made)) found.push(`function ${made.name}: ${name} is nothing known`);
  }
  return found;
}
