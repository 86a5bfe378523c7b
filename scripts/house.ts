// The house's rules, checked: which room may import which, no import cycles, no file grown out of sight, no test
// switched off. Prints every violation as `file:line: what`, with how to mend it, and exits 1 when there is one.
//
//   npm run house
//
// Imports are found with regular expressions, not with a parser: the formatter puts every import at the start of its
// own line with a quoted literal, TypeScript 7 has no parser to call from here, and a text that matches without
// being an import costs a false alarm at worst, never a missed one. An import that is no literal is an error itself.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly mend: string;
}

const AGENT = 'agent/src/';
const EVERY_ROOM = ['adapters', 'adapters/*', 'buffer', 'conditioning', 'config', 'control', 'delivery', 'model'];
const EVERYTHING = [
  ...EVERY_ROOM,
  'audit',
  'cost',
  'doctor',
  'observe',
  'store',
  'gateway',
  'remote',
  'wiring',
  'version',
  'cli',
  'sim',
];

/**
 * Room → the rooms it may import. A room is a folder of agent/src; each protocol is a room of its own, so that
 * protocols do not know each other; `gateway` is the composition root. Outside of agent/src a folder of the top is
 * a room. Type imports count: who names another room's types knows that room. `types of X` allows `import type` alone.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  config: ['model'],
  audit: ['model'],
  cost: [],
  conditioning: ['model'],
  buffer: ['model'],
  // hub.type, url and the like are the mapping's types; secrets are read where they are used
  delivery: ['model', 'config'],
  adapters: ['model'],
  'adapters/*': ['model', 'config', 'adapters'],
  store: ['buffer', 'delivery', 'config', 'model'],
  control: ['model', 'config', 'delivery', 'observe', 'types of adapters'],
  // the shape of the status comes from those whose status it is; their code stays where it is
  observe: ['model', 'config', 'types of adapters', 'types of store', 'types of delivery'],
  version: ['package.json'],
  // one file for each protocol: from the mapping's words to the adapter's options
  wiring: ['adapters', 'adapters/*', 'config', 'model'],
  gateway: [...EVERY_ROOM, 'observe', 'store', 'version', 'wiring'],
  // asks every room's peers what the gateway would ask them; runs none of it
  doctor: ['adapters', 'config', 'delivery', 'model', 'observe', 'wiring'],
  // twin and direct methods, done with the gateway as a whole
  remote: [...EVERY_ROOM, 'observe', 'wiring', 'gateway'],
  cli: EVERYTHING,
  main: ['cli', 'model'],
  sim: ['model', 'config'],
  bench: [...EVERYTHING, 'main', 'scripts', 'test'],
  // the bench of the Terraform code stands alone: what it needs of the gateway comes through a test
  cloud: [],
  // deployments are checked with what the gateway takes
  deploy: ['control', 'delivery'],
  // the tool beside the gateway: it shares the words of the mapping's mistakes and the rules of deployments
  fleet: ['model', 'config', 'deploy'],
  test: [...EVERYTHING, 'main', 'bench', 'cloud', 'deploy', 'fleet', 'scripts', 'package.json'],
  // a rehearsal starts the agent as a process
  scripts: [...EVERYTHING, 'deploy', 'main'],
};

/** Files at the top of agent/src, and the room they make up. Any other file there belongs in a room. */
const TOP_FILES: Readonly<Record<string, string>> = {
  'main.ts': 'main',
  'version.ts': 'version',
  'gateway.ts': 'gateway',
  'wiring.ts': 'gateway',
  'sources.ts': 'gateway',
  'reload.ts': 'gateway',
};

/** Narrower than their room: the demo alone starts the simulators. */
const SIM_USERS = /^agent\/src\/cli\/demo(\.ts$|\/)/;

/** Libraries that belong to one room of the agent; nobody else there may load them. */
const LIBRARIES: readonly { readonly name: RegExp; readonly rooms: readonly string[]; readonly why: string }[] = [
  { name: /^better-sqlite3$/, rooms: ['buffer'], why: 'one connection owns the file: ask buffer/ for it' },
  { name: /^modbus-serial$/, rooms: [], why: 'a peer for tests; adapters/modbus/ has a client of its own' },
  { name: /^serialport$/, rooms: ['adapters/modbus'], why: 'serial ports belong to Modbus lines' },
  { name: /^node-opcua-server$|^aedes$/, rooms: [], why: 'servers belong to the simulators in sim/' },
];

/** A file is read in one sitting, or it is two files. */
const MAX_LINES = 400;

/** Longer all the same, and why. An entry that is no longer needed is a violation too. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'agent/src/buffer/buffer.ts':
    'numbering, lanes, what is owed and what is held change in one transaction, or not at all',
};

const FOLDERS = ['agent', 'sim', 'bench', 'cloud', 'deploy', 'fleet', 'test', 'scripts'];

const STATIC = /^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*(['"])([^'"\n]+)\1/gm;
const DYNAMIC = /\bimport\(\s*([^)\s,]+)/g;
// a worker is an import by another name
const WORKER = /\bnew URL\(\s*(['"])(\.[^'"\n]+\.(?:ts|mjs))\1\s*,\s*import\.meta\.url/g;
const SWITCHED_OFF = /^\s*(?:describe|it|test)(?:\.\w+)*\.(only|skip|todo)\b|^\s*(?:x|f)(?:describe|it)\(/gm;

interface Import {
  readonly line: number;
  readonly specifier: string;
  /** `lazy` is import(): it runs when everything is loaded, so it closes no cycle. */
  readonly kind: 'value' | 'type' | 'lazy';
}

/** Comments are blanked, line breaks kept, so that a quoted import in a comment is none and lines still count. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, ' ');
  return text.replace(/^[ \t]*\/\/.*$/gm, blank).replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank);
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  const add = (at: number, specifier: string, kind: Import['kind']) => {
    found.push({ line: code.slice(0, at).split('\n').length, specifier, kind });
  };
  for (const match of code.matchAll(STATIC)) {
    add(match.index, match[2]!, /^(?:import|export)\s+type\b/.test(match[0]) ? 'type' : 'value');
  }
  for (const match of code.matchAll(WORKER)) add(match.index, match[2]!, 'lazy');
  for (const match of code.matchAll(DYNAMIC)) {
    const literal = match[1]!.match(/^(['"])(.+)\1$/);
    add(match.index, literal ? literal[2]! : '', 'lazy');
  }
  return found.sort((a, b) => a.line - b.line);
}

/** The room of a file, as the table names it, or undefined for a file that is in none. */
function roomOf(file: string): string | undefined {
  if (file === 'package.json') return file;
  if (!file.startsWith(AGENT)) return FOLDERS.find((folder) => file.startsWith(`${folder}/`));
  const [first, second, third] = file.slice(AGENT.length).split('/');
  if (second === undefined) return TOP_FILES[first!];
  return first === 'adapters' && third !== undefined ? `adapters/${second}` : first;
}

function allowance(room: string): readonly string[] {
  return MAY_IMPORT[general(room)] ?? [];
}

function general(room: string): string {
  return room.replace(/^adapters\/.*/, 'adapters/*');
}

function mayImport(from: string, to: string, kind: Import['kind']): boolean {
  if (from === to) return true;
  const allowed = allowance(from);
  return allowed.includes(general(to)) || (kind === 'type' && allowed.includes(`types of ${general(to)}`));
}

function filesBelow(root: string, folder: string): string[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.includes('node_modules/'))
    .sort();
}

type Report = (line: number, what: string, mend: string) => void;

/** Everything that is wrong with the tree below `root`, in the order of files and lines. */
export function inspect(root: string, longFiles: Readonly<Record<string, string>> = LONG_FILES): Violation[] {
  const violations: Violation[] = [];
  const files = FOLDERS.flatMap((folder) => filesBelow(root, folder));
  const seen = new Set(files);
  const edges: Edge[] = [];

  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const report: Report = (line, what, mend) => violations.push({ file, line, what, mend });
    const room = roomOf(file);
    if (room === undefined || !(general(room) in MAY_IMPORT)) {
      report(1, `${file} is in no room`, 'put it into a folder of agent/src, or add the room to scripts/house.ts');
      continue;
    }
    for (const found of importsOf(text)) {
      const edge = checkImport(file, room, found, report);
      if (edge !== undefined && seen.has(edge.to)) edges.push(edge);
    }
    if (file.startsWith(AGENT)) checkLength(file, text.split('\n').length - 1, longFiles, report);
    if (file.endsWith('.test.ts')) checkSwitches(text, report);
  }

  for (const file of Object.keys(longFiles).filter((file) => !seen.has(file))) {
    violations.push({ file, line: 1, what: 'listed as long but gone', mend: 'remove it from LONG_FILES' });
  }
  return [...violations, ...cycles(edges), ...cycles(betweenFolders(edges))];
}

/** The same edges between folders of a room that stand side by side; a room and its own folders may know each other. */
function betweenFolders(edges: readonly Edge[]): Edge[] {
  return edges
    .filter(({ from, to }) => from.startsWith(AGENT) && roomOf(from) === roomOf(to))
    .map((edge) => ({ ...edge, from: posix.dirname(edge.from), to: posix.dirname(edge.to) }))
    .filter(({ from, to }) => !`${to}/`.startsWith(`${from}/`) && !`${from}/`.startsWith(`${to}/`));
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  readonly kind: Import['kind'];
}

/** Checks one import; gives back where it leads when that is a file of ours. */
function checkImport(from: string, room: string, { line, specifier, kind }: Import, report: Report): Edge | undefined {
  const inAgent = from.startsWith(AGENT);
  if (specifier === '') {
    if (inAgent) report(line, 'an import whose file only the running program knows', 'name the file in the import');
    return undefined;
  }
  if (!specifier.startsWith('.')) {
    if (inAgent) checkLibrary(room, specifier, line, report);
    return undefined;
  }
  const to = posix.normalize(posix.join(posix.dirname(from), specifier));
  const target = roomOf(to);
  if (target === undefined) return undefined;
  if (room === 'cli' && target === 'sim' && !SIM_USERS.test(from)) {
    report(line, 'only cli/demo may import sim', 'move what needs the simulators into cli/demo');
  } else if (!mayImport(room, target, kind)) {
    const may = allowance(room).length === 0 ? 'nothing of ours' : `only ${allowance(room).join(', ')}`;
    const mend = inAgent
      ? `pass what is needed in from gateway.ts, or move what both need of ${to} to model/`
      : `move what is needed of ${to} to where both may import it`;
    report(line, `${room} may not import ${target}`, `${room} imports ${may}: ${mend}`);
  }
  return { from, to, line, kind };
}

function checkLibrary(room: string, specifier: string, line: number, report: Report): void {
  const parts = specifier.startsWith('@') ? 2 : 1;
  const name = specifier.split('/').slice(0, parts).join('/');
  const rule = LIBRARIES.find((library) => library.name.test(name));
  if (rule && !rule.rooms.includes(room)) report(line, `${room} may not import ${name}`, rule.why);
}

function checkLength(file: string, lines: number, longFiles: Readonly<Record<string, string>>, report: Report): void {
  if (lines > MAX_LINES && longFiles[file] === undefined) {
    report(MAX_LINES + 1, `${lines} lines, more than ${MAX_LINES}`, 'split it, or list it with a reason in LONG_FILES');
  } else if (lines <= MAX_LINES && longFiles[file] !== undefined) {
    report(1, `listed as long but has ${lines} lines`, 'remove it from LONG_FILES');
  }
}

function checkSwitches(text: string, report: Report): void {
  for (const match of withoutComments(text).matchAll(SWITCHED_OFF)) {
    const line = text.slice(0, match.index + match[0].length).split('\n').length;
    report(line, `a test is switched off or singled out: ${match[0].trim()}`, 'let every test run, or remove it');
  }
}

/** Each way round in which files, or folders, import each other, once. */
function cycles(edges: readonly Edge[]): Violation[] {
  const from = Map.groupBy(
    edges.filter(({ kind }) => kind !== 'lazy'),
    (edge) => edge.from,
  );
  const found: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];

  const visit = (file: string): void => {
    path.push(file);
    for (const { to, line } of from.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        const way = [...path.slice(start), to].map((one) => posix.basename(one)).join(' → ');
        const mend = 'move what both need into a file of its own that imports neither';
        found.push({ file, line, what: `import cycle: ${way}`, mend });
      } else if (!done.has(to)) {
        visit(to);
      }
    }
    path.pop();
    done.add(file);
  };
  for (const file of from.keys()) if (!done.has(file)) visit(file);
  return found;
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const violations = inspect(root);
  for (const { file, line, what, mend } of violations) console.log(`${file}:${line}: ${what}\n    ${mend}`);
  const count = FOLDERS.map((folder) => filesBelow(root, folder).length).reduce((a, b) => a + b);
  console.log(violations.length === 0 ? `house: ${count} files, in order` : `house: ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
