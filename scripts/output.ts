// Pastes into the documents what the commands really print, so that it cannot go stale. In a page,
//
//   <!-- file: lavera.yaml -->     the next fenced block is this file, which the commands find
//   <!-- output: fieldgate check lavera.yaml -->  the next fenced block is what that prints; `; only NAME` takes the
//                                  paragraph that begins so, `; last N` the last lines, `; first N` the first
//
// Blocks run from the top of a page to its end, one page after the other, each page on a site of its own. Figures that
// differ from run to run (times, dates, sizes) do not make a block stale: it is left as it is when only they differ.
//
//   npm run docs:output              writes what has changed
//   npm run docs:output -- --check   says what has changed; exit 1

import { readFileSync, writeFileSync } from 'node:fs';
import { workbench } from './workbench.ts';

export const PAGES = ['docs/first-site.md', 'docs/troubleshooting.md'] as const;
const root = new URL('..', import.meta.url);

const BLOCK = /<!-- (file|output): (.+?) -->\n```(\w*)\n([\s\S]*?)```\n/g;

/** A page with its outputs as they are now. */
export async function withOutputs(page: string): Promise<string> {
  const bench = await workbench();
  try {
    let made = '';
    let at = 0;
    for (const match of page.matchAll(BLOCK)) {
      const [whole, kind, what = '', language, before = ''] = match;
      made += page.slice(at, match.index);
      at = match.index + whole.length;
      if (kind === 'file') {
        bench.put(what, before);
        made += whole;
        continue;
      }
      const [line = '', ...cuts] = what.split('; ');
      const now = `$ ${line}\n${cut(await bench.run(line), cuts)}`;
      made += `<!-- output: ${what} -->\n\`\`\`${language}\n${masked(now) === masked(before) ? before : now}\`\`\`\n`;
    }
    return made + page.slice(at);
  } finally {
    await bench.close();
  }
}

function cut(text: string, cuts: readonly string[]): string {
  let shown = text.replace(/^\n+|\n+$/g, '');
  for (const each of cuts) {
    const [, how = '', what = ''] = /^(only|first|last) (.+)$/.exec(each) ?? [];
    const lines = shown.split('\n');
    if (how === 'only')
      shown = shown.split('\n\n').find((part) => part.startsWith(what)) ?? `(nothing begins with ${what})`;
    else if (how === 'first')
      shown = [
        ...lines.slice(0, Number(what)),
        ...(cuts.length === 1 && lines.length > Number(what) ? ['…'] : []),
      ].join('\n');
    else if (how === 'last') shown = lines.slice(-Number(what)).join('\n');
    else throw new Error(`unknown cut "${each}"`);
  }
  return `${shown}\n`;
}

/** The text without what differs from run to run: figures, units that follow them, and the blanks that align them. */
function masked(text: string): string {
  return text
    .replace(/\d[\d.,:TZ-]*\d|\d/g, '#')
    .replace(/# (ms|s)\b/g, '# time')
    .replace(/# (B|kB|MB|GB|TB)\b/g, '# size')
    .replace(/#(ms|s)\b/g, '#time')
    .replace(/[ \t]+/g, ' ');
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  for (const path of PAGES) {
    const file = new URL(path, root);
    const before = readFileSync(file, 'utf8');
    const now = await withOutputs(before);
    if (now === before) continue;
    if (check) process.exitCode = 1;
    else writeFileSync(file, now);
    console.log(`${path}: ${check ? 'is not what the commands print now; run npm run docs:output' : 'written'}`);
  }
  // node-opcua keeps timers of its own
  process.exit();
}
