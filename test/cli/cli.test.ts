// The command line as an operator meets it: the process itself, its output and its exit codes.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
const sample = join(root, 'deploy/iot-edge/samples/lavera.yaml');
const folder = scratch();

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function fieldgate(...args: string[]): Promise<Result> {
  const child = spawn(process.execPath, [join(root, 'agent/src/main.ts'), ...args], { cwd: folder });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const wrong = () => file('wrong.yaml', readFileSync(join(root, 'test/config/wrong/unknown-key.yaml'), 'utf8'));

describe('fieldgate', () => {
  it('without a command shows how it is used, and ends with 2', async () => {
    const { code, out, err } = await fieldgate();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^usage: fieldgate COMMAND/);
  });

  it.each([['help'], ['--help'], ['-h']])('%s shows every command, and ends with 0', async (word) => {
    const { code, out, err } = await fieldgate(word);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const name of ['check FILE', 'schema']) expect(out).toContain(name);
  });

  it('help COMMAND and COMMAND --help show options and examples', async () => {
    const [one, other] = await Promise.all([fieldgate('help', 'check'), fieldgate('check', '--help')]);
    expect(one).toEqual(other);
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(one.out).toContain('Examples:');
    expect(one.out).toContain('--json');
    expect(one.out).toContain('Exit codes:');
  });

  it('does not know a command, and says what is near', async () => {
    expect(await fieldgate('chekc')).toEqual({
      code: 2,
      out: '',
      err: 'fieldgate: unknown command "chekc"; did you mean "check"?\nRun "fieldgate help" for the list of commands.\n',
    });
    expect((await fieldgate('help', 'nonsense')).code).toBe(2);
    expect((await fieldgate('--nonsense')).err).toContain('unknown option "--nonsense"');
  });
});

describe('fieldgate check', () => {
  it('of a clean mapping is one line', async () => {
    expect(await fieldgate('check', sample)).toEqual({
      code: 0,
      out: 'clean: gateway gw-cdu1-01, 2 sources, 13 tags (3 opcua, 10 modbus-tcp), hub iot-edge\n',
      err: '',
    });
  });

  it('of a wrong one has every mistake and their number, without colours into a pipe', async () => {
    const { code, out, err } = await fieldgate('check', wrong());
    expect({ code, err }).toEqual({ code: 1, err: '' });
    const golden = readFileSync(join(root, 'test/config/wrong/unknown-key.txt'), 'utf8');
    expect(out).toBe(`${golden.replaceAll('unknown-key.yaml', 'wrong.yaml')}4 mistakes\n`);
  });

  it('--json has the same for programs', async () => {
    const bad = await fieldgate('check', wrong(), '--json');
    expect(bad.code).toBe(1);
    const report = JSON.parse(bad.out) as { ok: boolean; mistakes: object[] };
    expect(report.ok).toBe(false);
    expect(report.mistakes).toHaveLength(4);
    expect(report.mistakes[1]).toEqual({
      file: 'wrong.yaml',
      line: 2,
      column: 1,
      path: ['sit'],
      message: 'unknown key "sit"',
      suggestion: 'site',
      excerpt: 'sit: lavera',
    });
    const good = await fieldgate('check', '--json', sample);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toEqual({
      ok: true,
      mistakes: [],
      warnings: [],
      summary: { gateway: 'gw-cdu1-01', sources: 2, tags: { opcua: 3, 'modbus-tcp': 10 }, hub: 'iot-edge' },
    });
  });

  it('of a clean mapping with a warning is still 0', async () => {
    const text =
      'version: 1\nsite: s\ngateway: g\nhub: { type: iot-edge }\nsources:\n  a: { protocol: modbus-tcp, host: h }\n';
    const { code, out } = await fieldgate('check', file('warned.yaml', text));
    expect(code).toBe(0);
    expect(out).toBe(
      'warned.yaml:6:3: warning: a has no tags: nothing is read from it\n      a: { protocol: modbus-tcp, host: h }\n      ^\n' +
        'clean: gateway g, 1 source, 0 tags (0 modbus-tcp), hub iot-edge; 1 warning\n',
    );
  });

  it('of a file that is not there says so', async () => {
    const { code, out } = await fieldgate('check', 'none.yaml');
    expect({ code, out }).toEqual({ code: 1, out: 'none.yaml: there is no such file\n1 mistake\n' });
  });

  it.each([
    [['check'], 'fieldgate check: FILE is missing\n'],
    [['check', 'a', 'b'], 'fieldgate check: one argument too many: "b"\n'],
    [['check', 'a', '--jsn'], 'fieldgate check: unknown option "--jsn"; did you mean "--json"?\n'],
    [['check', 'a', '--json=yes'], 'fieldgate check: option --json takes no value\n'],
  ])('%j is wrong usage', async (args, message) => {
    expect(await fieldgate(...args)).toEqual({
      code: 2,
      out: '',
      err: `${message}usage: fieldgate check FILE [--format text|json|github|sarif] [--expand]\n`,
    });
  });

  it('loads no protocol', async () => {
    const script = `
      const { dispatch } = await import(${JSON.stringify(join(root, 'agent/src/cli/commands.ts'))});
      const { registerHooks } = await import('node:module');
      const seen = [];
      registerHooks({ load: (url, context, next) => (seen.push(url), next(url, context)) });
      await dispatch(['check', ${JSON.stringify(sample)}], { out: process.stdout, err: process.stderr, env: {} });
      console.log(seen.some((url) => url.includes('config/load')), seen.filter((url) => /node_modules.(node-opcua|modbus|azure|better-sqlite|aedes)|.adapters./.test(url)));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await new Promise((resolve) => child.on('close', resolve));
    expect(out.trim().split('\n').at(-1)).toBe('true []');
  });
});

describe('fieldgate schema', () => {
  it('prints the committed schema', async () => {
    const { code, out } = await fieldgate('schema');
    expect(code).toBe(0);
    expect(out).toBe(readFileSync(join(root, 'fieldgate.schema.json'), 'utf8'));
  });
});

describe('a defect', () => {
  it.each([
    ['uncaught exception', 'setTimeout(() => { throw new Error("boom") })'],
    ['unhandled rejection', 'Promise.reject(new Error("boom"))'],
  ])('%s is one line on stderr, and 70', async (kind, code) => {
    // The preload throws once main.ts has installed its handlers.
    const preload = file(
      `${kind.replace(' ', '-')}.mjs`,
      `setTimeout(() => { ${code} }, 50); setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [
      '--import',
      join(folder, preload),
      join(root, 'agent/src/main.ts'),
      'schema',
    ]);
    let err = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const exit = await new Promise((resolve) => child.on('close', resolve));
    expect(exit).toBe(70);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toContain(`fieldgate: ${kind}`);
    expect(err).toContain('boom');
  });
});
