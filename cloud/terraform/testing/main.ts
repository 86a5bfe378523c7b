// Tests the whole configuration of the cloud side without a cloud: format, validity, and the tests of every module,
// example and stack with mocked providers.
//
//   npm run test:terraform                    everything below cloud/terraform
//   npm run test:terraform -- PATH…           the modules and stacks below these folders
//   npm run test:terraform -- --real [PATH…]  the same with the real providers, which init fetches: needs the network
//   npm run test:terraform -- --counts FILE   also writes `passed failed` to FILE, for CI

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, TERRAFORM } from './cache.ts';
import { estatesOf } from './policy/estate.ts';
import { judge } from './policy/judge.ts';
import { openBench } from './provider/bench.ts';
import { run } from './run/command.ts';
import { findProgram, NoProgram, type Program } from './run/program.ts';
import { counts, findings, table } from './run/report.ts';
import { check, type Result } from './run/suite.ts';
import { type Target, targetsBelow } from './run/targets.ts';
import { inspectLayout } from './static/layout.ts';

const PARALLEL = 2;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function formatProblems(program: Program, paths: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(program.path, ['fmt', '-check', '-recursive', ...paths], { seconds: 60 });
  if (code === 0) return [];
  const files = stdout.split('\n').filter((line) => line !== '');
  if (files.length === 0) return [`fmt: ${stderr.trim()}`];
  return files.map((file) => `${relative(ROOT, file)}: not formatted: run \`${program.path} fmt -recursive\``);
}

async function checkAll(program: Program, targets: readonly Target[], reattach: string | undefined): Promise<Result[]> {
  const waiting = [...targets.entries()];
  const results: Result[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, target] = next;
      const result = await check(program, target, reattach);
      results[index] = result;
      const done = results.filter(Boolean).length;
      const passed = result.runs.filter(({ status }) => status === 'pass').length;
      const state = result.problems.length === 0 ? 'ok' : 'FAILED';
      say(`[${done}/${targets.length}] ${target.name}: ${state}, ${passed} runs, ${result.seconds.toFixed(1)} s`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return results;
}

/** Stacks and examples against the policies. An exception that excuses nothing is found where everything was tested. */
function policies(results: readonly Result[], everything: boolean) {
  const estates = estatesOf(results);
  const { judgements, idle } = judge(estates);
  const failed = judgements.filter(({ violations }) => violations.length > 0);
  const lines = failed.flatMap(({ title, policy, violations }) =>
    violations.map(({ address, what }) => `${title}: policy ${policy}: ${address}: ${what}`),
  );
  const useless = everything && estates.some(({ kind }) => kind === 'stack') ? idle : [];
  for (const { policy, address } of useless) {
    lines.push(`policy/exceptions.ts: the exception from ${policy} for ${address} excuses nothing: remove it`);
  }
  return {
    lines,
    estates: estates.length,
    passed: judgements.length - failed.length,
    failed: failed.length + useless.length,
  };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { real: { type: 'boolean', default: false }, counts: { type: 'string' } },
  });
  const started = performance.now();
  const targets = targetsBelow(TERRAFORM, positionals);
  if (targets.length === 0) throw new Error('nothing to test: no folder with .tf files');
  const layout = (await Promise.all(targets.map(inspectLayout))).flat();
  if (layout.length > 0) say(`${layout.length} findings in layout, told below`);
  const program = await findProgram(say);
  const providers = values.real ? 'the real providers' : 'the providers of the bench';
  say(`${program.name} ${program.version} (${program.path}) with ${providers}: ${targets.length} folders`);

  const unformatted = await formatProblems(program, positionals.length > 0 ? positionals : [TERRAFORM]);
  const bench = values.real ? undefined : await openBench([TERRAFORM, ...targets.map(({ folder }) => folder)], say);
  let results: Result[];
  try {
    results = await checkAll(program, targets, bench?.reattach);
  } finally {
    bench?.close();
  }

  const { lines: verdicts, ...policy } = policies(results, positionals.length === 0);
  const rows = results.map(({ target, runs, seconds, problems }) => [
    target.name,
    runs.length,
    problems.length === 0 ? 'ok' : 'FAILED',
    seconds.toFixed(1),
  ]);
  say(`\n${table([['folder', 'runs', 'result', 'seconds'], ...rows])}`);
  say(`\n${policy.passed + policy.failed} policy checks on ${policy.estates} estates: ${policy.failed} failed`);
  const wrong = [...layout, ...unformatted, findings(results), ...verdicts].filter((text) => text !== '');
  if (wrong.length > 0) say(`\n${wrong.join('\n')}`);
  const { passed, failed } = counts(results);
  const untidy = new Set(layout.map((finding) => finding.split(':')[0])).size;
  const bad = failed + unformatted.length + policy.failed + untidy;
  const good = passed + (unformatted.length === 0 ? 1 : 0) + policy.passed + (layout.length === 0 ? 1 : 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const runs = results.reduce((sum, result) => sum + result.runs.length, 0);
  say(`\n${targets.length} folders, ${runs} runs in ${seconds} s`);
  say(`${good} passed, ${bad} failed`);
  if (values.counts !== undefined) writeFileSync(values.counts, `${good} ${bad}\n`);
  return bad === 0 && runs > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof NoProgram ? `NOT TESTED: ${error.message}` : `test:terraform: ${(error as Error).message}`);
  process.exitCode = 2;
}
