// The sample consumer in Python, which knows the format from its specification only, gives the rows of format `rows`.
// Where python3 is missing the test is skipped, and says so loudly; with CI=true it fails.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns } from '../../../agent/src/delivery/formats/columns.ts';
import type { TagOf } from '../../../agent/src/delivery/formats/format.ts';
import { rows } from '../../../agent/src/delivery/formats/rows.ts';
import type { Numbered } from '../../../agent/src/delivery/queue.ts';
import { numbered } from '../../model/readings.ts';
import { plantReadings } from '../../support/plant-readings.ts';
import { scratch } from '../../support/scratch.ts';

const SAMPLE = join(import.meta.dirname, '../../../docs/samples/columns.py');
const NAMES = [
  '20FIC101.PV',
  '20FIC102.PV',
  '20FIC007.PV',
  'MODE',
  '70HS220.BIT3',
  's1:events',
  '',
  '12345678901234567890',
  'é "x"',
];
const oddTags: TagOf = (id) => ({
  name: NAMES[id % NAMES.length]!,
  source: `s${id % 2}`,
  ...(id % 3 > 0 && { unit: '%' }),
});
const folder = scratch();

test('the sample in Python gives the rows of format rows', ({ skip }) => {
  const version = spawnSync('python3', ['--version']);
  if (version.status !== 0) {
    if (process.env.CI === 'true') throw new Error('python3 is needed', { cause: version.error });
    process.stderr.write(
      `\nSKIPPED: docs/samples/columns.py, because there is no python3: ${version.error?.message}\n\n`,
    );
    skip();
  }
  const bodies: string[] = [];
  const expected: unknown[] = [];
  const add = (parts: readonly Numbered[], tagOf: TagOf) => {
    bodies.push(columns('gw', 'e', tagOf).encode(parts).toString());
    const lines = rows('gw', tagOf).encode(parts).toString().trimEnd();
    if (lines !== '') expected.push(...lines.split('\n').map((line) => JSON.parse(line)));
  };
  for (const parts of fc.sample(numbered, 150)) add(parts, oddTags);
  for (const jitter of [false, true]) {
    const { parts, tagOf } = plantReadings(100, 2_000, jitter);
    add(parts, tagOf);
  }
  const file = join(folder, 'bodies.jsonl.gz');
  writeFileSync(file, gzipSync(`${bodies.join('\n')}\n`));
  const { status, stdout, stderr } = spawnSync('python3', [SAMPLE, file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(found).toEqual(expected);
});
