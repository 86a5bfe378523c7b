// Finds the program that reads the configuration: Terraform or OpenTofu, which serve alike. Where neither is
// installed, OpenTofu is built from its Go module, once; where that is not possible either, it is said, and nothing
// counts as a pass.

import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '../cache.ts';
import { run } from './command.ts';

export interface Program {
  readonly path: string;
  readonly name: 'Terraform' | 'OpenTofu';
  readonly version: string;
}

/** The versions from which on mock_provider and -test-directory behave as the suite needs. */
const OLDEST = { Terraform: [1, 11], OpenTofu: [1, 9] } as const;

/** go.mod and go.sum beside this folder pin OpenTofu and everything it is built of. */
const TOFU_MODULE = join(import.meta.dirname, '..', 'tofu');
const BUILD_MINUTES = 30;

export class NoProgram extends Error {}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function identify(path: string): Promise<Program> {
  // a configuration file that is named and missing makes a warning of its own, in the midst of the answer
  const { TF_CLI_CONFIG_FILE: _, ...env } = process.env;
  const { stdout, code, stderr } = await run(path, ['version', '-json'], { env, seconds: 30 });
  if (code !== 0) throw new NoProgram(`${path} version: ${stderr.trim() || `exit ${code}`}`);
  const version = (JSON.parse(stdout) as { terraform_version: string }).terraform_version;
  // both answer with terraform_version; the plain text says who it is
  const { stdout: text } = await run(path, ['version'], { env, seconds: 30 });
  const name = text.startsWith('OpenTofu') ? 'OpenTofu' : 'Terraform';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = OLDEST[name];
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
    throw new NoProgram(`${path} is ${name} ${version}; the suite needs ${wantedMajor}.${wantedMinor} or newer`);
  }
  return { path, name, version };
}

async function build(go: string, progress: (line: string) => void): Promise<string> {
  const version = /^(?:require)?\s*github.com\/opentofu\/opentofu (v[\d.]+)\b/m.exec(
    readFileSync(join(TOFU_MODULE, 'go.mod'), 'utf8'),
  )?.[1];
  const built = join(cacheFolder('bin'), `tofu-${version}`);
  if (existsSync(built)) return built;
  progress(`no terraform and no tofu here: building OpenTofu ${version} from its Go module (once; some minutes)`);
  // the go command wants to write its module files, so it gets a copy
  const work = cacheFolder('tofu');
  mkdirSync(work, { recursive: true });
  for (const file of ['go.mod', 'go.sum']) copyFileSync(join(TOFU_MODULE, file), join(work, file));
  const flags = '-s -w -X github.com/opentofu/opentofu/version.dev=no';
  const args = ['build', '-mod=readonly', '-trimpath', '-p', String(Math.max(1, cpus().length)), '-ldflags', flags];
  const started = Date.now();
  const tick = setInterval(
    () => progress(`  still building, ${Math.round((Date.now() - started) / 60_000)} min`),
    60_000,
  );
  try {
    const child = spawn(go, [...args, '-o', `${built}.draft`, 'github.com/opentofu/opentofu/cmd/tofu'], {
      cwd: work,
      stdio: ['ignore', 2, 2],
      timeout: BUILD_MINUTES * 60_000,
    });
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve));
    if (code !== 0) throw new NoProgram(`go build of OpenTofu ${version} failed; the lines above say why`);
  } finally {
    clearInterval(tick);
  }
  copyFileSync(`${built}.draft`, built);
  return built;
}

/**
 * TERRAFORM=path chooses; else terraform, then tofu on the PATH, then one that Go can build.
 * Throws NoProgram with what to install when there is none.
 */
export async function findProgram(progress: (line: string) => void): Promise<Program> {
  const chosen = process.env.TERRAFORM;
  if (chosen !== undefined && chosen !== '') {
    const path = chosen.includes('/') ? chosen : onPath(chosen);
    if (path === undefined || !existsSync(path)) throw new NoProgram(`TERRAFORM=${chosen}: no such program`);
    return identify(path);
  }
  const installed = onPath('terraform') ?? onPath('tofu');
  if (installed !== undefined) return identify(installed);
  const go = onPath('go');
  if (go !== undefined) return identify(await build(go, progress));
  throw new NoProgram(
    'neither terraform nor tofu is on the PATH, and there is no Go to build OpenTofu with. ' +
      'Install Terraform 1.11 or OpenTofu 1.9 or newer, or name one with TERRAFORM=/path/to/it.',
  );
}
