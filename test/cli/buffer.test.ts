// `fieldgate buffer` as an operator meets it: on a stopped file, on a damaged one, and on one in use.

import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openBuffer } from '../../agent/src/buffer/buffer.ts';
import { command } from '../../agent/src/cli/buffer.ts';
import { gapBatch } from '../../agent/src/model/batch.ts';
import { formatTime } from '../../agent/src/model/time.ts';
import { bulkyPart, part, timeOf } from '../buffer/parts.ts';
import { scratch } from '../support/scratch.ts';

const SIZE = 200 * 1024 * 1024;

function sink(): Writable & { text: string } {
  return Object.assign(
    new Writable({
      write(chunk: Buffer, _, done) {
        (this as unknown as { text: string }).text += chunk.toString();
        done();
      },
    }),
    { text: '' },
  );
}

async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const out = sink();
  const err = sink();
  const code = await command.run(args, { out, err, env: { FIELDGATE_HTTP: 'off', ...env } });
  return { code, out: out.text, err: err.text, lines: out.text.split('\n').filter((line) => line !== '') };
}

function filled(): { path: string; epoch: string } {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  const tags = [{ index: 0, name: '20FIC101.PV', source: 'cdu1-dcs', unit: 'm3/h', priority: 'normal' } as const];
  expect(buffer.dictionary.intern(tags)).toEqual([1]);
  for (let i = 0; i < 10; i++) buffer.append([part(i * 10 + 1, 10)]);
  buffer.append([{ priority: 'high', batch: gapBatch([{ reason: 'source-down', from: timeOf(50), to: timeOf(51) }]) }]);
  buffer.close();
  return { path, epoch: buffer.epoch };
}

/** A file of which one segment's payload was hit. */
function damaged(): string {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE);
  for (let i = 0; i < 10; i++) buffer.append([bulkyPart(i * 10 + 1, 10, 6_000)]);
  buffer.close();
  const db = new Sqlite(path, { readonly: true });
  const page = db.prepare("SELECT max(pageno) FROM dbstat WHERE name = 'segment' AND pagetype = 'overflow'").pluck();
  const offset = (Number(page.get()) - 1) * 1024 + 500;
  db.close();
  const handle = openSync(path, 'r+');
  writeSync(handle, Buffer.from('hit'), 0, 3, offset);
  closeSync(handle);
  return path;
}

test('status and verify of a sound file, for people and as JSON', async () => {
  const { path, epoch } = filled();
  const status = await run(['status', path]);
  expect(status).toMatchObject({ code: 0, err: '' });
  expect(status.out).toContain(epoch);
  expect(status.out).toMatch(/numbers +1 to 101/);
  expect(JSON.parse((await run(['status', path, '--json'])).out)).toMatchObject({ epoch, gaps: 1, segments: 11 });
  expect(await run(['verify', path])).toMatchObject({ code: 0, out: 'sound: 11 segments\n' });
  expect(JSON.parse((await run(['verify', path, '--json'])).out)).toMatchObject({ sound: true });
});

/** A closed file of which the first fifty readings were delivered and are kept. */
function delivered(): { path: string; epoch: string } {
  const path = join(scratch(), 'buffer.db');
  const buffer = openBuffer(path, SIZE, { keepDelivered: 900_000 });
  for (let i = 0; i < 10; i++) buffer.append([part(i * 10 + 1, 10)]);
  buffer.next('live', 50);
  buffer.ack(1, 50, 50);
  buffer.close();
  return { path, epoch: buffer.epoch };
}

test('replay: what was delivered and is kept is sent again by the next start, and the rest stays kept', async () => {
  const { path, epoch } = delivered();
  const [from, to] = [formatTime(timeOf(15)), formatTime(timeOf(32))];
  expect(await run(['replay', path, '--from', from, '--to', to])).toMatchObject({
    code: 0,
    out: '30 readings wait for delivery again; the gateway sends them when it starts\n',
    err: expect.stringContaining('50 readings are kept'),
  });
  const json = await run(['replay', path, '--from', from, '--to', to, '--json']);
  expect(JSON.parse(json.out), 'they wait already').toMatchObject({ epoch, readings: 0, waiting: 80 });
  const buffer = openBuffer(path, SIZE, { keepDelivered: 900_000 });
  expect(buffer.epoch).toBe(epoch);
  expect(buffer.stats()).toMatchObject({ pendingReadings: 80, keptReadings: 20, dropped: {} });
  expect(buffer.next('backfill', 1_000).map(({ first }) => first)).toEqual([11, 21, 31]);
  buffer.close();
});

test('replay: of a file in use it names the direct method; a missing, a damaged one and a missing time are told', async () => {
  const { path } = delivered();
  const times = ['--from', formatTime(timeOf(1)), '--to', formatTime(timeOf(9))];
  const buffer = openBuffer(path, SIZE, { keepDelivered: 900_000 });
  const refused = await run(['replay', path, ...times]);
  expect(refused).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/in use.*direct method "replay".*buffer\.locked/),
  });
  buffer.close();
  const missing = join(scratch(), 'none.db');
  expect(await run(['replay', missing, ...times])).toMatchObject({
    code: 1,
    err: expect.stringContaining('does not exist'),
  });
  expect(existsSync(missing)).toBe(false);
  writeFileSync(path, 'no database '.repeat(1_000));
  expect(await run(['replay', path, ...times])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/damaged.*start the gateway/),
  });
  expect(readFileSync(path, 'utf8'), 'and it is left as it is').toContain('no database');
  await expect(run(['replay', path, '--from', formatTime(timeOf(1))])).rejects.toThrow('--to');
  await expect(run(['replay', path, '--from', formatTime(timeOf(9)), '--to', formatTime(timeOf(1))])).rejects.toThrow(
    'later',
  );
});

test('export writes rows with names, cut by time, and never over a file', async () => {
  const { path } = filled();
  const all = await run(['export', path, '--gateway', 'gw']);
  expect(all).toMatchObject({ code: 0, err: '100 readings exported\n' });
  expect(all.lines).toHaveLength(101);
  expect(JSON.parse(all.lines[0]!)).toEqual({
    gateway: 'gw',
    tag: '20FIC101.PV',
    ts: formatTime(timeOf(1)),
    value: 1,
    status: 'Good',
    unit: 'm3/h',
    seq: 1,
  });
  const out = join(scratch(), 'readings.jsonl');
  const cut = ['--from', formatTime(timeOf(45)), '--to', formatTime(timeOf(55)), '--out', out];
  expect(await run(['export', path, ...cut])).toMatchObject({ code: 0, out: '' });
  const rows = readFileSync(out, 'utf8').trimEnd().split('\n');
  expect(rows.map((row) => JSON.parse(row).seq)).toEqual([45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 101]);
  expect(await run(['export', path, '--out', out])).toMatchObject({ code: 1, err: expect.stringContaining(out) });
});

test('a damaged segment is named by verify, left out by export, and both end with 1', async () => {
  const path = damaged();
  const verdict = await run(['verify', path]);
  expect(verdict).toMatchObject({ code: 1, out: expect.stringMatching(/damaged: numbers \d+-\d+, 10 readings/) });
  const exported = await run(['export', path]);
  expect(exported).toMatchObject({ code: 1, err: expect.stringMatching(/numbers \d+-\d+ left out/) });
  expect(exported.lines).toHaveLength(90);
});

test('of a file in use status shows what its gateway tells; the others refuse', async () => {
  const { path, epoch } = filled();
  const buffer = openBuffer(path, SIZE);
  const server = createServer((_, answer) => {
    answer.end(JSON.stringify({ gateway: 'gw', epoch, store: { buffer: buffer.stats() } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = { FIELDGATE_HTTP: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  try {
    const told = await run(['status', path, '--json'], env);
    expect(told.code).toBe(0);
    expect(JSON.parse(told.out)).toMatchObject({ inUse: true, epoch, buffer: { pendingReadings: 100 } });
    for (const action of ['verify', 'export'])
      expect(await run([action, path])).toMatchObject({ code: 1, err: expect.stringContaining('in use') });
    expect(await run(['status', path])).toMatchObject({ code: 1, err: expect.stringContaining('in use') });
  } finally {
    server.close();
    buffer.close();
  }
});

test('wrong usage and missing files say what is wrong', async () => {
  await expect(run(['look', 'x'])).rejects.toThrow(/status, verify, export/);
  await expect(run(['export', 'x', '--from', 'yesterday'])).rejects.toThrow(/--from yesterday/);
  const path = join(scratch(), 'missing.db');
  expect(await run(['verify', path])).toMatchObject({ code: 1, err: expect.stringContaining(path) });
  expect(existsSync(path)).toBe(false);
});
