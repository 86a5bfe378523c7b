// What doctor found, as people read it: one line for each link, what to do below it, and at the end the first broken one.

import type { Look } from '../../doctor/look.ts';
import type { Told } from '../../doctor/walk.ts';
import { wrapped } from '../terminal.ts';

/** How a text is laid out and marked. */
export interface Style {
  /** Escape codes may be written. */
  readonly colours: boolean;
  /** Longer lines are broken between words; undefined: they are not. */
  readonly columns?: number;
}

type Verdict = Look['verdict'];
const WORDS: Readonly<Record<Verdict, string>> = { good: 'ok', odd: 'odd', broken: 'BROKEN', unseen: 'unseen' };
const COLOURS: Readonly<Record<Verdict, string>> = { good: '32', odd: '33', broken: '1;31', unseen: '2' };
const WORD_WIDTH = 8;
const STEP_WIDTH = 13;
const INDENT = 2 + WORD_WIDTH + STEP_WIDTH;

const paint = (text: string, code: string, { colours }: Style): string =>
  colours ? `\u001b[${code}m${text}\u001b[0m` : text;

export function title(text: string, style: Style): string {
  return `${paint(text, '1', style)}\n`;
}

export function line({ verdict, step, what, mend }: Look, style: Style): string {
  const word = paint(WORDS[verdict], COLOURS[verdict], style) + ' '.repeat(WORD_WIDTH - WORDS[verdict].length);
  const rows = [`  ${word}${step.padEnd(STEP_WIDTH - 1)} ${wrapped(what, INDENT, style.columns)}`];
  if (mend !== undefined) rows.push(`${' '.repeat(INDENT)}→ ${wrapped(mend, INDENT + 2, style.columns)}`);
  return `${rows.join('\n')}\n`;
}

type Counts = Readonly<Record<Verdict, number>>;

function count(told: readonly Told[]): Counts {
  const counts = { good: 0, odd: 0, broken: 0, unseen: 0 };
  for (const { look } of told) counts[look.verdict]++;
  return counts;
}

/** The first link that is broken, in the order of the chains. */
export const firstBroken = (told: readonly Told[]): Told | undefined =>
  told.find(({ look }) => look.verdict === 'broken');

export function conclusion(told: readonly Told[], style: Style): string {
  const { good, odd, broken, unseen } = count(told);
  const counts = [
    ...(broken > 0 ? [paint(`${broken} broken`, COLOURS.broken, style)] : []),
    ...(odd > 0 ? [paint(`${odd} odd`, COLOURS.odd, style)] : []),
    `${good} good`,
    ...(unseen > 0 ? [`${unseen} not seen`] : []),
  ].join(', ');
  const first = firstBroken(told);
  if (first === undefined) return `nothing is broken: ${counts}\n`;
  const { section, look } = first;
  const where = `${section.title.split('  ')[0]}, ${look.step}`;
  const said = wrapped(`The first broken link is ${where}: ${look.what}`, 2, style.columns);
  const rows = [said.replace(where, paint(where, '1', style))];
  if (look.mend !== undefined) rows.push(`  → ${wrapped(look.mend, 4, style.columns)}`);
  return `${rows.join('\n')}\n${counts}\n`;
}

export function json(told: readonly Told[]): string {
  const first = firstBroken(told);
  const sections = Map.groupBy(told, ({ section }) => section);
  const result = {
    ok: first === undefined,
    counts: count(told),
    ...(first !== undefined && { first: { kind: first.section.kind, title: first.section.title, ...first.look } }),
    sections: [...sections].map(([{ kind, title }, all]) => ({ kind, title, looks: all.map(({ look }) => look) })),
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}
