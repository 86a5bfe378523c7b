// A serial port for tests: socat makes a pseudo-terminal and carries its bytes to a TCP port of this machine, or to a
// second pseudo-terminal. Where socat is missing the tests are skipped, and say so loudly; in CI they fail.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

export interface SerialLine {
  /** The device to open. */
  readonly device: string;
  /** The other end of a pair. */
  readonly far: string;
  /** The adapter is pulled out: the devices are gone. */
  stop(): Promise<void>;
}

/** Whether there is socat; says so when not, and throws when CI=true. */
export function haveSocat(): boolean {
  try {
    execFileSync('socat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI === 'true') throw new Error('no serial lines: socat is needed', { cause: error });
    process.stderr.write('\nSKIPPED: no serial lines: socat is needed\n\n');
    return false;
  }
}

/** @param port where the bytes go; without one they go to `far` */
export async function serialLine(port?: number): Promise<SerialLine> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-tty-'));
  const device = join(folder, 'near');
  const far = join(folder, 'far');
  const pty = (link: string) => `pty,raw,echo=0,link=${link}`;
  const other = port === undefined ? pty(far) : `tcp:127.0.0.1:${port},nodelay`;
  const child = spawn('socat', [pty(device), other], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await until('a pseudo-terminal', () => gone() || (existsSync(device) && (port !== undefined || existsSync(far))));
  return { device, far, stop };
}
