// The part of IoT Hub's query language that target conditions, metrics and fleet queries use: SELECT of paths or COUNT(),
// FROM devices or devices.modules, WHERE with comparisons, AND, OR, NOT, IN, is_defined and brackets
// (learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language). What is not known here is a mistake, as there.

export type Twin = Readonly<Record<string, unknown>>;
type Test = (twin: Twin) => boolean;
type Value = (twin: Twin) => unknown;

export interface Query {
  readonly from: 'devices' | 'devices.modules';
  readonly where: Test;
  /** Rows of the answer, of the twins that fit. */
  readonly select: (twins: readonly Twin[]) => readonly unknown[];
}

/** A query that cannot be understood; answered as 400. */
export class QueryMistake extends Error {
  override readonly name = 'QueryMistake';
}

const TOKEN =
  /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_$][\w$]*(?:\.(?:[A-Za-z_$][\w$-]*|\[\[[^\]]+\]\]))*)|(<=|>=|!=|<>|[=<>()[\],*]))/y;

type Kind = 'text' | 'number' | 'word' | 'sign';

interface Token {
  readonly kind: Kind;
  readonly text: string;
}

function tokens(query: string): Token[] {
  const found: Token[] = [];
  const end = query.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(query);
    if (match === null) throw new QueryMistake(`not understood at character ${at + 1}: ${query.slice(at, at + 20)}`);
    const [, text, number, word, sign] = match;
    if (text !== undefined) found.push({ kind: 'text', text: text.slice(1, -1).replaceAll("''", "'") });
    else if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (word !== undefined) found.push({ kind: 'word', text: word });
    else found.push({ kind: 'sign', text: sign! });
  }
  return found;
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;
  /** Every path that was read. */
  readonly paths: string[] = [];

  constructor(query: string) {
    this.#tokens = tokens(query);
  }

  get over(): boolean {
    return this.#at >= this.#tokens.length;
  }

  is(text: string, kind: Kind = 'word'): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === kind && token.text.toLowerCase() === text.toLowerCase();
  }

  take(text: string, kind: Kind = 'word'): boolean {
    const there = this.is(text, kind);
    if (there) this.#at++;
    return there;
  }

  need(text: string, kind: Kind = 'word'): void {
    if (!this.take(text, kind)) throw new QueryMistake(`${text} is missing before ${this.rest()}`);
  }

  next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new QueryMistake('ends too early');
    return token;
  }

  path(): string {
    const { kind, text } = this.next();
    if (kind !== 'word') throw new QueryMistake(`${text} is no property`);
    this.paths.push(text);
    return text;
  }

  rest(): string {
    return this.#tokens[this.#at]?.text ?? 'the end';
  }
}

/** @throws QueryMistake */
export function parseQuery(text: string): Query {
  const reader = new Reader(text);
  reader.need('select');
  const select = readSelect(reader);
  reader.need('from');
  const from = reader.next().text.toLowerCase();
  if (from !== 'devices' && from !== 'devices.modules') throw new QueryMistake(`there is no collection ${from}`);
  const where = reader.take('where') ? either(reader) : () => true;
  if (!reader.over) throw new QueryMistake(`${reader.rest()} is not expected`);
  return { from, where, select };
}

/** A target condition: over deviceId, tags and reported properties alone. @throws QueryMistake */
export function parseCondition(text: string): Test {
  const reader = new Reader(text);
  const test = either(reader);
  if (!reader.over) throw new QueryMistake(`${reader.rest()} is not expected`);
  const foreign = reader.paths.find((path) => !/^(deviceId$|tags\.|properties\.reported\.)/.test(path));
  if (foreign !== undefined) throw new QueryMistake(`${foreign} cannot be used in a target condition`);
  return test;
}

function readSelect(reader: Reader): Query['select'] {
  if (reader.take('*', 'sign')) return (twins) => twins;
  const columns: { name: string; path: string }[] = [];
  do {
    if (reader.take('count')) {
      reader.need('(', 'sign');
      reader.need(')', 'sign');
      const name = reader.take('as') ? reader.next().text : 'count';
      return (twins) => [{ [name]: twins.length }];
    }
    const path = reader.path();
    columns.push({ name: reader.take('as') ? reader.next().text : path.split('.').at(-1)!, path });
  } while (reader.take(',', 'sign'));
  return (twins) =>
    twins.map((twin) =>
      Object.fromEntries(
        columns.map(({ name, path }) => [name, valueAt(twin, path)]).filter(([, value]) => value !== undefined),
      ),
    );
}

function either(reader: Reader): Test {
  const parts = [both(reader)];
  while (reader.take('or')) parts.push(both(reader));
  return parts.length === 1 ? parts[0]! : (twin) => parts.some((part) => part(twin));
}

function both(reader: Reader): Test {
  const parts = [one(reader)];
  while (reader.take('and')) parts.push(one(reader));
  return parts.length === 1 ? parts[0]! : (twin) => parts.every((part) => part(twin));
}

function one(reader: Reader): Test {
  if (reader.take('not')) {
    const test = one(reader);
    return (twin) => !test(twin);
  }
  if (reader.take('(', 'sign')) {
    const test = either(reader);
    reader.need(')', 'sign');
    return test;
  }
  if (reader.take('is_defined')) {
    reader.need('(', 'sign');
    const path = reader.path();
    reader.need(')', 'sign');
    return (twin) => valueAt(twin, path) !== undefined;
  }
  const left = operand(reader);
  if (reader.take('in')) {
    const values: Value[] = [];
    reader.need('[', 'sign');
    do values.push(operand(reader));
    while (reader.take(',', 'sign'));
    reader.need(']', 'sign');
    return (twin) => values.some((value) => value(twin) === left(twin));
  }
  const sign = reader.next().text;
  const compare = COMPARE[sign];
  if (compare === undefined) throw new QueryMistake(`${sign} is no comparison`);
  const right = operand(reader);
  return (twin) => {
    const [a, b] = [left(twin), right(twin)];
    // What is not there is equal to nothing, and different from nothing either.
    return a !== undefined && b !== undefined && compare(a, b);
  };
}

const COMPARE: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => (a as number) < (b as number),
  '>': (a, b) => (a as number) > (b as number),
  '<=': (a, b) => (a as number) <= (b as number),
  '>=': (a, b) => (a as number) >= (b as number),
};

function operand(reader: Reader): Value {
  if (reader.take('true')) return () => true;
  if (reader.take('false')) return () => false;
  if (reader.is('*', 'sign')) throw new QueryMistake('* is no condition');
  const { kind, text } = reader.next();
  if (kind === 'text') return () => text;
  if (kind === 'number') return () => Number(text);
  if (kind === 'sign') throw new QueryMistake(`${text} is not expected`);
  reader.paths.push(text);
  return (twin) => valueAt(twin, text);
}

/** `configurations.[[id]].status`: a name in double brackets may hold anything. */
function valueAt(twin: Twin, path: string): unknown {
  let at: unknown = twin;
  for (const step of path.match(/\[\[[^\]]+\]\]|[^.]+/g) ?? []) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[step.startsWith('[[') ? step.slice(2, -2) : step];
  }
  return at;
}
