// The gateway as a process, as on site: started by its command, stopped by signals.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../agent/src/main.ts', import.meta.url));

/** As in the first line of main.ts; AGENT_FLAGS tries others. */
const FLAGS = (process.env.AGENT_FLAGS ?? '--max-semi-space-size=8 --single-threaded-gc').split(' ');

export interface Agent {
  readonly pid: number;
  /** What it wrote to standard error so far. */
  stderr(): string;
  /** Sends a signal; resolves with the exit code, or the signal's name, when it has ended. */
  end(signal: NodeJS.Signals): Promise<number | string>;
  /** Resolves when it ended by itself. */
  readonly ended: Promise<number | string>;
}

/** Runs `fieldgate ARGS` with `env` added to the environment. @param main that of another release */
export function startAgent(args: readonly string[], env: NodeJS.ProcessEnv = {}, main = MAIN): Agent {
  const child: ChildProcess = spawn(process.execPath, [...FLAGS, main, ...args], {
    env: { MALLOC_ARENA_MAX: '2', ...process.env, FIELDGATE_HTTP: 'off', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk).slice(-200_000);
  });
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)),
  );
  return {
    pid: child.pid as number,
    stderr: () => text,
    ended,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
