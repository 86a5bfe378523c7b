// A server's words as one line of output: of YAML that says exactly that, or of a comment that harms nobody. Names and
// units come from whoever configured the server, and may hold anything.

import { stringify } from 'yaml';

/** Characters that are not seen and do something: controls, line ends, changes of direction. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** `name: { … }` */
export function tagText(name: string, tag: object): string {
  const text = stringify({ [name]: tag }, { lineWidth: 0, collectionStyle: 'flow' }).trim();
  // {"name": {…}} of the library is `name: {…}` without its outer braces.
  if (!HIDDEN.test(text)) return text.replace(/^\{\s*/, '').replace(/\s*\}$/, '');
  return `${escaped(name)}: ${escaped(tag)}`;
}

/** As JSON does it, which YAML reads too. */
function escaped(value: unknown): string {
  const units = (hidden: string) =>
    Array.from({ length: hidden.length }, (_, i) => `\\u${hidden.charCodeAt(i).toString(16).padStart(4, '0')}`);
  return JSON.stringify(value).replace(new RegExp(HIDDEN, 'gu'), (hidden) => units(hidden).join(''));
}

/** Text in a comment or on a terminal. */
export const plain = (text: string): string => text.replace(new RegExp(HIDDEN, 'gu'), '\u{fffd}').slice(0, 1_000);
