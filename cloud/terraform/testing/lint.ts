// Runs checkov and tflint on the Terraform code, with the settings and waivers in .checkov.yaml and .tflint.hcl.
//
//   npm run lint:terraform                               with what is installed
//   npm run lint:terraform -- --install checkov,tflint   gets these first: checkov with pip (about 290 MB), tflint with Go
//   npm run lint:terraform -- --counts FILE              also writes `passed failed` to FILE, for CI
//
// A tool that is not there is said to be NOT RUN; it is no pass. One that was to be installed and could not be is a failure.

import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder, TERRAFORM } from './cache.ts';
import { type Outcome, run } from './run/command.ts';

const TFLINT = 'v0.64.0';
const CHECKOV = '3.3.30';

const say = (line: string) => process.stdout.write(`${line}\n`);

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

interface Tool {
  /** Where it is when it was installed by us. */
  readonly kept: string;
  install(): Promise<Outcome>;
  check(program: string): Promise<Outcome>;
}

const venv = join(cacheFolder(), `checkov-${CHECKOV}`);

const TOOLS: Readonly<Record<string, Tool>> = {
  checkov: {
    kept: join(venv, 'bin', 'checkov'),
    install: async () => {
      const made = await run('python3', ['-m', 'venv', venv], { seconds: 120 });
      if (made.code !== 0) return made;
      return run(join(venv, 'bin', 'pip'), ['install', '--quiet', `checkov==${CHECKOV}`], { seconds: 900 });
    },
    check: (program) =>
      run(program, ['--directory', '.', '--config-file', '.checkov.yaml'], { cwd: TERRAFORM, seconds: 300 }),
  },
  tflint: {
    kept: join(cacheFolder('bin'), 'tflint'),
    install: () =>
      run('go', ['install', `github.com/terraform-linters/tflint@${TFLINT}`], {
        env: { ...process.env, GOBIN: cacheFolder('bin') },
        seconds: 1800,
      }),
    check: (program) =>
      run(program, ['--recursive', '--format', 'compact', '--config', join(TERRAFORM, '.tflint.hcl')], {
        cwd: TERRAFORM,
        seconds: 300,
      }),
  },
};

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { install: { type: 'string', default: '' }, counts: { type: 'string' } },
  });
  const wanted = values.install.split(',').filter((name) => name !== '');
  let passed = 0;
  let failed = 0;
  for (const [name, tool] of Object.entries(TOOLS)) {
    let program = onPath(name) ?? (existsSync(tool.kept) ? tool.kept : undefined);
    if (program === undefined && wanted.includes(name)) {
      say(`installing ${name}`);
      // a program that cannot be started at all is told like one that failed
      const { code, stderr } = await tool.install().catch((error: Error) => ({ code: 1, stderr: error.message }));
      if (code !== 0) {
        say(`${name}: could not be installed: ${stderr.trim().slice(-2000)}`);
        failed += 1;
        continue;
      }
      program = tool.kept;
    }
    if (program === undefined) {
      say(`${name}: NOT RUN: it is not installed; \`npm run lint:terraform -- --install ${name}\` gets it`);
      continue;
    }
    const started = performance.now();
    const { code, stdout, stderr } = await tool.check(program);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    if (code === 0) passed += 1;
    else failed += 1;
    say(`${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s\n${(stdout + (code === 0 ? '' : stderr)).trim()}`);
  }
  if (values.counts !== undefined) writeFileSync(values.counts, `${passed} ${failed}\n`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
