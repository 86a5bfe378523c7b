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

/** Texts of one tag, and characters of one, that a person reads in a line. */
const MOST_TEXTS = 12;
const LONGEST_TEXT = 40;

/** What numbers mean: `0=Stopped, 1=Running` */
export function meaningText(texts: Readonly<Record<string, string>>): string {
  const all = Object.entries(texts).sort(([a], [b]) => Number(a) - Number(b) || 0);
  const shown = all.slice(0, MOST_TEXTS).map(([value, text]) => {
    const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
    return `${value}=${short}`;
  });
  return [...shown, ...(all.length > MOST_TEXTS ? ['…'] : [])].join(', ');
}

/** Text in a comment or on a terminal. */
export const plain = (text: string): string => text.replace(new RegExp(HIDDEN, 'gu'), '\u{fffd}').slice(0, 1_000);
