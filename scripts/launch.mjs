// Starts fieldgate's commands on a machine that has only git and any Node: installs what package-lock.json
// asks for when node_modules is not current, then hands over to the Node that the lock file brings. Plain
// JavaScript on purpose: the host's Node may be too old to run the TypeScript sources.
//
//   node scripts/launch.mjs start [arguments]      the demo, or any command of fieldgate
//   node scripts/launch.mjs fieldgate [arguments]  any command of fieldgate
//   node scripts/launch.mjs run FILE [arguments]   a script or a tool's entry file

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 26;
/** As in the first line of agent/src/main.ts, which says why. */
const FLAGS = ['--max-semi-space-size=8', '--single-threaded-gc'];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.fieldgate-lock');

/**
 * Installs unless the installed packages are those of the lock file as it is now. `npm install --no-save` takes the
 * same versions from the lock file as `npm ci`, checks the same hashes and leaves the lock file alone, but does not
 * empty node_modules under a gateway that runs from it.
 */
function install() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('fieldgate: installing packages (once; about a minute)\n');
  const npm = process.env.npm_execpath;
  const command = npm ? [process.execPath, npm] : ['npm'];
  const flags = '--no-save --ignore-scripts --no-audit --no-fund --loglevel=error --include=dev --include=optional';
  const args = [...command.slice(1), 'install', ...flags.split(' ')];
  const result = spawnSync(command[0], args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    process.stderr.write('fieldgate: "npm install" failed; the lines above say why. Is the npm registry reachable?\n');
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** The Node that runs the sources: this one if it is new enough, else the one that came as a package. */
function node() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return process.execPath;
  const { platform, arch } = process;
  const program = platform === 'win32' ? 'node.exe' : 'node';
  const name = `${platform === 'win32' ? 'win' : platform}-${arch}`;
  for (const prefix of ['node-', 'node-bin-']) {
    const brought = join(modules, prefix + name, 'bin', program);
    if (existsSync(brought)) return brought;
  }
  process.stderr.write(
    `fieldgate: needs Node ${NEEDED_MAJOR}; this is ${process.version}, and no package brings one for ` +
      `${platform}-${arch}. Install Node ${NEEDED_MAJOR} and run the command again.\n`,
  );
  process.exit(1);
}

function commandLine([mode, ...rest]) {
  if (mode === 'run' && rest.length > 0) return rest;
  const main = [...FLAGS, join(root, 'agent/src/main.ts')];
  if (mode === 'fieldgate') return [...main, ...rest];
  if (mode === 'start')
    return rest.length === 0 || rest[0].startsWith('-') ? [...main, 'demo', ...rest] : [...main, ...rest];
  process.stderr.write(
    'usage: node scripts/launch.mjs start [arguments] | fieldgate [arguments] | run FILE [arguments]\n',
  );
  process.exit(2);
}

const args = commandLine(process.argv.slice(2));
install();
// One heap for small allocations instead of one per thread, as in the image.
const env = { MALLOC_ARENA_MAX: '2', ...process.env };
// Commands that messages tell a person to type are what works here.
if (process.argv[2] !== 'run') env.FIELDGATE_TYPED ??= 'npm run -s fieldgate --';
const child = spawn(node(), args, { stdio: 'inherit', env });
// Ctrl-C reaches the child from the terminal itself; a signal sent to this process alone is handed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('exit', (code, signal) => {
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
});
