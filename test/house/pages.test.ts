// The pages for people at the site: what they show is what the commands print, and what they name exists.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../agent/src/cli/commands.ts';
import { FAULT_CODES } from '../../agent/src/model/fault.ts';
import { StatusCode } from '../../agent/src/model/status-codes.ts';
import { FAMILIES } from '../../agent/src/observe/metrics.ts';
import { PAGES, withOutputs } from '../../scripts/output.ts';
import { output } from '../support/output.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

it.each(PAGES)('%s shows what the commands print now (npm run docs:output)', { timeout: 120_000 }, async (path) => {
  const page = read(path);
  expect(await withOutputs(page)).toBe(page);
});

it('a block that is not what its command prints is found', { timeout: 60_000 }, async () => {
  const page = '<!-- output: fieldgate help schema; first 1 -->\n```\nsomething else\n```\n';
  expect(await withOutputs(page)).toContain('$ fieldgate help schema\nusage: fieldgate schema');
});

const page = read('docs/troubleshooting.md');
const rows = page
  .split('\n')
  .filter((line) => /^\| (?!symptom)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
const codes = [
  ...rows
    .flat()
    .join(' ')
    .matchAll(/`([^`]+)`/g),
].map(([, text = '']) => text);

describe('docs/troubleshooting.md', () => {
  it('has at least twenty rows of symptom, command and meaning', () => {
    expect(rows.length).toBeGreaterThanOrEqual(20);
    for (const row of rows)
      expect(
        row.map((cell) => cell.length > 3),
        row.join(' | '),
      ).toEqual([true, true, true]);
  });

  it('every text that it says is logged is in the sources', () => {
    const sources = readdirSync(join(root, 'agent/src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => read(join('agent/src', file)))
      .join('\n');
    const quoted = rows.flatMap((row) => [...row.join(' ').matchAll(/"([^"]{4,})"/g)].map(([, text = '']) => text));
    expect(quoted.length).toBeGreaterThan(10);
    expect(quoted.filter((text) => !sources.includes(text))).toEqual([]);
  });

  it('every metric, status and fault code that it names exists', () => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry, prefix: 'fieldgate_' });
    const metrics = [...FAMILIES, ...registry.getMetricsAsArray()].map(({ name }) => name);
    const named = codes.filter((text) => /^fieldgate_\w+$/.test(text));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !metrics.includes(name))).toEqual([]);
    const statuses = codes.filter((text) => /^(Good|Bad|Uncertain)\w*$/.test(text));
    expect(statuses.length).toBeGreaterThan(3);
    expect(statuses.filter((name) => !(name in StatusCode))).toEqual([]);
    const faults = codes.filter((text) => /^(source|device|hub|buffer|mapping|http)\.[a-z-]+$/.test(text));
    expect(faults.length).toBeGreaterThan(8);
    expect(faults.filter((code) => !(FAULT_CODES as string[]).includes(code))).toEqual([]);
  });
});

describe.each(['docs/troubleshooting.md', 'docs/first-site.md', 'docs/operations.md', 'docs/deployment.md', 'docs/opcua-security.md', 'README.md'])(
  '%s', (path) => {
    it('names commands and options that exist', async () => {
      const lines = [...read(path).matchAll(/(?:`|^ {4}|^\$ |fieldgate -- |\bfieldgate )fieldgate ([a-z][^`\n]*)/gm)].map(([, text = '']) => text);
      for (const line of lines) {
        const [command = '', ...rest] = line.split(/\s+/);
        const io = output();
        expect(await dispatch(['help', command], io), `fieldgate ${line}`).toBe(0);
        for (const option of rest.flatMap((word) => /^--[a-z-]+/.exec(word) ?? [])) expect(io.text(), `fieldgate ${line}`).toContain(option);
      }
    });
  }); // biome-ignore format: one line
