// The Kusto query language as its own makers read it: @kusto/language-service-next parses and checks commands against
// tables and functions, without a cluster. It puts itself into globalThis and has no usable types, hence the few below.

import { createRequire } from 'node:module';

interface List<T> {
  readonly Count: number;
  getItem(index: number): T;
}

interface Column {
  readonly Name: string;
  readonly Type: { readonly Name: string };
}

interface Code {
  GetDiagnostics(): List<{ readonly Message: string; readonly Start: number }>;
  readonly ResultType?: { readonly Columns?: List<Column> };
}

interface Language {
  readonly KustoCode: { ParseAndAnalyze(text: string, globals: unknown): Code };
  readonly GlobalState: { readonly Default: { WithDatabase(database: unknown): unknown } };
  // constructors are numbered by the compiler that made the library from C#
  readonly Symbols: {
    readonly TableSymbol: { readonly $ctor7: new (name: string, schema: string, description: null) => unknown };
    readonly FunctionSymbol: {
      readonly $ctor16: new (name: string, parameters: string, body: string, description: null) => unknown;
    };
    readonly DatabaseSymbol: { readonly ctor: new (name: string, members: unknown[]) => unknown };
  };
}

function load(): Language {
  const require = createRequire(import.meta.url);
  require('@kusto/language-service-next/bridge.min.js');
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
  return (globalThis as unknown as { readonly Kusto: { readonly Language: Language } }).Kusto.Language;
}

const language = load();

/** One management command of a file: it begins with a dot at the start of a line and goes on until the next one. */
export interface Command {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export function commandsOf(file: string, text: string): Command[] {
  const commands: Command[] = [];
  text.split('\n').forEach((line, i) => {
    const last = commands.at(-1);
    if (line.startsWith('.')) commands.push({ file, line: i + 1, text: line });
    else if (last !== undefined) commands[commands.length - 1] = { ...last, text: `${last.text}\n${line}` };
  });
  return commands;
}

const TABLE = /^\.create(?:-merge)? table (\w+) (\(.*?\))/;
const FUNCTION = /^\.create-or-alter function (?:with \(.*?"\) )?(\w+)(\(.*?\)) (\{[\s\S]*?\n\})/;

export interface Database {
  /** `file:line: what`, of every command. */
  readonly findings: readonly string[];
  /** Columns of a query's result: `name: type`. */
  columnsOf(query: string): string[];
}

/** A database with the tables and functions that the commands make, and what is wrong with the commands. */
export function database(commands: readonly Command[]): Database {
  const { Symbols, GlobalState, KustoCode } = language;
  const members = commands.flatMap(({ text }) => {
    const table = text.match(TABLE);
    if (table !== null) return [new Symbols.TableSymbol.$ctor7(table[1]!, table[2]!, null)];
    const made = text.match(FUNCTION);
    return made === null ? [] : [new Symbols.FunctionSymbol.$ctor16(made[1]!, made[2]!, made[3]!, null)];
  });
  const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('telemetry', members));
  const findings = commands.flatMap(({ file, line, text }) =>
    itemsOf(KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics()).map(
      ({ Message, Start }) => `${file}:${line + text.slice(0, Start).split('\n').length - 1}: ${Message}`,
    ),
  );
  return {
    findings,
    columnsOf: (query) => {
      const columns = KustoCode.ParseAndAnalyze(query, globals).ResultType?.Columns;
      return columns === undefined ? [] : itemsOf(columns).map(({ Name, Type }) => `${Name}: ${Type.Name}`);
    },
  };
}

function itemsOf<T>(list: List<T>): T[] {
  return Array.from({ length: list.Count }, (_, i) => list.getItem(i));
}
