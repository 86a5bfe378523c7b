// Tags as most mappings write them, `NAME: { key: value, … }` on one line or a key on each of a few lines below, read
// without the YAML library: it takes 70 µs for a tag, and a site has 50,000 of them. Only what cannot mean anything
// else is taken: words, numbers, quoted text without escapes, lists and maps of these on the same line. The library
// gets the text with each run of such tags replaced by one key of the same length, and decides by it where they
// belong; see document.ts. Whenever the two could differ, it reads the file as it is.

/** Consecutive entries at one indentation. Blank lines and comments between them count as nothing. */
export interface Run {
  readonly entries: readonly PlainEntry[];
  /** Nodes of YAML that each entry stands for, all together. */
  readonly nodes: number;
}

export interface PlainEntry {
  readonly name: string;
  /** Where the name begins. */
  readonly start: number;
  /** Blanks before it. */
  readonly indent: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Where a value inside an entry stands. */
export interface Spot {
  readonly key: number | undefined;
  readonly value: number;
  /** As it is written, without quotes; undefined for lists and maps. */
  readonly source: string | undefined;
}

export interface PlainLines {
  /** The text for the library, of the same length. */
  readonly text: string;
  readonly runs: readonly Run[];
}

/** A tag has fewer keys; a block with more is a list of tags, whose entries are found one by one. */
const MOST_KEYS = 50;
/** In the library's text a run is this character and the run's number, as a key with the value 0. */
const MARK = '\ue000';
/** No value is nested deeper on one line. */
export const PLAIN_DEPTH = 4;

/** The run that a key of the library's text stands for. */
export function runOf(key: string): number | undefined {
  return key.startsWith(MARK) ? Number(key.slice(1)) : undefined;
}

/** Finds the plain lines of a YAML text. */
export function plainLines(text: string): PlainLines {
  const runs: Run[] = [];
  if (text.includes(MARK)) return { text, runs };
  const pieces: string[] = [];
  let copied = 0;
  let entries: PlainEntry[] = [];
  let nodes = 0;
  let indent = -1;
  let end = 0;

  const close = () => {
    const start = entries[0]?.start;
    if (start !== undefined) {
      const mark = `${MARK}${runs.length}: 0 #`;
      if (mark.length <= end - start) {
        pieces.push(text.slice(copied, start), mark.padEnd(end - start));
        copied = end;
        runs.push({ entries, nodes });
      }
    }
    entries = [];
    nodes = 0;
    indent = -1;
  };

  const { read } = reader(text);
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const lineEnd = newline < 0 ? text.length : newline;
    let start = at;
    while (text.charCodeAt(start) === SPACE) start++;
    const entry = read(start, start - at);
    if (entry !== undefined) {
      if (start - at !== indent) close();
      indent = start - at;
      end = entry.end;
      nodes += entry.nodes;
      entries.push({ name: entry.name, start, indent, value: entry.value });
      at = text.indexOf('\n', end);
      if (at < 0) break;
      at++;
      continue;
    }
    if (indent >= 0 && !isBlank(text, start, lineEnd)) close();
    at = lineEnd + 1;
  }
  close();
  pieces.push(text.slice(copied));
  return { text: runs.length === 0 ? text : pieces.join(''), runs };
}

/** Where a value stands in an entry; undefined when the entry does not hold it. */
export function spotIn(text: string, entry: PlainEntry, path: readonly (string | number)[]): Spot | undefined {
  let found: Spot | undefined;
  const note: Note = (at, spot) => {
    if (at.length === path.length && at.every((step, i) => String(step) === String(path[i]))) found = spot;
  };
  reader(text, note).read(entry.start, entry.indent);
  return found;
}

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;

/** The line's end without the CR of a line from Windows. */
function contentEnd(text: string, lineEnd: number): number {
  return text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd;
}

function isBlank(text: string, start: number, lineEnd: number): boolean {
  const end = contentEnd(text, lineEnd);
  return start >= end || (text[start] === '#' && !text.slice(start, end).includes('\r'));
}

const NAME =
  /(?:([A-Za-z0-9_][A-Za-z0-9_./+-]{0,255})|"([ !#-[\]-~\xa1-\u1fff]{1,256})"|'([ -&(-~\xa1-\u1fff]{1,256})'):/y;
const KEY = /([A-Za-z][A-Za-z0-9]*): +/y;
const DOUBLE = /"([ !#-[\]-~\xa1-\u1fff]*)"/y;
const SINGLE = /'([ -&(-~\xa1-\u1fff]*)'/y;
/** A word or a few: no character that means something to YAML where it stands here. */
const WORD =
  /(?:[-+](?=\d)|[A-Za-z0-9_./\xa1-\u1fff])(?:[A-Za-z0-9_./%;=+()*\xa1-\u1fff-]|:(?=[A-Za-z0-9_/])| (?=[A-Za-z0-9_./%;=+()*\xa1-\u1fff-]))*/y;
const BRACE = / +(?=\{)/y;
const REST = / +#[^\r\n]*| */y;

type Note = (path: readonly (string | number)[], spot: Spot) => void;

interface Entry {
  readonly name: string;
  readonly value: Record<string, unknown>;
  readonly end: number;
  readonly nodes: number;
}

/** What no plain line can hold: its reading is given up. */
const NONE = Symbol('none');

/** Reads entries of a text; `note` learns where each value stands. */
function reader(text: string, note?: Note) {
  const path: (string | number)[] = [];
  let at = 0;
  let nodes = 0;

  /** The entry that begins at `start`, behind so many blanks, when it is one that cannot mean anything else. */
  function entryAt(start: number, indent: number): Entry | undefined {
    at = start;
    nodes = 0;
    path.length = 0;
    const named = match(NAME);
    if (named === null) return undefined;
    const name = named[1] ?? named[2] ?? named[3]!;
    if (name === '__proto__') return undefined;
    const value = match(BRACE) === null ? block(indent) : read(start);
    if (value === NONE || !atLineEnd()) return undefined;
    return { name, value: value as Record<string, unknown>, end: at, nodes };
  }

  /** Passes over blanks and a comment; whether the line ends there. */
  function atLineEnd(): boolean {
    match(REST);
    return (
      at === text.length || text.charCodeAt(at) === LF || (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF)
    );
  }

  /** Keys on lines of their own, deeper than the name; ends behind the last of them. */
  function block(indent: number): unknown {
    const nameEnd = at;
    if (!atLineEnd()) return NONE;
    const result: Record<string, unknown> = {};
    nodes++;
    let keys = 0;
    let depth = 0;
    let first = 0;
    let end = 0;
    for (;;) {
      const begin = nextLine();
      if (begin === undefined || begin.depth <= indent) break;
      if (depth === 0) {
        depth = begin.depth;
        first = begin.start;
      }
      at = begin.start;
      const key = begin.depth === depth ? match(KEY)?.[1] : undefined;
      if (key === undefined || Object.hasOwn(result, key) || ++keys > MOST_KEYS) return NONE;
      path.push(key);
      const value = read(begin.start);
      path.pop();
      if (value === NONE || !atLineEnd()) return NONE;
      result[key] = value;
      end = at;
    }
    if (depth === 0) {
      at = nameEnd;
      return NONE;
    }
    at = end;
    note?.([], { key: undefined, value: first, source: undefined });
    return result;
  }

  /** The next line that is more than a comment. */
  function nextLine(): { start: number; depth: number } | undefined {
    for (let line = text.indexOf('\n', at) + 1; line > 0; line = text.indexOf('\n', line) + 1) {
      let start = line;
      while (text.charCodeAt(start) === SPACE) start++;
      const newline = text.indexOf('\n', start);
      if (!isBlank(text, start, newline < 0 ? text.length : newline)) return { start, depth: start - line };
    }
    return undefined;
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  }

  function skip(): void {
    while (text.charCodeAt(at) === SPACE) at++;
  }

  function read(key: number | undefined): unknown {
    nodes++;
    const begin = at;
    const first = text[at];
    const value =
      first === '{'
        ? map()
        : first === '['
          ? list()
          : first === '"'
            ? match(DOUBLE)?.[1]
            : first === "'"
              ? match(SINGLE)?.[1]
              : word();
    if (value === NONE || value === undefined) return NONE;
    if (note !== undefined) {
      const quotes = first === '"' || first === "'" ? 1 : 0;
      const source = typeof value === 'object' ? undefined : text.slice(begin + quotes, at - quotes);
      note([...path], { key, value: begin, source });
    }
    return value;
  }

  function word(): unknown {
    const found = match(WORD);
    return found === null ? NONE : meaning(found[0], path.at(-1) === 'address');
  }

  function map(): unknown {
    if (path.length >= PLAIN_DEPTH) return NONE;
    const result: Record<string, unknown> = {};
    at++;
    skip();
    if (text[at] === '}') {
      at++;
      return result;
    }
    for (;;) {
      const begin = at;
      const key = match(KEY)?.[1];
      if (key === undefined || Object.hasOwn(result, key)) return NONE;
      path.push(key);
      const value = read(begin);
      path.pop();
      if (value === NONE) return NONE;
      result[key] = value;
      skip();
      const next = text[at++];
      if (next === '}') return result;
      if (next !== ',') return NONE;
      skip();
    }
  }

  function list(): unknown {
    if (path.length >= PLAIN_DEPTH) return NONE;
    const result: unknown[] = [];
    at++;
    skip();
    for (;;) {
      path.push(result.length);
      const value = read(undefined);
      path.pop();
      if (value === NONE) return NONE;
      result.push(value);
      skip();
      const next = text[at++];
      if (next === ']') return result;
      if (next !== ',') return NONE;
      skip();
    }
  }

  return { read: entryAt };
}

const WHOLE = /^[-+]?\d{1,15}$/;
/** Octal for other readers of YAML. */
export const OCTAL = /^[-+]?0\d/;
const DECIMAL = /^[-+]?\d{1,15}\.\d{1,15}$/;
/** What the core schema may take for a number or a constant, and is none of the two forms above. */
const OTHER = /^(?:[-+]?[\d.][\d.xo]*(?:[eE][-+]?\d*)?|0x[\dA-Fa-f]*|[-+]?\.(?:inf|nan)|null|true|false)$/i;

/** A plain scalar by the core schema of YAML 1.2. */
function meaning(word: string, isAddress: boolean): unknown {
  if (word === 'true') return true;
  if (word === 'false') return false;
  if (WHOLE.test(word) || DECIMAL.test(word)) {
    // 0502 is warned about, except where references begin with a zero.
    return OCTAL.test(word) && !isAddress ? NONE : Number(word);
  }
  return OTHER.test(word) ? NONE : word;
}
