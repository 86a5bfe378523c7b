// The tables of a README: what a module takes, gives and makes, from its own files. They stand between two markers;
// what is outside of them is written by people.

import { blocksOf, expression, type Source, typedBlocksOf } from './source.ts';

const BEGIN = '<!-- BEGIN_TF_DOCS -->';
const END = '<!-- END_TF_DOCS -->';

/** A cell is one line: breaks become <br>, bars are escaped. */
const cell = (text: string): string => text.trim().replaceAll('|', '\\|').replace(/\n\s*/g, '<br>');

/** A type on one line; one that is long is told by its description, field by field. */
function typeOf(value: unknown): string {
  const type = expression(value ?? 'any')
    .replace(/#[^\n]*/g, '')
    .replace(/\n\s*/g, ', ')
    .replace(/([({]),\s*/g, '$1 ')
    .replace(/,?\s*([)}])/g, ' $1')
    .replace(/\s+/g, ' ')
    .replace(/\(\s/g, '(')
    .replace(/\s\)/g, ')')
    .trim();
  return type.length <= 100 ? `\`${type}\`` : `\`${type.replace(/object\(\{[\s\S]*\}\)/, 'object({ … })')}\``;
}

function defaultOf(body: Readonly<Record<string, unknown>>): string {
  if (!('default' in body)) return '**required**';
  const text = expression(typeof body.default === 'string' ? JSON.stringify(body.default) : body.default);
  const line = text.replace(/\s+/g, ' ');
  return line.length <= 60 ? `\`${line}\`` : '`…`';
}

const rows = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...lines].map((line) => `| ${line.map(cell).join(' | ')} |`).join('\n');

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function tables(source: Source): string {
  const inputs = blocksOf(source, 'variable')
    .map(({ name, body }) => [name, typeOf(body.type), defaultOf(body), text(body.description)])
    .sort((a, b) => Number(b[2] === '**required**') - Number(a[2] === '**required**') || a[0]!.localeCompare(b[0]!));
  const outputs = blocksOf(source, 'output').map(({ name, body }) => [name, text(body.description)]);
  const made = [...new Set(typedBlocksOf(source, 'resource').map(({ type }) => type))].sort();
  return [
    '## Inputs',
    inputs.length === 0 ? 'None.' : rows(['name', 'type', 'default', 'description'], inputs),
    '## Outputs',
    outputs.length === 0 ? 'None.' : rows(['name', 'description'], outputs),
    '## Resources',
    made.length === 0 ? 'None.' : made.map((type) => `- \`${type}\``).join('\n'),
  ].join('\n\n');
}

/** The README with current tables; one without markers gets them at its end. */
export function currentReadme(source: Source): string {
  const readme = source.readme ?? '';
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  const before = begin < 0 ? `${readme.trimEnd()}\n\n` : readme.slice(0, begin);
  const after = begin < 0 || end < begin ? '\n' : readme.slice(end + END.length);
  return `${before}${BEGIN}\n\n${tables(source)}\n\n${END}${after === '' ? '\n' : after}`;
}
