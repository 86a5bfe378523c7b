// The holes of a template's texts: `{name}` is a parameter, `{base+10}` or `{base + 20*number}` is computed from
// parameters that are numbers. Sums and products of whole numbers and nothing more: who needs a program, writes the
// tags with one. `{{` and `}}` are the braces themselves.

import { nearest } from '../nearest.ts';

export type Value = string | number;

interface Term {
  readonly sign: 1 | -1;
  readonly factors: readonly Value[];
}

/** A text with its holes; a part is text, or what fills the hole. */
export type Pattern = readonly (string | readonly Term[])[];

/** What is known of a parameter when a text is read: its type. */
export type Types = ReadonlyMap<string, 'text' | 'number'>;

export interface Wrong {
  readonly message: string;
  readonly suggestion?: string;
}

const PIECE = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
const TOKEN = /\s*(?:([A-Za-z][A-Za-z0-9_]*)|(\d{1,15})|([-+*]))\s*/y;

/** The text with its holes found, or what is wrong with the first wrong one. */
export function readPattern(text: string, types: Types): Pattern | Wrong {
  const parts: (string | readonly Term[])[] = [];
  let literal = '';
  let from = 0;
  for (const match of text.matchAll(PIECE)) {
    literal += text.slice(from, match.index);
    from = match.index + match[0].length;
    if (match[0] === '{{' || match[0] === '}}') {
      literal += match[0][0];
    } else if (match[1] === undefined) {
      return { message: `"${match[0]}" stands alone; the brace itself is written "${match[0].repeat(2)}"` };
    } else {
      const terms = readTerms(match[1], types);
      if ('message' in terms) return terms;
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(terms);
    }
  }
  literal += text.slice(from);
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return parts;
}

function readTerms(text: string, types: Types): readonly Term[] | Wrong {
  const wrong = { message: `"{${text}}": write a parameter, like {name}, or a sum of them, like {base+10}` };
  const terms: { sign: 1 | -1; factors: Value[] }[] = [];
  let operator: string | undefined = '+';
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) return wrong;
    const [, parameter, digits, sign] = match;
    if (sign !== undefined) {
      if (operator !== undefined) return wrong;
      operator = sign;
      continue;
    }
    if (operator === undefined) return wrong;
    const factor = parameter ?? Number(digits);
    if (operator === '*') terms.at(-1)!.factors.push(factor);
    else terms.push({ sign: operator === '-' ? -1 : 1, factors: [factor] });
    operator = undefined;
  }
  if (operator !== undefined) return wrong;
  return parametersOf([terms]).reduce<readonly Term[] | Wrong>((found, name) => {
    if ('message' in found) return found;
    const type = types.get(name);
    if (type === undefined) return unknown(name, types);
    if (type === 'text' && !isAlone(terms))
      return { message: `{${text}}: ${name} is text, and only numbers are added` };
    return found;
  }, terms);
}

function unknown(name: string, types: Types): Wrong {
  const suggestion = nearest(name, types.keys());
  const message = `{${name}} is no parameter of this template`;
  return suggestion === undefined ? { message } : { message, suggestion };
}

function isAlone(terms: readonly Term[]): boolean {
  return terms.length === 1 && terms[0]!.sign === 1 && terms[0]!.factors.length === 1;
}

/** The parameters that fill the holes of a text. */
export function parametersOf(pattern: Pattern): string[] {
  return pattern
    .filter((part) => typeof part !== 'string')
    .flatMap((terms) => terms.flatMap(({ factors }) => factors.filter((factor) => typeof factor === 'string')));
}

/** The text with its holes filled; a hole that is the whole text stays a number when it is one. */
export function fill(pattern: Pattern, values: ReadonlyMap<string, Value>): Value {
  const [first] = pattern;
  if (pattern.length === 1) return typeof first === 'string' ? first : amount(first!, values);
  let text = '';
  for (const part of pattern) text += typeof part === 'string' ? part : amount(part, values);
  return text;
}

function amount(terms: readonly Term[], values: ReadonlyMap<string, Value>): Value {
  const factorOf = (factor: Value) => (typeof factor === 'string' ? values.get(factor)! : factor);
  if (isAlone(terms)) return factorOf(terms[0]!.factors[0]!);
  return terms.reduce(
    (sum, { sign, factors }) =>
      sum + factors.reduce<number>((product, factor) => product * Number(factorOf(factor)), sign),
    0,
  );
}
