// What there is to test below cloud/terraform: modules, their examples, stacks. A folder is one when it has a .tf file.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';

type Kind = 'module' | 'example' | 'stack';

export interface Target {
  readonly kind: Kind;
  /** Absolute. */
  readonly folder: string;
  /** Below cloud/terraform, with slashes: `modules/naming`. */
  readonly name: string;
}

/** Where a module's or stack's tests are; elsewhere `terraform test` does not look, and says nothing. */
export const TESTS = 'tests/unit';

function hasTerraform(folder: string): boolean {
  return readdirSync(folder).some((file) => file.endsWith('.tf'));
}

function kindOf(name: string): Kind {
  if (name.includes('/examples/')) return 'example';
  return name.startsWith('stacks/') ? 'stack' : 'module';
}

function* below(folder: string): Generator<string> {
  if (hasTerraform(folder)) yield folder;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    // tests/ holds tests and their set-up modules, which run as part of the suite that names them
    if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'tests') {
      yield* below(join(folder, entry.name));
    }
  }
}

/** All targets below the given paths (all of cloud/terraform when none is given), modules first, each once. */
export function targetsBelow(root: string, paths: readonly string[]): Target[] {
  const asked = paths.length > 0 ? paths.map((path) => resolve(path)) : [join(root, 'modules'), join(root, 'stacks')];
  const folders = new Set<string>();
  for (const path of asked) {
    if (!existsSync(path) || !statSync(path).isDirectory()) {
      if (paths.length === 0) continue;
      throw new Error(`${path}: no such folder`);
    }
    for (const folder of below(path)) folders.add(folder);
  }
  const order: readonly Kind[] = ['module', 'example', 'stack'];
  return [...folders]
    .map((folder) => ({ folder, name: relative(root, folder).split(sep).join('/') }))
    .map((target) => ({ ...target, kind: kindOf(target.name) }))
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.name.localeCompare(b.name));
}

/** Every test file below a target that its suite would not run, because of where it lies. */
export function misplacedTests(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tftest|tofutest)\.(hcl|json)$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.includes('.terraform/') && !/^(examples|modules)\//.test(file))
    .filter((file) => !/^tests\/(unit|integration)\/[^/]+$/.test(file))
    .filter((file) => !basename(file).startsWith('bench-'));
}

/**
 * The arguments of each `terraform test` that a folder needs. A stack with `envs/*.tfvars` is tested with them:
 * `<env>.tftest.hcl` with its own environment, every other file with the first one. An environment without a file of its
 * own runs the others, so that nothing that is applied goes untested.
 */
export function testCommands(folder: string): string[][] {
  const envs = join(folder, 'envs');
  const names = existsSync(envs)
    ? readdirSync(envs)
        .filter((file) => file.endsWith('.tfvars'))
        .sort()
    : [];
  if (names.length === 0) return [[]];
  const files = readdirSync(join(folder, TESTS))
    .filter((file) => file.endsWith('.tftest.hcl'))
    .sort();
  const own = new Set(
    names.map((name) => basename(name, '.tfvars')).filter((env) => files.includes(`${env}.tftest.hcl`)),
  );
  const shared = files.filter((file) => !own.has(file.replace('.tftest.hcl', '')));
  return names
    .map((name, i) => {
      const env = basename(name, '.tfvars');
      const chosen = [...(own.has(env) ? [`${env}.tftest.hcl`] : shared), ...(i === 0 && own.has(env) ? shared : [])];
      return [...chosen.map((file) => `-filter=${TESTS}/${file}`), `-var-file=envs/${name}`];
    })
    .filter((args) => args.length > 1);
}
