#!/usr/bin/env -S node --max-semi-space-size=8 --single-threaded-gc
// The process: arguments, exit codes, and what happens when something was thrown that nobody expected. Everything
// else is in cli/, one file per command. Readings die young, so the first line keeps the young generation small (8 MB
// save 90 MB against Node's default) and lets no helper threads collect it: waking them cost more than they helped, a
// sixth of all processor time at 10,000 tags (docs/benchmarks.md).

import { EXIT } from './cli/command.ts';
import { dispatch } from './cli/commands.ts';
import { describe } from './model/fault.ts';

/** One line, so that no log collector tears it apart; with the stack, which is what is asked for first. */
function defect(thrown: unknown, kind: string): never {
  const frames = thrown instanceof Error ? (thrown.stack?.match(/^ {4}at .*$/gm) ?? []) : [];
  const what = describe(thrown).replaceAll('\n', ' | ');
  process.stderr.write(
    `fieldgate: ${kind}, a defect of fieldgate itself: ${what} |${frames.join(' |').replaceAll('    ', ' ')}\n`,
  );
  process.exit(EXIT.defect);
}

process.on('uncaughtException', (thrown) => defect(thrown, 'uncaught exception'));
process.on('unhandledRejection', (thrown) => defect(thrown, 'unhandled rejection'));
// `fieldgate check FILE | head` closes our output early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.clean);
  throw error;
});

// The exit code is set, not forced, so that output still on its way to a pipe arrives.
process.exitCode = await dispatch(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  env: process.env,
});
