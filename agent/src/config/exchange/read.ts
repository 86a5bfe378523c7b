// Reads a tag list of another product: which product's it is, its content says.

import { parse as parseToml } from 'smol-toml';
import { readCsv } from '../csv.ts';
import type { Mistake } from '../mistake.ts';
import { checked, type Imported } from './imported.ts';
import { isKepware, readKepware } from './kepware.ts';
import { isPublishedNodes, readPublishedNodes } from './publisher.ts';
import { isTelegraf, readTelegraf } from './telegraf.ts';

const KNOWN = 'tags of Kepware (CSV), a configuration of Telegraf (TOML), published nodes of OPC Publisher (JSON)';

/** The list, or what is wrong with the file as a whole. */
export function readTagList(file: string, text: string): Imported | Mistake {
  const at = (excerpt: string, message: string): Mistake => ({ file, ...placeOf(text, excerpt), path: [], message });
  const first = text.trimStart()[0];
  if (first === '[' && !/^\s*\[\[?\s*[A-Za-z]/.test(text)) {
    const value = attempt(() => JSON.parse(text) as unknown);
    if (value instanceof Error) return at('', `is no JSON: ${value.message}`);
    if (isPublishedNodes(value)) return checked(readPublishedNodes(value, at));
    return at('', `is JSON without an EndpointUrl; what is known: ${KNOWN}`);
  }
  const csv = readCsv(file, text);
  if (isKepware(csv.rows[0] ?? [])) return checked(readKepware(csv));
  const value = attempt(() => parseToml(text) as unknown);
  if (!(value instanceof Error) && isTelegraf(value)) return checked(readTelegraf(value, at));
  if (value instanceof Error && /^\s*\[\[?inputs\b/m.test(text)) {
    const { line = 0, column = 0 } = value as { line?: number; column?: number };
    return { file, line, column, path: [], message: `is no TOML: ${value.message.split('\n')[0]}` };
  }
  return at('', `is none of the lists that are known: ${KNOWN}`);
}

function attempt<T>(read: () => T): T | Error {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Error) return thrown;
    throw thrown;
  }
}

function placeOf(text: string, excerpt: string): { line: number; column: number } {
  const at = excerpt === '' ? -1 : text.indexOf(excerpt);
  if (at < 0) return { line: 0, column: 0 };
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}
