// The local hub in a child process, and what its parent may ask of it. For tests that kill a gateway or share no CPU
// with the hub.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface HubProcessOptions {
  readonly folder: string;
  readonly port?: number;
  readonly deviceId?: string;
  readonly moduleId?: string;
  readonly detail?: 'rows' | 'messages';
}

export interface HubProcess {
  readonly port: number;
  readonly pid: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly developmentEnvironment: Readonly<Record<string, string>>;
  readonly caFile: string;
  /** Calls what main.ts lists: `call('faults.down', 500)`, `call('summary')`. Rejects with the hub's own words. */
  call<T = unknown>(name: string, ...args: unknown[]): Promise<T>;
  /** Ends the process; legal twice. */
  close(): Promise<void>;
}

/** How long a start or a call may take, ms. */
const DEADLINE_MS = 20_000;

/** Starts `sim/hub/main.ts` with this process's Node; it ends with this process at the latest. */
export async function spawnHub(options: HubProcessOptions): Promise<HubProcess> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = Promise.withResolvers<Omit<HubProcess, 'call' | 'close'>>();
  let last = 0;

  createInterface({ input: child.stdout! }).on('line', (line) => {
    const told = JSON.parse(line);
    if (told.ready) return ready.resolve(told);
    const answer = waiting.get(told.id);
    waiting.delete(told.id);
    if (told.error === undefined) answer?.resolve(told.result);
    else answer?.reject(new Error(told.error));
  });
  void ended.then(() => {
    const error = new Error('the hub process has ended');
    ready.reject(error);
    for (const { reject } of waiting.values()) reject(error);
  });
  // Writing to a process that has just ended: its 'exit' tells whoever waits.
  child.stdin!.on('error', () => undefined);

  const about = await late(ready.promise, 'the hub did not start');
  return {
    ...about,
    call<T>(name: string, ...args: unknown[]) {
      last += 1;
      const id = last;
      const answer = new Promise<T>((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      });
      child.stdin!.write(`${JSON.stringify({ id, call: name, with: args })}\n`);
      return late(answer, `the hub did not answer ${name}`);
    },
    async close() {
      child.kill();
      await ended;
    },
  };
}

function late<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`${what} within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  promise.then(resolve, reject);
  return result.finally(() => clearTimeout(timer));
}
