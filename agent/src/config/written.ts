// Values of a tag whose writing counts: YAML reads 00011 as 11, 40025.10 as 40025.1, and 0x8000000000000001 as a float.

import type { YamlFile } from './document.ts';
import type { Path } from './mistake.ts';
import { isFields } from './protocols/protocol.ts';

const LITERAL = ['address', 'notImplemented', 'sensorFailure'] as const;

/** The tag at `place`, with those numbers as they are written in the file. */
export function asWritten(yaml: YamlFile, place: Path, value: unknown): unknown {
  if (!isFields(value)) return value;
  let written = value;
  const source = (one: unknown, path: Path) => (typeof one === 'number' ? (yaml.source(path) ?? one) : one);
  for (const key of LITERAL) {
    const given = value[key];
    if (typeof given === 'number') written = { ...written, [key]: source(given, [...place, key]) };
    else if (key !== 'address' && Array.isArray(given)) {
      written = { ...written, [key]: given.map((one, i) => source(one, [...place, key, i])) };
    }
  }
  return written;
}
