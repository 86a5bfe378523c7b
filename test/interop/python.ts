// Independent peers written in Python: a virtual environment under .venv/ with the pinned packages of
// requirements.txt, made once and used by every interop test. Where Python is missing the tests are skipped, and
// say so loudly; in CI (CI=true) they fail, so that a green run means that the peers were there.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
/**
 * The interpreter of an environment with these pinned packages, or `undefined` where none can be made (then
 * "SKIPPED: …" is printed). Takes about half a minute the first time. Rejects instead of skipping when CI=true.
 */
export async function interopPython(requirements = 'requirements.txt'): Promise<string | undefined> {
  const list = join(import.meta.dirname, requirements);
  // The folder's name follows the pins: another version of a peer is another environment.
  const pins = createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 12);
  const folder = join(ROOT, '.venv', `interop-${pins}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  // Made aside and renamed, because test files run at the same time and may both come here.
  const building = join(ROOT, '.venv', `building-${randomUUID()}`);
  try {
    mkdirSync(join(ROOT, '.venv'), { recursive: true });
    await execute('python3', ['-m', 'venv', building]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', list];
    await execute(join(building, 'bin', 'python'), pip);
    if (!existsSync(python)) renameSync(building, folder);
    return python;
  } catch (error) {
    if (existsSync(python)) return python;
    const reason = `no Python peers (python3 with venv and ${list} are needed)`;
    if (process.env.CI === 'true') throw new Error(reason, { cause: error });
    process.stderr.write(`\nSKIPPED: ${reason}: ${error instanceof Error ? error.message : error}\n\n`);
    return undefined;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** A running peer. */
export interface Peer {
  /** What the script said of itself in its first line of standard output, which is a JSON object. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly process: ChildProcess;
  /** The next line that the script prints; rejects when it has ended. */
  line(): Promise<string>;
  /** Writes one line to its standard input. */
  tell(line: string): void;
  stop(): Promise<void>;
}

/** Starts `test/interop/<script>` and waits for its first line. */
export function startPeer(
  python: string,
  script: string,
  args: readonly string[] = [],
  deadline?: number,
): Promise<Peer> {
  return startProgram(python, ['-u', join(import.meta.dirname, script), ...args], script, deadline);
}

/**
 * Starts a program and waits for its first line.
 * @param deadline in ms; after it, or when the program ends before it is ready, rejects with what it wrote to stderr
 */
export async function startProgram(
  path: string,
  args: readonly string[],
  script: string,
  deadline = 30_000,
): Promise<Peer> {
  const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-8_000);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done) throw new Error(`${script} has ended: ${errors}`);
    return next.value;
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const timer = setTimeout(() => child.kill('SIGKILL'), deadline);
  try {
    const ready = JSON.parse(await line()) as Record<string, unknown>;
    return { ready, process: child, line, tell: (text) => child.stdin.write(`${text}\n`), stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
