// A pseudo-terminal for commands, as a person has one in front of them: the program sees a terminal of the size asked
// for, and what it writes comes back as it was written, escape codes and all. Python's pty module makes it; `screen`
// plays the codes back and gives what would stand there.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../agent/src/main.ts', import.meta.url));

/** Forks the program into a terminal of its own, copies what it writes, hands on its exit code. */
const PTY = `
import fcntl, os, pty, signal, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 50, columns, 0, 0))
    os.execv(command[0], command)
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

export interface Seen {
  readonly code: number | null;
  /** As it was written. */
  readonly raw: string;
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with everything so far whenever more comes; true asks the program to end (SIGTERM). */
  readonly enough?: (raw: string) => boolean;
}

/** Runs `fieldgate ARGS` at a terminal. */
export function atTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<Seen> {
  const { columns = 80, cwd, env = {}, enough } = options;
  const { NO_COLOR: _, ...inherited } = process.env;
  const child = spawn('python3', ['-c', PTY, String(columns), process.execPath, MAIN, ...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...inherited, TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let raw = '';
  let asked = false;
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    raw += more;
    if (asked || enough?.(raw) !== true) return;
    asked = true;
    child.kill('SIGTERM');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, raw }));
  });
}

/** An escape sequence, or one character. */
const ESC = '\u001b';
const PARTS = new RegExp(`${ESC}\\[[0-9;]*[A-Za-z]|[\\s\\S]`, 'gu');

/** What stands on a terminal after `raw`: carriage returns, moves up, erasures played back; colours taken away. */
export function screen(raw: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  for (const [part] of raw.matchAll(PARTS)) {
    const line = lines[row] ?? '';
    if (part === '\n') {
      row++;
      if (row === lines.length) lines.push('');
    } else if (part === '\r') column = 0;
    else if (part.length > 2 && part.startsWith(ESC)) {
      if (part.endsWith('A')) row = Math.max(0, row - Number(part.slice(2, -1) || 1));
      else if (part.endsWith('K')) lines[row] = line.slice(0, column);
      else if (part.endsWith('J')) {
        lines[row] = line.slice(0, column);
        lines.length = row + 1;
      }
    } else {
      lines[row] = line.slice(0, column).padEnd(column) + part + line.slice(column + 1);
      column++;
    }
  }
  return lines.map((line) => line.trimEnd());
}
