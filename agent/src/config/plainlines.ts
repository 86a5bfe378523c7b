// Lines that hold one tag each, `NAME: { key: value, … }`, read without the YAML library: it takes 70 µs for such a
// line, and a site has 50,000 of them. Only what cannot mean anything else is taken: words, numbers, quoted text
// without escapes, lists and maps of these on the same line. The library gets the text with each run of such lines
// replaced by one key of the same length, and decides by it where they belong; see document.ts. Whenever the two could
// differ, it reads the file as it is.

/** Consecutive lines at one indentation. Blank lines and comments between them count as nothing. */
export interface Run {
  readonly entries: readonly PlainEntry[];
  /** Nodes of YAML that each entry stands for, all together. */
  readonly nodes: number;
}

export interface PlainEntry {
  readonly name: string;
  /** Where the name begins. */
  readonly start: number;
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

  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const lineEnd = newline < 0 ? text.length : newline;
    let start = at;
    while (text.charCodeAt(start) === SPACE) start++;
    const entry = readEntry(text, start);
    if (entry !== undefined && entry.end === contentEnd(text, lineEnd)) {
      if (start - at !== indent) close();
      indent = start - at;
      end = entry.end;
      nodes += entry.nodes;
      entries.push({ name: entry.name, start, value: entry.value });
    } else if (indent >= 0 && !isBlank(text, start, lineEnd)) {
      close();
    }
    at = lineEnd + 1;
  }
  close();
  pieces.push(text.slice(copied));
  return { text: runs.length === 0 ? text : pieces.join(''), runs };
}

/** Where a value stands in an entry; undefined when the entry does not hold it. */
export function spotIn(text: string, entry: PlainEntry, path: readonly (string | number)[]): Spot | undefined {
  let found: Spot | undefined;
  readEntry(text, entry.start, (at, spot) => {
    if (at.length === path.length && at.every((step, i) => String(step) === String(path[i]))) found = spot;
  });
  return found;
}

const SPACE = 0x20;

/** The line's end without the CR of a line from Windows. */
function contentEnd(text: string, lineEnd: number): number {
  return text.charCodeAt(lineEnd - 1) === 0x0d ? lineEnd - 1 : lineEnd;
}

function isBlank(text: string, start: number, lineEnd: number): boolean {
  const end = contentEnd(text, lineEnd);
  return start >= end || (text[start] === '#' && !text.slice(start, end).includes('\r'));
}

const NAME =
  /(?:([A-Za-z0-9_][A-Za-z0-9_./+-]{0,255})|"([ !#-[\]-~\xa1-\u1fff]{1,256})"|'([ -&(-~\xa1-\u1fff]{1,256})'): +(?=\{)/y;
const KEY = /([A-Za-z][A-Za-z0-9]*): +/y;
const DOUBLE = /"([ !#-[\]-~\xa1-\u1fff]*)"/y;
const SINGLE = /'([ -&(-~\xa1-\u1fff]*)'/y;
/** A word or a few: no character that means something to YAML where it stands here. */
const WORD =
  /(?:[-+](?=\d)|[A-Za-z0-9_./\xa1-\u1fff])(?:[A-Za-z0-9_./%;=+()*\xa1-\u1fff-]|:(?=[A-Za-z0-9_/])| (?=[A-Za-z0-9_./%;=+()*\xa1-\u1fff-]))*/y;
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

/** One entry that begins at `start`, or undefined; `note` learns where each value stands. */
function readEntry(text: string, start: number, note?: Note): Entry | undefined {
  NAME.lastIndex = start;
  const named = NAME.exec(text);
  if (named === null) return undefined;
  const name = named[1] ?? named[2] ?? named[3]!;
  if (name === '__proto__') return undefined;
  let at = NAME.lastIndex;
  let nodes = 0;
  const path: (string | number)[] = [];

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

  const value = read(start);
  if (value === NONE) return undefined;
  match(REST);
  return { name, value: value as Record<string, unknown>, end: at, nodes };
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
