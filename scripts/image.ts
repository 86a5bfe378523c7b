// Makes the parts of the production image, in the Dockerfile's build stage: takes out of node_modules what the agent
// never loads, and puts together a root file system that holds Node, the libraries it is linked to, and nothing else:
// no shell, no package manager. Prints what every step saves or copies.
//
//   node scripts/image.ts strip NODE_MODULES       node scripts/image.ts root FOLDER NODE_MODULES

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

interface Strip {
  readonly what: string;
  /** @param path of a file, from node_modules on, such as `zod/src/index.ts` */
  readonly matches: (path: string) => boolean;
}

const here = `${process.platform}-${process.arch}`;

/** The first rule that matches a file takes it. Licences always stay: their texts ask to be passed on. */
const STRIPS: readonly Strip[] = [
  {
    what: 'better-sqlite3: prebuilt binaries of other platforms',
    matches: (path) => path.startsWith('better-sqlite3/prebuilds/') && basename(path) !== `${here}.node`,
  },
  {
    what: "better-sqlite3: SQLite's sources",
    matches: (path) => /^better-sqlite3\/(deps|src|binding\.gyp)/.test(path),
  },
  {
    what: 'serialport: prebuilt binaries of other platforms, sources',
    matches: (path) =>
      /^@serialport\/bindings-cpp\/(src\/|binding\.gyp)/.test(path) ||
      (path.startsWith('@serialport/bindings-cpp/prebuilds/') &&
        !(path.includes(`/${here}/`) && path.endsWith('.glibc.node'))),
  },
  {
    // the simulated refinery serves the standard address space, the agent loads no nodeset at all
    what: 'node-opcua-nodesets: all but the standard one',
    matches: (path) => path.startsWith('node-opcua-nodesets/nodesets/') && !/\/Opc\.Ua\.NodeSet2\./.test(path),
  },
  { what: '@types', matches: (path) => /(^|\/)@types\//.test(path) },
  { what: 'source maps', matches: (path) => path.endsWith('.map') },
  // Node does not run TypeScript below node_modules, so these can only be read by people and compilers
  { what: 'declarations and TypeScript sources', matches: (path) => /\.[cm]?tsx?$|\.tsbuildinfo$/.test(path) },
  {
    what: 'tests, examples and documents at the top of a package',
    matches: (path) =>
      /^(test|tests|__tests__|examples?|docs?|benchmarks?|coverage|\.github)\//.test(insidePackage(path)),
  },
  {
    what: 'builds for browsers',
    matches: (path) =>
      /^(dist\/)?(browser|esm-browser|react-native|umd)\//.test(insidePackage(path)) ||
      /\.min\.js$|^rhea\/dist\//.test(path),
  },
  { what: 'prose', matches: (path) => /\.(md|markdown|txt)$/i.test(path) },
];

const LICENCE = /^(licen[cs]e|copying|notice)/i;

/** `@scope/name/lib/x.js` → `lib/x.js`, also below a nested node_modules. */
function insidePackage(path: string): string {
  const own = path.split('/node_modules/').at(-1)!;
  return own
    .split('/')
    .slice(own.startsWith('@') ? 2 : 1)
    .join('/');
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1).padStart(7)} MB`;
}

/** Removes what the rules name; says what each of them saves. */
function strip(folder: string): void {
  const saved = new Map(STRIPS.map(({ what }) => [what, 0]));
  let kept = 0;
  for (const path of filesBelow(folder)) {
    const { size } = statSync(join(folder, path));
    const rule = LICENCE.test(basename(path)) ? undefined : STRIPS.find(({ matches }) => matches(path));
    if (rule === undefined) {
      kept += size;
    } else {
      saved.set(rule.what, saved.get(rule.what)! + size);
      rmSync(join(folder, path));
    }
  }
  removeEmptyFolders(folder);
  for (const [what, bytes] of saved) console.log(`${megabytes(bytes)} saved: ${what}`);
  console.log(`${megabytes(kept)} left in ${folder}`);
}

function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

/** The libraries that a program or a native module is linked to, as paths. */
function librariesOf(file: string): string[] {
  const lines = execFileSync('ldd', [file], { encoding: 'utf8' }).split('\n');
  const missing = lines.find((line) => line.includes('not found'));
  if (missing) throw new Error(`${file} needs ${missing.trim()}`);
  return lines.flatMap((line) => line.match(/(\/\S+) \(0x/)?.[1] ?? []);
}

/** The number that the image runs as; 10001 is nobody's on a host, where the data volume's files show it. */
const USER = 10001;

const ETC: Readonly<Record<string, string>> = {
  // without a line for its number, os.userInfo() of the running process throws
  passwd: `root:x:0:0:root:/root:/sbin/nologin\nfieldgate:x:${USER}:${USER}:fieldgate:/data:/sbin/nologin\n`,
  group: `root:x:0:\nfieldgate:x:${USER}:\n`,
  // engines put their own over it; without any, localhost is asked of a name server
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Node, `env` (main.ts begins with `#!/usr/bin/env node`), their libraries, the accounts, host names, /tmp. */
function root(folder: string, modules: string): void {
  for (const name of ['usr/bin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'etc', 'var/lib/dpkg/status.d', 'tmp']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name));
  chmodSync(join(folder, 'tmp'), 0o1777);

  const programs = [process.execPath, '/usr/bin/env'];
  const natives = filesBelow(modules).filter((path) => path.endsWith('.node'));
  const libraries = new Set([...programs, ...natives.map((path) => join(modules, path))].flatMap(librariesOf));
  const copied = [...programs, ...[...libraries].map((path) => path.replace(/^\/lib/, '/usr/lib'))];
  for (const path of copied) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(path, join(folder, path));
    console.log(`${megabytes(statSync(path).size)} ${path}`);
  }
  for (const [name, text] of Object.entries(ETC)) writeFileSync(join(folder, 'etc', name), text);
  copyFileSync('/etc/os-release', join(folder, 'etc/os-release'));
  nameThePackages(folder, copied);
  symlinkSync('/app/agent/src/main.ts', join(folder, 'usr/local/bin/fieldgate'));
}

/** Tells vulnerability scanners which Debian packages the copied files are of. */
function nameThePackages(folder: string, files: readonly string[]): void {
  for (const file of files) {
    const owner = [file, file.replace(/^\/usr/, ''), realpathOf(file)]
      .map(packageOf)
      .find((name) => name !== undefined);
    if (owner === undefined) continue;
    const status = execFileSync('dpkg-query', ['--status', owner], { encoding: 'utf8' });
    writeFileSync(join(folder, 'var/lib/dpkg/status.d', owner.replace(/:.*/, '')), status);
  }
}

function realpathOf(file: string): string {
  return execFileSync('readlink', ['-f', file], { encoding: 'utf8' }).trim();
}

function packageOf(file: string): string | undefined {
  const list = '/var/lib/dpkg/info';
  if (!existsSync(list)) return undefined;
  const owner = readdirSync(list).find(
    (name) => name.endsWith('.list') && readFileSync(join(list, name), 'utf8').split('\n').includes(file),
  );
  return owner?.replace(/\.list$/, '');
}

const [what, ...folders] = process.argv.slice(2);
if (what === 'strip' && folders.length === 1) strip(folders[0]!);
else if (what === 'root' && folders.length === 2) root(folders[0]!, folders[1]!);
else {
  console.error('usage: node scripts/image.ts strip NODE_MODULES | root FOLDER NODE_MODULES');
  process.exitCode = 2;
}
