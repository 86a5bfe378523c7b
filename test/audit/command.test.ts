// `fieldgate audit` as an operator meets it: files in, a verdict and an exit code out.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { columns } from '../../agent/src/delivery/formats/columns.ts';
import { rows } from '../../agent/src/delivery/formats/rows.ts';
import { plantReadings } from '../support/plant-readings.ts';
import { scratch } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
const folder = scratch();
const EPOCH = '20261122T100000-3fa2c1';

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function audit(args: readonly string[], input?: string): Promise<Result> {
  const child = spawn(process.execPath, [join(root, 'agent/src/main.ts'), 'audit', ...args], { cwd: folder });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const load = plantReadings(200, 1_000);
const whole = rows('gw-cdu1-01', load.tagOf, EPOCH).encode(load.parts).toString();
const lines = whole.trimEnd().split('\n');

test('a complete file is complete: exit 0, nothing on standard error', async () => {
  expect(await audit([file('whole.jsonl', whole)])).toEqual({
    code: 0,
    out:
      `gateway gw-cdu1-01, epoch ${EPOCH}: complete\n` +
      '  1,000 readings, 0 gap records, numbers 120001 to 121000\ncomplete\n',
    err: '',
  });
});

test('a file without two of its lines is not: exit 1, and the numbers', async () => {
  const holed = [...lines.slice(0, 9), ...lines.slice(11)].join('\n');
  expect(await audit([file('holed.jsonl', `${holed}\n`)])).toEqual({
    code: 1,
    out:
      `gateway gw-cdu1-01, epoch ${EPOCH}: NOT COMPLETE\n` +
      '  998 readings, 0 gap records, numbers 120001 to 121000\n' +
      '  MISSING: 2 numbers: 120010-120011\nnot complete: 2 numbers missing\n',
    err: '',
  });
});

test('packed files, several, and standard input are read; --json says the same', async () => {
  const first = file('first.jsonl.gz', gzipSync(`${lines.slice(0, 400).join('\n')}\n`));
  const rest = `${lines.slice(380).join('\n')}\n`;
  const { code, out, err } = await audit([first, '-', '--json'], rest);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toMatchObject({
    complete: true,
    lines: 1_020,
    flaws: 0,
    epochs: [{ gateway: 'gw-cdu1-01', epoch: EPOCH, readings: 1_000, duplicates: 20 }],
  });
});

test('columns are read too', async () => {
  const body = columns('gw-cdu1-01', EPOCH, load.tagOf).encode(load.parts).toString();
  const { code, out } = await audit([file('columns.jsonl', `${body}\n`)]);
  expect(code).toBe(0);
  expect(out).toContain('1,000 readings, 0 gap records, numbers 120001 to 121000');
});

test('a torn end and a malformed line are said with file and line; the rest is read: exit 1', async () => {
  const torn = [...lines.slice(0, 3), 'nonsense', ...lines.slice(3, 5), lines[5]!.slice(0, 30)].join('\n');
  const { code, out, err } = await audit([file('torn.jsonl', torn)]);
  expect(code).toBe(1);
  expect(err).toBe('torn.jsonl:4: is no JSON\ntorn.jsonl:7: is torn: the file ends in the middle of it\n');
  expect(out).toContain('5 readings');
  expect(out).toContain('not complete: 2 lines or files that cannot be read\n');
});

test('files that are not there, not packed or empty do not pass for complete', async () => {
  const bad = file('bad.gz', 'no gzip');
  const { code, err } = await audit(['nowhere.jsonl', bad, file('whole.jsonl', whole)]);
  expect(code).toBe(1);
  expect(err).toMatch(/^nowhere\.jsonl: cannot be read: ENOENT/);
  expect(err).toMatch(/bad\.gz: cannot be read: incorrect header/);
  expect(await audit([file('empty.jsonl', '')])).toMatchObject({ code: 1, out: 'not complete: there is no row\n' });
});

test('many flaws are counted, not all shown', async () => {
  const { err } = await audit(['-'], 'x\n'.repeat(30));
  expect(err.split('\n')).toHaveLength(22);
  expect(err).toContain('standard input:20: is no JSON\nand 10 more\n');
});

test('--from-start wants number 1', async () => {
  const { code, out } = await audit(['--from-start', file('whole.jsonl', whole)]);
  expect(code).toBe(1);
  expect(out).toContain('MISSING: 120,000 numbers: 1-120000');
});

test('without a file it is wrong usage; help has examples', async () => {
  expect(await audit([])).toMatchObject({ code: 2, err: expect.stringContaining('FILE is missing') });
  const { out } = await audit(['--help']);
  expect(out).toContain('Examples:');
  expect(out).toContain('Exit codes:');
});
