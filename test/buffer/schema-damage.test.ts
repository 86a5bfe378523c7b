// A bit that flips in the text of the file's schema makes another case of a letter there, which SQLite takes for the same
// name and answers with: what is committed is found all the same, or the file is set aside.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { type Batch, BatchBuilder, Kind } from '../../agent/src/model/batch.ts';
import { scratch } from '../support/scratch.ts';

const NAMES =
  /\b(first|last|readings|priority|committed|oldest|newest|crc|sum|payload|key|value|id|name|source|unit|at)\b(?= [A-Z])/g;

function ten(tag: number): Batch {
  const builder = new BatchBuilder();
  for (let i = 0; i < 10; i++) builder.push(tag, i, 0, Kind.Number, i);
  return builder.take();
}

test('the name of a column in another case costs no reading', () => {
  const path = join(scratch(), 'buffer.db');
  openBuffer(path, 64 * 1024 * 1024).close();
  const sound = readFileSync(path);
  const stamp = readFileSync(`${path}-head`);
  const places = [...sound.toString('latin1').matchAll(NAMES)].map(({ index }) => index);
  expect(places.length).toBeGreaterThan(20);
  const wrong: string[] = [];
  for (const at of places) {
    const flipped = Buffer.from(sound);
    flipped[at] = (flipped[at] as number) ^ 0x20;
    writeFileSync(path, flipped);
    writeFileSync(`${path}-head`, stamp);
    const buffer = openBuffer(path, 64 * 1024 * 1024);
    const [tag] = buffer.dictionary.intern([{ index: 0, name: 'A.PV', source: 'one', priority: 'normal' }]);
    for (let commit = 0; commit < 2; commit++) buffer.append([{ priority: 'normal', batch: ten(tag as number) }]);
    const came = buffer.next('live', 100).reduce((sum, { batch }) => sum + batch.count, 0);
    const kept = buffer.stats();
    if (came !== 20)
      wrong.push(`${flipped.toString('latin1', at, at + 20)}: ${came} of 20 came, ${JSON.stringify(kept.dropped)}`);
    buffer.close();
  }
  expect(wrong).toEqual([]);
});
