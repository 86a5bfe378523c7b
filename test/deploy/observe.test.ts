// Alert rules and dashboard: every metric and label that they name exists, the documents have them all, and what is made
// from something is current.

import { readFileSync } from 'node:fs';
import client from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../agent/src/observe/metrics.ts';
import { withMetrics } from '../../agent/src/observe/reference.ts';
import { rulesOf, withAlerts } from '../../deploy/observe/alerts.ts';
import { dashboardText } from '../../deploy/observe/dashboard.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const rules = rulesOf(read('deploy/observe/alerts.yaml'));

const registry = new client.Registry();
client.collectDefaultMetrics({ register: registry, prefix: 'fieldgate_' });
const LABELS = new Map<string, readonly string[]>([
  ...registry.getMetricsAsArray().map(({ name }) => [name, []] as const),
  ...FAMILIES.map(({ name, labels = [] }) => [name, labels] as const),
]);
const KNOWN = [...LABELS.keys()];
/** What the scrape adds. */
const SCRAPED = ['instance', 'job'];

/** What is wrong with the names in a PromQL expression. */
function strangers(expr: string): string[] {
  const wrong = [...expr.matchAll(/\bfieldgate_\w+/g)].map(([name]) => name).filter((name) => !KNOWN.includes(name));
  for (const [, name = '', inside = ''] of expr.matchAll(/(\w+)\{([^}]*)\}/g)) {
    for (const [, label = ''] of inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (![...SCRAPED, ...(LABELS.get(name) ?? [])].includes(label)) wrong.push(`${name}{${label}}`);
    }
  }
  const all = [...expr.matchAll(/\bfieldgate_\w+/g)].flatMap(([name]) => LABELS.get(name) ?? []);
  for (const [, inside = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
    for (const label of inside.split(/,\s*/)) if (![...SCRAPED, ...all].includes(label)) wrong.push(`by ${label}`);
  }
  return wrong;
}

it('a name that does not exist is found', () => {
  expect(strangers('rate(fieldgate_nothing_total[5m])')).toEqual(['fieldgate_nothing_total']);
  expect(strangers('fieldgate_hub_up{source="x"}')).toEqual(['fieldgate_hub_up{source}']);
  expect(strangers('sum by (reason) (fieldgate_source_up)')).toEqual(['by reason']);
});

describe('alerts', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s names what exists', (_, { expr }) => {
    expect(strangers(expr)).toEqual([]);
    expect(expr).toMatch(/fieldgate/);
  });

  it('each has a name of its own and a row in docs/operations.md', () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const page = read('docs/operations.md');
    for (const name of names) expect(page).toContain(`| ${name} (`);
    expect(page).toBe(withAlerts(page, rules));
  });

  it('cover every state in which readings are lost or late', () => {
    const all = rules.map(({ expr }) => expr).join('\n');
    for (const name of [
      'readings_dropped_total',
      'source_up',
      'hub_up',
      'buffer_oldest_age_seconds',
      'mapping_mistakes',
      'certificate_days_left',
    ])
      expect(all).toContain(`fieldgate_${name}`);
  });
});

describe('the dashboard', () => {
  const { panels } = JSON.parse(read('deploy/observe/dashboard.json')) as {
    panels: {
      type: string;
      title: string;
      gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
      targets?: { expr: string }[];
    }[];
  };

  it('is current', () => expect(read('deploy/observe/dashboard.json')).toBe(dashboardText()));

  it('names what exists, and nothing lies over something else', () => {
    const wrong = panels.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr }) => strangers(expr).map((name) => `${title}: ${name}`)),
    );
    expect(wrong).toEqual([]);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

it('docs/operations.md has every metric', () => {
  const page = read('docs/operations.md');
  expect(page).toBe(withMetrics(page));
});
