// A YAML file as plain values, with the place of every key and value kept. YAML 1.2 core schema: no dates, no
// "yes" for true, no merge keys. Hostile files (aliases in aliases, endless nesting) are a mistake, not a crash.

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { excerpt, type Mistake, type Path } from './mistake.ts';
import {
  OCTAL,
  PLAIN_DEPTH,
  type PlainEntry,
  type PlainLines,
  plainLines,
  type Run,
  runOf,
  spotIn,
} from './plainlines.ts';

/** Where a mistake is to be shown: the key, or what stands behind it. */
export type Part = 'key' | 'value';

export interface YamlFile {
  readonly file: string;
  /** The file's content; undefined when it is no YAML, or hostile. */
  readonly value: unknown;
  /** Mistakes of the YAML itself: syntax, keys given twice. */
  readonly mistakes: readonly Mistake[];
  /** What other readers of YAML take for something else. */
  readonly warnings: readonly Mistake[];
  /** A mistake at the key or value that `path` leads to, or at the nearest that exists on the way there. */
  mistake(path: Path, part: Part, message: string, suggestion?: string): Mistake;
  /** What the file says at `path`, as it is written there; undefined for maps and lists. */
  source(path: Path): string | undefined;
}

/** Nodes that aliases may add to a file. Sharing a few settings is far below; a bomb is far above. */
const MAX_ALIASED = 1_000_000;
const MAX_DEPTH = 64;

export function readYaml(file: string, text: string): YamlFile {
  const plain = plainLines(text);
  if (plain.runs.length > 0) {
    const read = readWith(file, text, plain);
    if (read !== undefined) return read;
  }
  return readWith(file, text, { text, runs: [] })!;
}

/** Undefined when the plain lines do not stand where the library could be asked to read around them. */
function readWith(file: string, text: string, plain: PlainLines): YamlFile | undefined {
  // uniqueKeys of the library compares every key with every other, which takes a minute for 50,000 tags; see convert.
  const document = parseDocument(plain.text, { uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0 && plain.runs.length > 0) return undefined;

  const lines = lineCounter(text);
  const at = (offset: number, path: Path, message: string, suggestion?: string): Mistake => {
    const { line, column, start, end } = lines(offset);
    const shown = { excerpt: excerpt(text.slice(start, end)) };
    return { file, line, column, path, message, ...(suggestion === undefined ? {} : { suggestion }), ...shown };
  };

  const mistakes = problems.map((error) =>
    at(
      Math.min(error.pos[0], text.length),
      [],
      error.code === 'MULTIPLE_DOCS'
        ? 'a mapping is one document, and here a second one begins'
        : `is no YAML here: ${error.message}`,
    ),
  );
  const refuse: Refuse = (offset, path, message) => mistakes.push(at(offset, path, message));
  const warnings: Mistake[] = [];
  const warn: Refuse = (offset, path, message) => warnings.push(at(offset, path, message));
  const targets: Targets = new WeakMap();
  const read = mistakes.length === 0 ? convert(document, plain.runs, { refuse, warn, targets }) : { value: undefined };
  if (read === 'misplaced') return undefined;

  const index: Index = { entries: new WeakMap(), runs: plain.runs, targets, text };
  return {
    file,
    value: read.value,
    mistakes,
    warnings,
    mistake(path, part, message, suggestion) {
      const place = find(document, path, index);
      const offset = (part === 'key' ? place.key : place.value) ?? place.key ?? place.value;
      return at(offset ?? 0, path, message, suggestion);
    },
    source(path) {
      const { source, reached } = find(document, path, index);
      return reached ? source : undefined;
    },
  };
}

/** Line and column of an offset, and where that line begins and ends. */
function lineCounter(text: string) {
  let starts: number[] | undefined;
  return (offset: number) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    const start = starts[low]!;
    return { line: low + 1, column: offset - start + 1, start, end: starts[low + 1] ?? text.length };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/**
 * What each alias stands for, noted in the order of the file. The library's own resolve walks through the whole file
 * for every alias, which takes minutes when every tag has one.
 */
type Targets = WeakMap<Alias, Node>;

type Refuse = (offset: number, path: Path, message: string) => void;

const begin = (node: Node | null | undefined) => node?.range?.[0] ?? 0;

/**
 * Plain values of the document. Unlike the library's toJS it reports keys given twice in linear time, keeps a key as
 * it is written (`007` stays `007`), and counts what aliases add. `misplaced`: a run of plain lines is not in a map.
 */
function convert(
  document: Document,
  runs: readonly Run[],
  { refuse, warn, targets }: { readonly refuse: Refuse; readonly warn: Refuse; readonly targets: Targets },
): { value: unknown } | 'misplaced' {
  const anchors = new Map<string, Node>();
  const placed = new Set<Run>();
  let aliased = 0;
  let inAlias = 0;
  let stopped = false;
  const path: (string | number)[] = [];

  function visit(node: unknown): unknown {
    if (stopped) return undefined;
    if (inAlias > 0 && ++aliased > MAX_ALIASED) return stop(node as Node);
    if (isAlias(node)) {
      const target = targets.get(node) ?? anchors.get(node.source);
      if (target === undefined) {
        refuse(begin(node), [...path], `there is no anchor &${node.source} before this alias`);
        return undefined;
      }
      targets.set(node, target);
      inAlias++;
      const value = visit(target);
      inAlias--;
      return value;
    }
    if (!isNode(node)) return null;
    if (node.anchor !== undefined && inAlias === 0) anchors.set(node.anchor, node);
    if (isScalar(node)) {
      const { value, source = '' } = node;
      if (typeof value === 'number' && OCTAL.test(source) && path.at(-1) !== 'address' && inAlias === 0) {
        warn(begin(node), [...path], `${source}: zeros in front mean nothing in YAML, this is ${value}`);
      }
      return value;
    }
    if (!isMap(node) && !isSeq(node)) return null;
    // An anchor that stands around its own alias ends here, too.
    if (path.length > MAX_DEPTH) return stop(node, `is nested more than ${MAX_DEPTH} deep`);
    return isMap(node) ? visitMap(node) : node.items.map((item, i) => within(i, item));
  }

  /** Such a file is not written by somebody who makes a mistake: nothing more is said about it. */
  function stop(node: Node | undefined, message = 'aliases expand to too much; write it out'): undefined {
    refuse(begin(node), [...path], message);
    stopped = true;
    return undefined;
  }

  function within(step: string | number, node: unknown): unknown {
    path.push(step);
    const value = visit(node);
    path.pop();
    return value;
  }

  function visitMap(map: YAMLMap): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const fresh = (key: string, offset: number): boolean => {
      if (!Object.hasOwn(result, key)) return true;
      refuse(offset, [...path, key], `"${key}" stands here a second time`);
      return false;
    };
    for (const pair of map.items) {
      const run = runAt(map, pair, runs);
      if (run !== undefined && path.length + PLAIN_DEPTH < MAX_DEPTH) {
        placed.add(run);
        if (inAlias > 0) aliased += run.nodes;
        if (aliased > MAX_ALIASED) stop(map);
        for (const { name, start, value } of run.entries) if (fresh(name, start)) result[name] = value;
        continue;
      }
      const key = keyText(pair);
      const offset = begin((pair.key as Node | null) ?? map);
      if (key === undefined || key === '__proto__') refuse(offset, [...path], 'is no name for a key');
      else if (fresh(key, offset)) result[key] = within(key, pair.value);
    }
    return result;
  }

  const value = visit(document.contents);
  if (!stopped && placed.size < runs.length) return 'misplaced';
  return { value: stopped ? undefined : value };
}

/** The run that a pair stands for, when it stands in a map of lines. */
function runAt(map: YAMLMap, { key, value }: Pair, runs: readonly Run[]): Run | undefined {
  if (runs.length === 0 || map.flow || !isScalar(key) || typeof key.value !== 'string') return undefined;
  const number = runOf(key.value);
  return number !== undefined && isScalar(value) && value.source === '0' ? runs[number] : undefined;
}

/** A key as it is written: tag 007 is not tag 7. */
function keyText(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  return typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? String(pair.key.value));
}

interface Place {
  readonly key: number | undefined;
  readonly value: number | undefined;
  /** As it is written; undefined for maps and lists. */
  readonly source?: string | undefined;
  /** The whole path exists. */
  readonly reached: boolean;
}

interface Index {
  readonly entries: WeakMap<YAMLMap, Map<string, Pair | PlainEntry>>;
  readonly runs: readonly Run[];
  readonly targets: Targets;
  readonly text: string;
}

function find(document: Document, path: Path, index: Index): Place {
  let key: Node | undefined;
  let value = (document.contents as Node | null) ?? undefined;
  const place = (reached: boolean): Place => {
    const source = isScalar(value) ? (value.source ?? String(value.value)) : undefined;
    return { key: key && begin(key), value: value && begin(value), source, reached };
  };
  for (const [i, step] of path.entries()) {
    const node = isAlias(value) ? index.targets.get(value) : value;
    if (isMap(node)) {
      const entry = entriesOf(node, index).get(String(step));
      if (entry === undefined) return place(false);
      if ('start' in entry) return findIn(entry, path.slice(i + 1), index.text);
      key = entry.key as Node;
      value = (entry.value as Node | null) ?? undefined;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) return place(false);
      key = undefined;
      value = item;
    } else {
      return place(false);
    }
  }
  return place(true);
}

/** The nearest place to `path` within a plain line. */
function findIn(entry: PlainEntry, path: Path, text: string): Place {
  for (let length = path.length; length > 0; length--) {
    const spot = spotIn(text, entry, path.slice(0, length));
    if (spot !== undefined) return { ...spot, reached: length === path.length };
  }
  const value = spotIn(text, entry, [])?.value;
  return { key: entry.start, value, reached: path.length === 0 };
}

/** The entries of a map by key, made once: looking through 50,000 of them for each mistake would take minutes. */
function entriesOf(map: YAMLMap, { entries, runs }: Index): Map<string, Pair | PlainEntry> {
  const known = entries.get(map);
  if (known !== undefined) return known;
  const made = new Map<string, Pair | PlainEntry>();
  const add = (key: string | undefined, entry: Pair | PlainEntry) => {
    if (key !== undefined && !made.has(key)) made.set(key, entry);
  };
  for (const pair of map.items) {
    const run = runAt(map, pair, runs);
    if (run === undefined) add(keyText(pair), pair);
    else for (const entry of run.entries) add(entry.name, entry);
  }
  entries.set(map, made);
  return made;
}
