// Why a source cannot be asked, for people: in one line, or server by server where it is a redundant set of which none can
// be used. Reasons are not broken into lines: they hold commands to be copied.

import type { Fault, Refused } from '../model/fault.ts';

/** @param of whose fault it is: the source's name, where nothing else says so */
export function faultText({ message, code, servers }: Fault, of?: string): string {
  if (servers === undefined) return `${message} [${code}]`;
  const head = `${of === undefined ? '' : `${of}: `}none of its ${servers.length} servers can be used:`;
  return [head, ...servers.map((one, i) => refusedText(one, i + 1))].join('\n');
}

/** Two lines: which server, and why. @param place in the mapping, from 1 */
export const refusedText = ({ endpoint, code, reason }: Refused, place: number): string =>
  `  ${place}. ${endpoint}  [${code}]\n     ${reason}`;
