// Wrong mappings: each file of test/config/wrong against the report that it must give, which is the file of the same
// name with .txt. After a change on purpose: vitest run test/config/wrong.test.ts -u, and read the difference.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';

const folder = join(import.meta.dirname, 'wrong');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length));

/** What `fieldgate check` would print, with places relative to the folder. */
async function report(name: string): Promise<string> {
  const today = new Date('2026-11-22T12:00:00Z');
  const loaded = await loadMapping(join(folder, `${name}.yaml`), { env: {}, hostname: 'edge-01', today });
  const mistakes = 'mistakes' in loaded ? loaded.mistakes : [];
  const warnings = loaded.warnings.map((warning) => ({ ...warning, message: `warning: ${warning.message}` }));
  const shown = [...mistakes, ...warnings].map((mistake) => formatMistake(mistake));
  return `${shown.join('\n')}\n${mistakes.length === 0 ? 'clean\n' : ''}`.replaceAll(`${folder}/`, '');
}

describe('a wrong mapping', () => {
  it.each(names)('%s', async (name) => {
    const text = await report(name);
    expect(text.trim()).not.toBe('clean');
    // Whatever is wrong: a secret that stands in a file is never shown.
    expect(text).not.toContain('s3cret');
    await expect(text).toMatchFileSnapshot(join(folder, `${name}.txt`));
  });
});
