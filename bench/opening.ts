// How long a large buffer takes to open after a kill. The file is made quickly: large segments, written without a sync;
// then a process commits a gateway's minute to it, each commit synced, and kills itself. Prints figures; never passes or
// fails on time.
//
//   npm run bench:opening                                   a file of 4 GB
//   npm run bench:opening -- --size 500MB --folder /data

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { openBuffer } from '../agent/src/buffer/buffer.ts';
import { openMeta } from '../agent/src/buffer/meta.ts';
import { openStamp, thisBoot } from '../agent/src/buffer/stamp.ts';
import { encoded, insertSegment, segmentStatements } from '../agent/src/buffer/table.ts';
import { BatchBuilder } from '../agent/src/model/batch.ts';
import { StatusCode } from '../agent/src/model/status.ts';
import { fromMillis } from '../agent/src/model/time.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4GB' },
    folder: { type: 'string', default: tmpdir() },
    commit: { type: 'string' },
  },
});
const [, amount, unit] = /^(\d+)(MB|GB)$/.exec(values.size) ?? [];
if (amount === undefined) throw new Error(`--size is a number of MB or GB, not ${values.size}`);
const SIZE = Number(amount) * (unit === 'GB' ? 1e9 : 1e6);
const LARGE = SIZE * 2 + 1e9;
/** Readings in a commit of 100 ms, and in a segment at the most. */
const [SMALL, MOST] = [1_000, 4_096];
/** Commits since the file last wrote its head: a minute of them. */
const MINUTE = 600;

function batch(count: number) {
  const builder = new BatchBuilder(count);
  for (let i = 0; i < count; i++)
    builder.add(1 + (i % 50), fromMillis(Date.now() + i), StatusCode.Good, Math.random() * 100);
  return builder.take();
}

/** A child: commits a minute's worth to the file and kills itself. */
function commitAndDie(path: string): void {
  const buffer = openBuffer(path, LARGE);
  for (let i = 0; i < MINUTE; i++) buffer.append([{ priority: 'normal', batch: batch(SMALL) }]);
  process.kill(process.pid, 'SIGKILL');
}

/** Segments as the buffer writes them. */
function fill(path: string): void {
  openBuffer(path, LARGE).close();
  const db = new Sqlite(path);
  db.pragma('synchronous = OFF');
  const meta = openMeta(db, path);
  const { insert } = segmentStatements(db);
  const part = encoded({ priority: 'normal', batch: batch(MOST) });
  let head = 1;
  let held = 0;
  for (let told = 0; statSync(path).size < SIZE; ) {
    db.transaction(() => {
      for (let i = 0; i < 2_000; i++) {
        head = insertSegment(insert, part, meta.epoch, Date.now(), head);
        held += MOST;
      }
      meta.set('next', head);
      meta.set('held', held);
    })();
    db.pragma('wal_checkpoint(TRUNCATE)');
    if (performance.now() - told < 5_000) continue;
    told = performance.now();
    process.stderr.write(`${(statSync(path).size / 1e9).toFixed(2)} GB\n`);
  }
  const stamp = openStamp(path, meta.epoch, thisBoot(), { head, reserved: head, boot: thisBoot() });
  stamp.settle(head);
  stamp.close();
  db.close();
}

function timed(what: string, path: string): void {
  const start = performance.now();
  const buffer = openBuffer(path, LARGE);
  const took = performance.now() - start;
  if (buffer.setAside !== undefined) throw new Error('the file was set aside');
  const { pending } = buffer.stats();
  console.log(`${what}: ${(statSync(path).size / 1e9).toFixed(2)} GB, ${pending} entries, ${took.toFixed(0)} ms`);
  buffer.close();
}

if (values.commit !== undefined) commitAndDie(values.commit);
else {
  const folder = mkdtempSync(join(values.folder, 'fieldgate-bench-'));
  try {
    const path = join(folder, 'buffer.db');
    fill(path);
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--size', values.size, '--commit', path], {
      stdio: 'inherit',
    });
    await once(child, 'exit');
    if (!existsSync(`${path}-wal`)) throw new Error('the child left no WAL');
    timed('opening after a kill', path);
    timed('opening after an orderly end', path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
