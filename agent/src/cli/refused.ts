// Why a source cannot be asked, for people: in one line, or server by server where it is a redundant set of which none can
// be used. A command to be typed is never broken, so that it can be copied: on a terminal it has a line of its own.

import { typed } from '../adapters/typed.ts';
import type { Fault, Refused } from '../model/fault.ts';
import { wrapped } from './terminal.ts';

/** Where it is written. */
export interface Place {
  /** Blanks before each line. */
  readonly indent: number;
  /** Of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
}

/** The fault in one line. */
export const lineOf = ({ message, code }: Fault): string => `${message} [${code}]`;

/** The fault, the first line without an indent. @param of the source's name, where nothing beside it says so */
export function faultText(fault: Fault, place: Place, of?: string): string {
  const { servers } = fault;
  if (servers === undefined) return lineOf(fault);
  const head = `${of === undefined ? '' : `${of}: `}none of its ${servers.length} servers can be used:`;
  return [head, ...servers.map((one, i) => refusedText(one, i + 1, place))].join('\n');
}

/** Which server, and below it why. @param number of the server in the mapping, from 1 */
export function refusedText({ endpoint, code, reason }: Refused, number: number, { indent, columns }: Place): string {
  const blanks = ' '.repeat(indent);
  const below = indent + 3;
  const at = columns === undefined ? -1 : reason.indexOf(`: ${typed('')}`);
  const why = at < 0 ? [reason] : [reason.slice(0, at + 1), reason.slice(at + 2)];
  const lines = why.map((text, i) => `${' '.repeat(below)}${i === 0 ? wrapped(text, below, columns) : text}`);
  return [`${blanks}${number}. ${endpoint}  [${code}]`, ...lines].join('\n');
}
