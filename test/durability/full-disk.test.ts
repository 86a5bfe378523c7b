// A full disk, a real one of a few MB: readings wait in bounded memory and are not refused; what was committed before is
// delivered although nothing can be written; when space returns everything is committed and delivered, without a
// restart.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { smallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { deliveredTo } from './delivered.ts';
import { load, storeIn } from './storing.ts';

const MB = 1024 * 1024;

const disk = smallDisk(24);

test.skipIf(disk === undefined)('a full disk costs no reading', { timeout: 60_000 }, async () => {
  const folder = disk as string;
  // A hub whose folder is missing is away until the folder is made.
  const away = join(scratch(), 'hub');
  const path = join(away, 'readings.jsonl');
  const lines: string[] = [];
  const hub = { type: 'jsonl', path, format: 'rows', compression: 'none', maxDelay: 50 } as const;
  const store = await storeIn(folder, hub, (line) => lines.push(line));
  const said = (text: string) => lines.filter((line) => line.includes(text)).length;
  const flowing = load(store, 50, 5);
  writeFileSync(join(folder, 'other'), Buffer.alloc(20 * MB));
  await until('the disk to be full', () => said('cannot commit') > 0, 30_000);
  const full = flowing.next;
  const committed = store.stats().buffer.committedReadings;
  await until('more readings', () => flowing.next > full + 5_000);
  const waiting = store.stats().waiting.bytes;
  expect(waiting).toBeGreaterThan(0);

  // The hub returns first: the disk is drained although it is full.
  mkdirSync(away);
  await until('what was committed to be delivered', () => deliveredTo(path).numbers.size >= committed, 30_000);
  const drained = { delivered: deliveredTo(path).numbers.size, again: said('takes readings again') };

  rmSync(join(folder, 'other'));
  await until('the buffer to take readings again', () => said('takes readings again') > 0, 30_000);
  flowing.stop();
  const wrote = flowing.next - 1;
  await until('all readings', () => deliveredTo(path).numbers.size >= wrote, 30_000);
  const { accepted, refused, buffer } = await store.close(10_000);
  const { wrong, gaps, numbers } = deliveredTo(path);
  expect({ wrong, gaps, refused, delivered: numbers.size, dropped: buffer.dropped }).toEqual({
    wrong: [],
    gaps: [],
    refused: 0,
    delivered: accepted,
    dropped: {},
  });
  console.log(
    `full disk: ${committed} readings committed before, ${drained.delivered} delivered while it was full, up to ` +
      `${(waiting / 1e6).toFixed(1)} MB waited in memory, ${accepted} delivered in the end, 0 lost` +
      `${drained.again > 0 ? '; draining alone made room for new readings' : ''}`,
  );
});
