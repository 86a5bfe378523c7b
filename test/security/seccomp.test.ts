// The whole gateway with its plant and its hub runs under a seccomp filter as a container engine sets one, stricter: a
// call that an engine would refuse ends the process. .ci/image runs the image under the same filter.

import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scratch } from '../support/scratch.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const program = join(scratch(), 'seccomp');

interface Ended {
  readonly code: number | string;
  readonly out: string;
}

function under(...command: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, FIELDGATE_HTTP: 'off' };
    const child = execFile(program, command, { env, cwd: ROOT }, (_, out, err) =>
      resolve({ code: child.signalCode ?? child.exitCode ?? -1, out: out + err }),
    );
  });
}

/** Whether the filter could be built; says so when not, and throws when CI=true. */
function built(): boolean {
  try {
    // No static linking here: not every machine has it, and only the image needs it.
    execFileSync('gcc', ['-O1', '-Wall', '-Werror', '-o', program, join(ROOT, 'test/security/seccomp.c')]);
    return true;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write('\nSKIPPED: no seccomp: Linux and gcc are needed\n\n');
    return false;
  }
}

const here = built();

it.skipIf(!here)('the filter ends who makes a namespace, mounts, or looks into others', async () => {
  expect(await under('true')).toMatchObject({ code: 0 });
  expect(await under('unshare', '--mount', 'true')).toMatchObject({ code: 'SIGSYS' });
  expect(await under('mount', '-t', 'tmpfs', 'none', scratch())).toMatchObject({ code: 'SIGSYS' });
  expect(await under('chroot', '/', 'true')).toMatchObject({ code: 'SIGSYS' });
});

it.skipIf(!here)('the gateway never asks for what is refused to a container', { timeout: 120_000 }, async () => {
  const { code, out } = await under(process.execPath, 'agent/src/main.ts', 'demo', '--tags', '200', '--for', '8s');
  expect(code, out).toBe(0);
  expect(out).toMatch(/^ *at the hub +[1-9]/m);
});
