// The alert rules as the documents and their test want them: alerts.yaml is what Prometheus reads.

import { parse } from 'yaml';
import { z } from 'zod';

const rule = z.strictObject({
  alert: z.string().regex(/^Fieldgate[A-Z]\w+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[smhd]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['info', 'warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string(), action: z.string() }),
});
const file = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })).min(1),
});

export type Rule = z.output<typeof rule>;

/** The rules of alerts.yaml. Throws when the file is not as Prometheus takes it, or lacks what operators need. */
export const rulesOf = (text: string): Rule[] => file.parse(parse(text)).groups.flatMap(({ rules }) => rules);

const BEGIN = '<!-- alerts: made by scripts/reference.ts, do not edit -->';
const END = '<!-- alerts: end -->';

/** The page with its table of alerts made anew. */
export function withAlerts(page: string, rules: readonly Rule[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" … "${END}"`);
  const rows = rules.map(({ alert, expr, for: wait, labels, annotations }) => {
    const when = `\`${expr.replaceAll('|', '\\|')}\`${wait === undefined ? '' : ` for ${wait}`}`;
    return `| ${alert} (${labels.severity}) | ${when} | ${annotations.summary} | ${annotations.action} |`;
  });
  const table = ['| alert | when | it means | what to do |', '|---|---|---|---|', ...rows].join('\n');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}
