// Programs that these tests need from the system. Where one is missing the tests say so loudly and are left out; in CI
// (CI=true) they fail, so that a green run means that everything was proven.

import { execFileSync } from 'node:child_process';

/** Whether `command` runs; `needed` says what it is for and how to get it. */
function available(command: readonly [string, ...string[]], needed: string): boolean {
  try {
    execFileSync(command[0], command.slice(1), { stdio: 'ignore' });
    return true;
  } catch (error) {
    return absent(`${command.join(' ')} does not run: ${needed}`, error);
  }
}

/** Says what is left out; always false. */
export function absent(reason: string, cause?: unknown): false {
  if (process.env.CI === 'true') throw new Error(reason, { cause });
  console.warn(`\n  NOT PROVEN HERE: ${reason}\n`);
  return false;
}

/** A run under strace, as a container may forbid it. */
export const strace = () =>
  available(['strace', '-o', '/dev/null', 'true'], 'syscalls cannot be recorded or failed; apt-get install strace');
