// A simulator as a process of its own: it prints one JSON line when it is ready, then answers one JSON line per
// command. It ends when its standard input ends, so it cannot outlive the demo, however the demo ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Peer {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Sends a command, resolves with its answer. One at a time. */
  ask(command: object): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

const DEADLINE = 120_000;

/** Starts `node FILE ARGS`. Rejects when it ends, or says nothing for two minutes, before it is ready. */
export async function startPeer(file: string, args: readonly string[]): Promise<Peer> {
  // A process group of its own: Ctrl-C must reach the gateway first, which still needs its hub.
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const line = await withDeadline(lines.next(), file);
    if (line.done) throw new Error(`${file} ended early: ${complaints.trim() || 'it said nothing'}`);
    return JSON.parse(line.value) as Record<string, unknown>;
  };
  try {
    const ready = await next();
    return {
      pid: child.pid as number,
      ready,
      ask(command) {
        child.stdin.write(`${JSON.stringify(command)}\n`);
        return next();
      },
      close: () => close(child, ended),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function close(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

async function withDeadline<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} gave no answer in ${DEADLINE / 1_000} s`)), DEADLINE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
