// Writes the tables of the modules' README files.
//
//   npm run docs:terraform

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TERRAFORM } from './cache.ts';
import { targetsBelow } from './run/targets.ts';
import { currentReadme } from './static/readme.ts';
import { readSource } from './static/source.ts';

for (const { kind, folder, name } of targetsBelow(TERRAFORM, [])) {
  if (kind !== 'module') continue;
  const source = await readSource(folder);
  if (source.broken.length > 0) throw new Error(`${name}: ${source.broken.join('; ')}`);
  const current = currentReadme(source);
  if (current === source.readme) continue;
  writeFileSync(join(folder, 'README.md'), current);
  process.stdout.write(`${name}/README.md\n`);
}
