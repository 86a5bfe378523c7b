// A writer as a child process: started, heard, killed at a moment that its seed decides.

import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url));
export const STORER = fileURLToPath(new URL('./storer.ts', import.meta.url));
export const READING = fileURLToPath(new URL('./reading.ts', import.meta.url));

export interface Ended {
  readonly output: string;
  readonly errors: string;
  readonly code: number | string | null;
}

/**
 * Runs a program of this folder to its end.
 * @param heard called with everything it has printed so far, whenever it prints; may kill it
 * @param under a program that runs it: strace and its arguments
 */
export function run(
  program: string,
  args: readonly string[],
  heard: (child: ChildProcess, output: string) => void = () => {},
  under: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const [command, ...rest] = [...under, process.execPath, program, ...args] as [string, ...string[]];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    heard(child, output);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  heard(child, '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ output, errors, code: signal ?? code }));
  });
}

/** The buffer's file, its WAL and its stamp as they are, in `folder`: what is read there changes nothing here. */
export function copyOf(path: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of [basename(path), `${basename(path)}-wal`, `${basename(path)}-head`]) {
    const from = join(dirname(path), name);
    if (existsSync(from)) copyFileSync(from, join(folder, name));
  }
  return join(folder, basename(path));
}
