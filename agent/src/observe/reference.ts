// The table of metrics in docs/operations.md, made from the families themselves.

import { FAMILIES } from './metrics.ts';

const BEGIN = '<!-- metrics: made by scripts/reference.ts, do not edit -->';
const END = '<!-- metrics: end -->';

/** The page with its part between BEGIN and END made anew. */
export function withMetrics(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" … "${END}"`);
  const rows = FAMILIES.map(({ name, type, labels = [], help }) => {
    const shown = labels.length === 0 ? name : `${name}{${labels.join(',')}}`;
    return `| \`${shown}\` | ${type} | ${help} |`;
  });
  const table = ['| metric | type | says |', '|---|---|---|', ...rows].join('\n');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}
