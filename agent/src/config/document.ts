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
  /** The file's content; undefined when it is no YAML, or hostile. */
  readonly value: unknown;
  /** Mistakes of the YAML itself: syntax, keys given twice. */
  readonly mistakes: readonly Mistake[];
  /** A mistake at the key or value that `path` leads to, or at the nearest that exists on the way there. */
  mistake(path: Path, part: Part, message: string, suggestion?: string): Mistake;
  /** What the file says at `path`, as it is written there; undefined for maps and lists. */
  source(path: Path): string | undefined;
}

/** Nodes that aliases may add to a file. Sharing a few settings is far below; a bomb is far above. */
const MAX_ALIASED = 1_000_000;
const MAX_DEPTH = 64;

export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  // uniqueKeys of the library compares every key with every other, which takes a minute for 50,000 tags; see convert.
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
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
    at(
      Math.min(error.pos[0], text.length),
      [],
      error.code === 'MULTIPLE_DOCS'
        ? 'a mapping is one document, and here a second one begins'
        : `is no YAML here: ${error.message}`,
    ),
  );
  const refuse: Refuse = (node, path, message) => mistakes.push(at(node.range?.[0] ?? 0, path, message));
  const targets: Targets = new WeakMap();
  const value = mistakes.length === 0 ? convert(document, refuse, targets) : undefined;

  const pairs = new WeakMap<YAMLMap, Map<string, Pair>>();
  return {
    file,
    value,
    mistakes,
    mistake(path, part, message, suggestion) {
      const place = find(document, path, pairs, targets);
      const node = (part === 'key' ? place.key : place.value) ?? place.key ?? place.value;
      return at(node?.range?.[0] ?? 0, path, message, suggestion);
    },
    source(path) {
      const { value: node, reached } = find(document, path, pairs, targets);
      return reached && isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    },
  };
}

/**
 * What each alias stands for, noted in the order of the file. The library's own resolve walks through the whole file
 * for every alias, which takes minutes when every tag has one.
 */
type Targets = WeakMap<Alias, Node>;

type Refuse = (node: Node, path: Path, message: string) => void;

/**
 * Plain values of the document. Unlike the library's toJS it reports keys given twice in linear time, keeps a key as
 * it is written (`007` stays `007`), and counts what aliases add.
 */
function convert(document: Document, refuse: Refuse, targets: Targets): unknown {
  const anchors = new Map<string, Node>();
  let aliased = 0;
  let inAlias = 0;
  let stopped = false;
  const path: (string | number)[] = [];

  function visit(node: unknown): unknown {
    if (stopped) return undefined;
    if (inAlias > 0 && ++aliased > MAX_ALIASED) return stop(node as Node, 'aliases expand to too much; write it out');
    if (isAlias(node)) {
      const target = targets.get(node) ?? anchors.get(node.source);
      if (target === undefined) {
        refuse(node, [...path], `there is no anchor &${node.source} before this alias`);
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
    if (isScalar(node)) return node.value;
    if (!isMap(node) && !isSeq(node)) return null;
    // An anchor that stands around its own alias ends here, too.
    if (path.length > MAX_DEPTH) return stop(node, `is nested more than ${MAX_DEPTH} deep`);
    return isMap(node) ? visitMap(node) : node.items.map((item, i) => within(i, item));
  }

  /** Such a file is not written by somebody who makes a mistake: nothing more is said about it. */
  function stop(node: Node, message: string): undefined {
    refuse(node, [...path], message);
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

  const value = visit(document.contents);
  return stopped ? undefined : value;
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

type Index = WeakMap<YAMLMap, Map<string, Pair>>;

function find(document: Document, path: Path, index: Index, targets: Targets): Place {
  let place: Place = { key: undefined, value: (document.contents as Node | null) ?? undefined, reached: true };
  for (const step of path) {
    const node = isAlias(place.value) ? targets.get(place.value) : place.value;
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
function pairsOf(map: YAMLMap, index: Index): Map<string, Pair> {
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
