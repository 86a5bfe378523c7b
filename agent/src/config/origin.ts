// Where a tag was written: in the YAML, in a row of a CSV file, or by an instance of a template. Whoever checks a tag
// reports what is wrong with a key of it; its origin knows the place, or both places.

import type { Part, YamlFile } from './document.ts';
import type { Mistake, Path } from './mistake.ts';
import type { TagFile } from './tagfile.ts';

export interface Origin {
  /** A mistake in the name of the tag. */
  name(message: string): Mistake;
  /** A mistake at the key that `path` leads to within the tag; undefined when it has been said already. */
  mistake(path: Path, part: Part, message: string, suggestion?: string): Mistake | undefined;
}

export function inYaml(yaml: YamlFile, place: Path): Origin {
  return {
    name: (message) => yaml.mistake(place, 'key', message),
    mistake: (path, part, message, suggestion) => yaml.mistake([...place, ...path], part, message, suggestion),
  };
}

export function inRow(file: TagFile, row: number): Origin {
  return {
    name: (message) => file.mistake(row, 'name', message),
    mistake: ([key], _part, message, suggestion) =>
      file.mistake(row, key === undefined ? undefined : String(key), message, suggestion),
  };
}

/** `file:line:column` of a tag. */
export function placeOf(origin: Origin): string {
  const { file, line, column } = origin.name('');
  return `${file}:${line}:${column}`;
}
