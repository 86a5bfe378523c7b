// fieldgate-fleet: a fleet of gateways, led through IoT Hub. See docs/fleet.md.
//
//   npm run -s fleet -- COMMAND PLAN [options]

import { systemClock } from './clock.ts';
import { run } from './commands.ts';
import { Trouble } from './trouble.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Once: a second one ends the process at once, which does no harm either.
  process.once(signal, () => stop.abort(new Trouble('interrupted', 'interrupted; the same command goes on')));
}
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: process.stdout,
  clock: systemClock,
  signal: stop.signal,
});
