// The fleet tool as a process that can be killed: commands.ts on the clock of the test that started it.

import { run } from '../../fleet/commands.ts';
import { fastClock } from './clock.ts';

const [origin, ...args] = process.argv.slice(2);
process.exitCode = await run(args, {
  env: process.env,
  out: process.stdout,
  clock: fastClock(Number(origin)),
  signal: new AbortController().signal,
});
