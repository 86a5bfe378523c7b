// The checks of one folder: modules fetched, configuration valid, tests run against mocked providers. Nothing here
// decides by exit code alone: a suite that says "Success! 0 passed" has not been tested.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../cache.ts';
import { run } from './command.ts';
import { withTest } from './example.ts';
import type { Program } from './program.ts';
import { misplacedTests, type Target, TESTS, testCommands } from './targets.ts';

export interface Problem {
  /** Below cloud/terraform, with line where it is known. */
  readonly where: string;
  readonly what: string;
}

/** A resource as a test run planned or made it. */
export interface Instance {
  readonly address: string;
  readonly mode: 'managed' | 'data';
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface TestRun {
  readonly file: string;
  readonly name: string;
  readonly status: string;
  /** Whether it was applied; a plan leaves out what only an apply tells. */
  readonly applied: boolean;
  /** Empty when the run failed before there was a plan, or expects to. */
  readonly instances: readonly Instance[];
}

export interface Result {
  readonly target: Target;
  readonly problems: readonly Problem[];
  readonly runs: readonly TestRun[];
  readonly seconds: number;
}

interface Range {
  readonly filename: string;
  readonly start: { readonly line: number };
}

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail?: string;
  readonly address?: string;
  readonly range?: Range;
}

interface StateModule {
  readonly resources?: readonly Instance[];
  readonly child_modules?: readonly StateModule[];
}

interface Values {
  readonly root_module?: StateModule;
  readonly values?: { readonly root_module?: StateModule };
  readonly planned_values?: { readonly root_module?: StateModule };
}

interface Message {
  readonly type?: string;
  readonly '@testfile'?: string;
  readonly '@testrun'?: string;
  readonly diagnostic?: Diagnostic;
  readonly test_run?: { readonly path: string; readonly run: string; readonly status?: string };
  readonly test_state?: Values;
  readonly test_plan?: Values;
  readonly test_summary?: { readonly passed: number; readonly failed: number; readonly errored: number };
}

function problem(target: Target, { summary, detail, address, range }: Diagnostic, testRun?: string): Problem {
  const at = range === undefined ? target.name : join(target.name, `${range.filename}:${range.start.line}`);
  const whose = [testRun !== undefined && `run "${testRun}"`, address].filter(Boolean).join(', ');
  const text = detail === undefined || detail === '' ? summary : `${summary}\n    ${detail.replaceAll('\n', '\n    ')}`;
  return { where: at, what: whose === '' ? text : `${text}\n    (${whose})` };
}

function instancesIn(module: StateModule | undefined): Instance[] {
  if (module === undefined) return [];
  return [...(module.resources ?? []), ...(module.child_modules ?? []).flatMap(instancesIn)];
}

/** Terraform prints a state's modules at the top, OpenTofu below `values`. */
function rootOf(values: Values): StateModule | undefined {
  return values.root_module ?? values.values?.root_module ?? values.planned_values?.root_module;
}

/** Reads what `terraform test -json -verbose` prints. A line that is no JSON is a problem, never skipped. */
export function readTestOutput(target: Target, output: string): { runs: TestRun[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const runs = new Map<string, TestRun>();
  let summary: Message['test_summary'];
  for (const line of output.split('\n').filter((text) => text.trim() !== '')) {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      problems.push({ where: target.name, what: `unexpected output: ${line.slice(0, 300)}` });
      continue;
    }
    const key = `${message['@testfile']}\n${message['@testrun']}`;
    const values = message.test_state ?? message.test_plan;
    if (message.test_run?.status !== undefined) {
      const { path, run: name, status } = message.test_run;
      runs.set(key, { file: path, name, status, applied: false, instances: [] });
    } else if (values !== undefined) {
      const known = runs.get(key);
      const applied = message.test_state !== undefined;
      if (known !== undefined) runs.set(key, { ...known, applied, instances: instancesIn(rootOf(values)) });
    } else if (message.diagnostic?.severity === 'error') {
      problems.push(problem(target, message.diagnostic, message['@testrun']));
    } else if (message.test_summary !== undefined) {
      summary = message.test_summary;
    }
  }
  if (summary === undefined) problems.push({ where: target.name, what: 'the tests ended without a summary' });
  return { runs: [...runs.values()], problems };
}

/** The environment in which commands use the bench's providers, or the real ones when `reattach` is undefined. */
function environment(target: Target, reattach: string | undefined): NodeJS.ProcessEnv {
  const { TF_CLI_CONFIG_FILE: settings = '', TF_REATTACH_PROVIDERS: _, ...inherited } = process.env;
  return {
    ...inherited,
    // a person's own settings (a mirror, say) matter only where something is fetched
    ...(reattach === undefined && existsSync(settings) && { TF_CLI_CONFIG_FILE: settings }),
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
    // fetched modules and providers stay out of the work tree
    TF_DATA_DIR: cacheFolder('data', target.name.replaceAll('/', '+')),
    ...(reattach !== undefined && { TF_REATTACH_PROVIDERS: reattach, TF_SKIP_PROVIDER_VERIFY: '1' }),
    ...(reattach === undefined && { TF_PLUGIN_CACHE_DIR: cacheFolder('providers') }),
  };
}

/** Runs everything on one folder. Nothing is thrown for a finding; a program that cannot be started is. */
export async function check(program: Program, target: Target, reattach: string | undefined): Promise<Result> {
  const started = performance.now();
  const problems: Problem[] = [];
  const runs: TestRun[] = [];
  const env = environment(target, reattach);
  const command = (args: readonly string[], seconds: number) =>
    run(program.path, args, { cwd: target.folder, env, seconds });
  const done = (): Result => ({ target, problems, runs, seconds: (performance.now() - started) / 1000 });

  const hasTests = existsSync(join(target.folder, TESTS));
  const tests = hasTests ? [`-test-directory=${TESTS}`] : [];
  // with the bench's providers nothing is to be installed but the modules, which are folders of this repository
  const init = reattach === undefined ? ['init', '-backend=false', '-input=false', ...tests] : ['get', ...tests];
  const fetched = await command([...init, '-no-color'], reattach === undefined ? 600 : 60);
  if (fetched.code !== 0) {
    problems.push({ where: target.name, what: `${init[0]}: ${(fetched.stderr || fetched.stdout).trim()}` });
    return done();
  }

  const validated = await command(['validate', '-json', ...tests], 120);
  try {
    const { diagnostics } = JSON.parse(validated.stdout) as { diagnostics: Diagnostic[] };
    // a warning (a deprecated argument, for one) is a finding too: nobody reads them in a log
    problems.push(...diagnostics.map((diagnostic) => problem(target, diagnostic)));
  } catch {
    problems.push({ where: target.name, what: `validate: ${(validated.stderr || validated.stdout).trim()}` });
  }
  for (const file of misplacedTests(target.folder)) {
    problems.push({ where: join(target.name, file), what: `never runs here: move it to ${TESTS}` });
  }
  if (!hasTests && target.kind !== 'example') {
    problems.push({ where: target.name, what: `has no tests: write some in ${TESTS}` });
    return done();
  }
  if (problems.length > 0) return done();

  for (const chosen of hasTests ? testCommands(target.folder) : [[]]) {
    const test = () => command(['test', '-json', '-verbose', '-no-color', ...tests, ...chosen], 300);
    const tested = hasTests ? await test() : await withTest(target, test);
    const read = readTestOutput(target, tested.stdout);
    problems.push(...read.problems);
    runs.push(...read.runs);
    if (tested.code !== 0 && problems.length === 0) {
      problems.push({ where: target.name, what: `test: exit ${tested.code}: ${tested.stderr.trim()}` });
    }
  }
  if (runs.length === 0 && problems.length === 0) {
    problems.push({ where: target.name, what: `${TESTS} ran no test` });
  }
  for (const { file, name, status } of runs.filter(({ status }) => status !== 'pass')) {
    if (problems.length === 0) problems.push({ where: join(target.name, file), what: `run "${name}": ${status}` });
  }
  return done();
}
