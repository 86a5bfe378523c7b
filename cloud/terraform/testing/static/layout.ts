// The layout that every module and stack has (the conventions of Azure Verified Modules), and what makes a variable
// usable: a description, a type, and a test for each of its validations.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../run/targets.ts';
import { currentReadme } from './readme.ts';
import { removedIn } from './removed.ts';
import { blocksOf, expression, lineOf, readSource, type Source } from './source.ts';

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** Kind of block → the files it belongs in. */
const HOMES: Readonly<Record<string, RegExp>> = {
  terraform: /^terraform\.tf$/,
  variable: /^variables(?:\.[\w-]+)*\.tf$/,
  output: /^outputs\.tf$/,
  // a stack names its providers where it names their versions; a module has none
  provider: /^(?:providers|main|terraform)\.tf$/,
};

function homes(source: Source): Finding[] {
  return [...source.files].flatMap(([file, { blocks }]) =>
    Object.keys(blocks).flatMap((kind) => {
      const home = HOMES[kind];
      const stranger = Object.entries(HOMES).some(
        ([other, form]) => ![other, 'provider'].includes(kind) && other !== 'provider' && form.test(file),
      );
      const line = lineOf(source, file, new RegExp(`^${kind}\\b`));
      if (home !== undefined && !home.test(file))
        return [{ file, line, what: `a ${kind} block belongs in ${homeOf(kind)}` }];
      return stranger ? [{ file, line, what: `holds a ${kind} block: move it to main.tf or locals.tf` }] : [];
    }),
  );
}

const homeOf = (kind: string) =>
  ({ variable: 'variables.tf or variables.TOPIC.tf', output: 'outputs.tf', terraform: 'terraform.tf' })[kind] ??
  'providers.tf';

function variables(source: Source): Finding[] {
  return blocksOf(source, 'variable').flatMap(({ file, name, body }) => {
    const line = lineOf(source, file, new RegExp(`^variable\\s+"${name}"`));
    const found: Finding[] = [];
    if (typeof body.description !== 'string' || body.description.trim() === '') {
      found.push({ file, line, what: `variable "${name}" has no description` });
    }
    if (body.type === undefined) found.push({ file, line, what: `variable "${name}" has no type` });
    const empty = body.default !== null && typeof body.default === 'object' && Object.keys(body.default).length === 0;
    if (empty && body.nullable !== false) {
      found.push({ file, line, what: `variable "${name}" is a collection with a default: add nullable = false` });
    }
    return found;
  });
}

/** Every validation must be seen to refuse something. */
function refusals(source: Source): Finding[] {
  const expected = [...source.tests.matchAll(/expect_failures\s*=\s*\[([^\]]*)\]/g)]
    .map(([, names]) => names!)
    .join(' ');
  return blocksOf(source, 'variable')
    .filter(({ body }) => body.validation !== undefined)
    .filter(({ name }) => !new RegExp(`\\bvar\\.${name}\\b`).test(expected))
    .map(({ file, name }) => ({
      file,
      line: lineOf(source, file, new RegExp(`^variable\\s+"${name}"`)),
      what: `no test sees variable "${name}" refuse a value: add a run with expect_failures = [var.${name}]`,
    }));
}

function outputs(source: Source): Finding[] {
  return blocksOf(source, 'output')
    .filter(({ body }) => typeof body.description !== 'string' || body.description.trim() === '')
    .map(({ file, name }) => ({
      file,
      line: lineOf(source, file, new RegExp(`^output\\s+"${name}"`)),
      what: `output "${name}" has no description`,
    }));
}

/** Providers with their source and a version that keeps a major one; modules from this repository alone. */
function sources(source: Source): Finding[] {
  const found: Finding[] = [];
  const required = blocksOf(source, 'terraform');
  const text = source.files.get('terraform.tf')?.text ?? '';
  if (!/required_version\s*=/.test(text))
    found.push({ file: 'terraform.tf', line: 1, what: 'has no required_version' });
  if (/source\s*=\s*"hashicorp\/azurerm"/.test(text) && !/version\s*=\s*"~> 4\.\d+"/.test(text)) {
    found.push({ file: 'terraform.tf', line: 1, what: 'azurerm must be pinned like "~> 4.73"' });
  }
  if (required.length === 0) found.push({ file: 'terraform.tf', line: 1, what: 'is missing' });
  for (const { file, name, body } of blocksOf(source, 'module')) {
    const from = expression(body.source);
    if (from.startsWith('.')) continue;
    const line = lineOf(source, file, new RegExp(`^module\\s+"${name}"`));
    found.push({ file, line, what: `module "${name}" comes from ${from}: only modules of this repository are used` });
  }
  return found;
}

/** Everything wrong with one folder that can be told without Terraform, as `file:line: what`. */
export async function inspectLayout(target: Target): Promise<string[]> {
  const source = await readSource(target.folder);
  if (source.broken.length > 0) return source.broken.map((text) => `${target.name}: ${text}`);
  const found = [...removedIn(source), ...sources(source)];
  if (target.kind !== 'example') {
    found.push(...homes(source), ...variables(source), ...outputs(source), ...refusals(source));
  }
  if (target.kind === 'module') {
    for (const { file } of blocksOf(source, 'provider')) {
      found.push({ file, line: 1, what: 'a module has no provider block: whoever calls it does' });
    }
    if (!existsSync(join(target.folder, 'examples'))) found.push({ file: '', line: 1, what: 'has no examples' });
  }
  if (target.kind !== 'example') {
    const { readme } = source;
    if (readme === undefined) found.push({ file: 'README.md', line: 1, what: 'is missing' });
    else if (target.kind === 'module' && currentReadme(source) !== readme) {
      found.push({ file: 'README.md', line: 1, what: 'its tables are not current: run `npm run docs:terraform`' });
    }
  }
  return found.map(({ file, line, what }) => `${join(target.name, file)}:${line}: ${what}`);
}
