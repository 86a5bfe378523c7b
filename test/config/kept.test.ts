// The last ten mappings stay beside the buffer, with all their files and what each changed.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepMapping } from '../../agent/src/config/kept.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();

it('keeps ten, the newest, whole', async () => {
  const mappings = join(folder, 'mappings');
  for (let i = 0; i < 12; i++) {
    await keepMapping(mappings, {
      files: [
        { path: '/config/fieldgate.yaml', text: `version: ${i}\n` },
        { path: '/config/tags/a.csv', text: 'name,node\n' },
        { path: '/mnt/b.csv', text: 'name\n' },
        { path: '/config/tags/gone.csv', text: undefined },
      ],
      hash: `${i}`.padStart(64, '0'),
      at: Date.UTC(2026, 10, 24, 22, i),
      diff: [`+ tag ${i}`],
    });
  }
  const kept = readdirSync(mappings).sort();
  expect(kept).toHaveLength(10);
  expect(kept[0]).toMatch(/^2026-11-24T22-02-00-000Z-0{12}$/);
  const newest = join(mappings, kept.at(-1)!);
  expect(readFileSync(join(newest, 'fieldgate.yaml'), 'utf8')).toBe('version: 11\n');
  expect(readFileSync(join(newest, 'CHANGES.txt'), 'utf8')).toBe('+ tag 11\n');
  expect(readdirSync(newest, { recursive: true }).sort()).toEqual([
    'CHANGES.txt',
    'elsewhere',
    'elsewhere/b.csv',
    'fieldgate.yaml',
    'tags',
    'tags/a.csv',
  ]);
});
