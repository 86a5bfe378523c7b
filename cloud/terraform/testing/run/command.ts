// Runs one program to its end, with a deadline, and hands back what it printed.

import { spawn } from 'node:child_process';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After so many seconds the program is ended, and the outcome says so. */
  readonly seconds: number;
}

export function run(program: string, args: readonly string[], { cwd, env, seconds }: Options): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      ...(env !== undefined && { env }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(deadline);
      const stderr = Buffer.concat(err).toString();
      resolve({
        code: late ? 124 : (code ?? 1),
        stdout: Buffer.concat(out).toString(),
        stderr: late ? `${stderr}\nended after ${seconds} s without an end of its own` : stderr,
      });
    });
  });
}
