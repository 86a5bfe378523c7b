// A YAML file as plain values, with the place of every key and value kept. YAML 1.2 core schema: no dates, no
// "yes" for true, no merge keys. Hostile files (aliases in aliases, endless nesting) are a mistake, not a crash.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { excerpt, type Mistake, type Path } from './mistake.ts';

/** Where a mistake is to be shown: the key, or what stands behind it. */
export type Part = 'key' | 'value';

export interface YamlFile {
  readonly file: string;
  /** The file's content; undefined when it is empty or no YAML. */
  readonly value: unknown;
  /** Mistakes of the YAML itself: syntax, keys given twice. */
  readonly mistakes: readonly Mistake[];
  /** A mistake at the key or value that `path` leads to, or at the nearest that exists on the way there. */
  mistake(path: Path, part: Part, message: string, suggestion?: string): Mistake;
  /** What the file says at `path`, as it is written there; undefined for maps and lists. */
  source(path: Path): string | undefined;
}

/** Nodes that aliases may add to a file. Sharing a few settings is far below; a bomb is far above. */
const MAX_ALIASED = 10_000;
const MAX_DEPTH = 64;

export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  // uniqueKeys of the library compares every key with every other, which takes a minute for 50,000 tags; see convert.
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });

  const at = (offset: number, path: Path, message: string, suggestion?: string): Mistake => {
    const { line, col } = lines.linePos(offset);
    const start = lines.lineStarts[line - 1] ?? 0;
    return {
      file,
      line,
      column: col,
      path,
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
      excerpt: excerpt(text.slice(start, lines.lineStarts[line] ?? text.length)),
    };
  };

  const mistakes = [...document.errors, ...document.warnings].map((error) =>
    at(Math.min(error.pos[0], text.length), [], `is no YAML here: ${error.message}`),
  );
  const refuse: Refuse = (node, path, message) => mistakes.push(at(node.range?.[0] ?? 0, path, message));
  const value = mistakes.length === 0 ? convert(document, refuse) : undefined;

  const pairs = new WeakMap<YAMLMap, Map<string, Pair>>();
  return {
    file,
    value,
    mistakes,
    mistake(path, part, message, suggestion) {
      const place = find(document, path, pairs);
      const node = (part === 'key' ? place.key : place.value) ?? place.key ?? place.value;
      return at(node?.range?.[0] ?? 0, path, message, suggestion);
    },
    source(path) {
      const { value: node, reached } = find(document, path, pairs);
      return reached && isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    },
  };
}

type Refuse = (node: Node, path: Path, message: string) => void;

/**
 * Plain values of the document. Unlike the library's toJS it reports keys given twice in linear time, keeps a key as
 * it is written (`007` stays `007`), and counts what aliases add.
 */
function convert(document: Document, refuse: Refuse): unknown {
  let aliased = 0;
  let inAlias = 0;
  let deep = false;
  const path: (string | number)[] = [];

  function visit(node: unknown): unknown {
    if (inAlias > 0 && ++aliased > MAX_ALIASED) return undefined;
    if (isScalar(node)) return node.value;
    if (isMap(node)) return path.length > MAX_DEPTH ? tooDeep(node) : visitMap(node);
    if (isSeq(node)) {
      if (path.length > MAX_DEPTH) return tooDeep(node);
      return node.items.map((item, i) => within(i, item));
    }
    if (isAlias(node)) {
      const target = node.resolve(document);
      // An anchor that stands around its own alias would never end.
      if (target === undefined || (inAlias > 0 && aliased > MAX_ALIASED)) return undefined;
      inAlias++;
      const value = visit(target);
      inAlias--;
      if (inAlias === 0 && aliased > MAX_ALIASED) refuse(node, [...path], 'aliases expand to too much; write it out');
      return value;
    }
    return null;
  }

  /** Said once: aliases can lead here thousands of times. */
  function tooDeep(node: Node): undefined {
    if (!deep) refuse(node, [...path], `is nested more than ${MAX_DEPTH} deep`);
    deep = true;
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
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = keyText(pair);
      if (key === undefined || key === '__proto__') {
        refuse((pair.key as Node | null) ?? map, [...path], 'is no name for a key');
        continue;
      }
      if (seen.has(key)) {
        refuse(pair.key as Node, [...path, key], `"${key}" stands here a second time`);
        continue;
      }
      seen.add(key);
      result[key] = within(key, pair.value);
    }
    return result;
  }

  return visit(document.contents);
}

/** A key as it is written: tag 007 is not tag 7. */
function keyText(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  return typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? String(pair.key.value));
}

interface Place {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
  /** The whole path exists. */
  readonly reached: boolean;
}

function find(document: Document, path: Path, index: WeakMap<YAMLMap, Map<string, Pair>>): Place {
  let place: Place = { key: undefined, value: (document.contents as Node | null) ?? undefined, reached: true };
  for (const step of path) {
    const node = isAlias(place.value) ? place.value.resolve(document) : place.value;
    if (isMap(node)) {
      const pair = pairsOf(node, index).get(String(step));
      if (pair === undefined) return { ...place, reached: false };
      place = { key: pair.key as Node, value: (pair.value as Node | null) ?? undefined, reached: true };
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) return { ...place, reached: false };
      place = { key: undefined, value: item, reached: true };
    } else {
      return { ...place, reached: false };
    }
  }
  return place;
}

/** The pairs of a map by key, made once: looking through 50,000 of them for each mistake would take minutes. */
function pairsOf(map: YAMLMap, index: WeakMap<YAMLMap, Map<string, Pair>>): Map<string, Pair> {
  let pairs = index.get(map);
  if (pairs === undefined) {
    pairs = new Map();
    for (const pair of map.items) {
      const key = keyText(pair);
      if (key !== undefined && !pairs.has(key)) pairs.set(key, pair);
    }
    index.set(map, pairs);
  }
  return pairs;
}
