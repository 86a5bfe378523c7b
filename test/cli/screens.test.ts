// The commands' screens as a person at a terminal sees them, narrow and wide, with colours and without; and what a pipe
// gets: the same words, and no escape code.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../agent/src/cli/commands.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { mappingFor, type Refinery, startRefinery } from '../../sim/refinery/refinery.ts';
import { output } from '../support/output.ts';
import { scratch } from '../support/scratch.ts';
import { atTerminal, screen } from '../support/terminal.ts';

const ESC = '\u001b';
const folder = scratch();
let refinery: Refinery;
let hub: LocalHub;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  refinery = await startRefinery({ tags: 120, folder: join(folder, 'sim'), ticking: false });
  refinery.flare.kill(1);
  hub = await startHub({ folder: join(folder, 'hub') });
  env = { ...hub.environment, FIELDGATE_HTTP: '127.0.0.1:1' };
  const all = mappingFor(refinery, { hub: { type: 'iot-edge' }, buffer: { path: 'data/buffer.db' } });
  writeFileSync(join(folder, 'lavera.yaml'), all);
  writeFileSync(
    join(folder, 'wrong.yaml'),
    'version: 1\nsite: lavera\nhub: { type: iot-edge }\nsources:\n  plc:\n    protocol: modbus-tcp\n    host: plc\n    tags:\n      A: { adress: 1 }\n',
  );
  mkdirSync(join(folder, 'data/pki/trusted/certs'), { recursive: true });
  copyFileSync(refinery.dcs.certificateFile, join(folder, 'data/pki/trusted/certs/dcs.pem'));
});
afterAll(() => Promise.all([refinery?.close(), hub?.close()]));

const see = async (args: readonly string[], columns: number, more: NodeJS.ProcessEnv = {}) => {
  const { code, raw } = await atTerminal(args, { columns, cwd: folder, env: { ...env, ...more } });
  return { code, raw, lines: screen(raw) };
};

function piped(...args: string[]): Promise<{ code: number | null; text: string }> {
  const main = join(import.meta.dirname, '../../agent/src/main.ts');
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...process.env, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, text })));
}

const longest = (lines: readonly string[]) => Math.max(...lines.map(({ length }) => length));
const coloured = (raw: string) => raw.includes(`${ESC}[3`) || raw.includes(`${ESC}[1;3`);

describe.each([80, 200])('at %d columns', (columns) => {
  it('check marks the place in colour', async () => {
    const { code, raw, lines } = await see(['check', 'wrong.yaml'], columns);
    expect(code).toBe(1);
    expect(raw).toContain(`${ESC}[1mwrong.yaml:9:12${ESC}[0m`);
    expect(raw).toContain(`${ESC}[31m^${ESC}[0m`);
    expect(coloured(raw)).toBe(true);
    const at = lines.findLastIndex((line) => line.includes('A: { adress'));
    expect(lines[at + 1]?.indexOf('^')).toBe(lines[at]?.indexOf('adress'));
  });

  it('doctor keeps within the screen, and nothing of its progress stays', async () => {
    const { code, raw, lines } = await see(['doctor', 'lavera.yaml'], columns);
    expect(code).toBe(1);
    expect(raw).toContain('looking: ');
    expect(lines.filter((line) => line.includes('looking: '))).toEqual([]);
    expect(longest(lines)).toBeLessThan(columns);
    expect(raw).toContain(`${ESC}[1;31mBROKEN${ESC}[0m`);
    const text = lines.join('\n');
    expect(text).toMatch(/^flare-plc {2}modbus-tcp .*\n( {2}ok .*\n)+ {2}odd {5}unit 1 {7}no reply/m);
    expect(text).toMatch(/The first broken link is flare-plc, tags: 0 of 26 tags are read/);
  });

  it('read cuts long values, and marks what is not Good', async () => {
    const { code, raw, lines } = await see(['read', 'lavera.yaml'], columns);
    expect(code).toBe(1);
    const dcs = lines.slice(0, lines.indexOf(''));
    expect(dcs[0]).toMatch(/^cdu1-dcs {2}opcua opc\.tcp/);
    expect(longest(dcs)).toBeLessThan(columns);
    expect(lines.find((line) => line.includes('20VI151.SPECTRUM'))).toMatch(/\[[\d.,]+… +Good/);
    expect(raw).toMatch(new RegExp(`${ESC}\\[31mBadTimeout${ESC}\\[0m`, 'u'));
    expect(lines.join('\n')).not.toContain('reading cdu1-dcs');
  });

  it('plan and browse', async () => {
    const plan = await see(['plan', 'lavera.yaml', 'flare-plc'], columns);
    expect(plan.code).toBe(0);
    expect(plan.lines[1]).toMatch(/^ {2}every 1s {2}unit 1 holding/);
    const browse = await see(['browse', 'lavera.yaml', 'cdu1-dcs', '--all', '--match', '*.PV'], columns);
    expect(browse.code).toBe(0);
    expect(browse.lines.filter((line) => line !== '').at(-1)).toMatch(/^\d+ of \d+ variables$/);
    expect(browse.lines.join('\n')).not.toMatch(/nodes in/);
  });

  it('demo redraws its summary in place and ends with the account', { timeout: 60_000 }, async () => {
    let drawn = 0;
    const { code, raw } = await atTerminal(['demo', '--tags', '120'], {
      columns,
      env: { FIELDGATE_HTTP: 'off' },
      // Two summaries with readings delivered.
      enough: (all) => {
        drawn = [...all.matchAll(/delivered [1-9]/g)].length;
        return drawn >= 2;
      },
    });
    expect(code).toBe(0);
    const lines = screen(raw);
    expect(lines.filter((line) => /^fieldgate \d/.test(line))).toHaveLength(1);
    const end = lines.findIndex((line) => line.startsWith('account after'));
    const summary = lines.slice(0, end);
    expect(longest(summary)).toBeLessThanOrEqual(columns);
    for (const word of ['withheld', 'committed', 'backlog', 'B/reading', 'in flight']) {
      expect(summary.join('\n'), word).toContain(word);
    }
    expect(summary.find((line) => line.includes('20FIC101.PV'))).toMatch(/m3\/h +Good +[\d.:]+( s)?$/);
    expect(lines.join('\n')).toContain('complete: everything accepted is delivered or in the buffer');
  });
});

describe('colours', () => {
  it.each([['check', 'wrong.yaml'], ['doctor', 'lavera.yaml'], ['read', 'lavera.yaml']])(
    '%s %s: none with NO_COLOR', async (...args) => {
      expect(coloured((await see(args, 80, { NO_COLOR: '1' })).raw)).toBe(false);
    }); // biome-ignore format: one line

  it.each([
    [['check', 'wrong.yaml'], 1],
    [['doctor', 'lavera.yaml'], 1],
    [['read', 'lavera.yaml'], 1],
    [['plan', 'lavera.yaml'], 0],
    [['browse', 'lavera.yaml', 'cdu1-dcs'], 0],
    [['demo', '--for', '3s', '--tags', '120'], 0],
    [['help'], 0],
    [['certificates', 'list', '--pki', 'data/pki'], 0],
  ] as const)('%j: no escape code in a pipe', async (args, code) => {
    const found = await piped(...args);
    expect(found.text).not.toContain(ESC);
    expect(found.text).not.toContain('\r');
    expect(found.code).toBe(code);
  });
});

describe('--help', async () => {
  const overview = output();
  await dispatch(['help'], overview);
  const names = [...overview.text().matchAll(/^ {2}([a-z]+) .*/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');

  it('the overview has every command, one line each', () => {
    expect(names).toEqual(
      expect.arrayContaining(['run', 'demo', 'check', 'plan', 'read', 'browse', 'doctor', 'certificates']),
    );
    for (const line of overview.text().split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it.each(names)('%s: options, examples, exit codes', async (name) => {
    const io = output();
    expect(await dispatch([name, '--help'], io)).toBe(0);
    const text = io.text();
    expect(text).toMatch(new RegExp(`^usage: fieldgate ${name}`));
    expect(text).toMatch(/^Examples?:\n {2}\S.*fieldgate |^Examples?:\n {2}fieldgate /m);
    expect(text).toMatch(/^Exit codes: 0\b.*\b2 wrong usage\.$/m);
    const usage = /^usage: (.*)$/m.exec(text)?.[1] ?? '';
    const described = text.slice(text.indexOf('\n'));
    for (const [option] of usage.matchAll(/--[a-z-]+/g)) {
      expect(described, option).toMatch(new RegExp(`^ {2}${option}\\b|, ${option}|also ${option}`, 'm'));
    }
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(130);
  });
});
