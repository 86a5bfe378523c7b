// The gateway as the edge agent would run it from a manifest: its environment and identity, its folders, and its restart
// policy; from the sources, or from an image's root file system under namespaces. What a manifest asks of the engine and
// a rehearsal cannot give (cgroup limits, seccomp) is said, not skipped in silence.

import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createOptionsOf, type Module } from '../build/manifest.ts';

const IN_IMAGE = fileURLToPath(new URL('../../../.ci/in-image', import.meta.url));
/** As edgeAgent waits before it starts a module again the first time. */
const RESTART_MS = 1_000;
const MAX_LOG = 200_000;

export interface ModulePlace {
  /** The agent's main file, for a rehearsal from the sources. */
  readonly main: string;
  /** Stands for `/`: holds `data`, `config` and `secrets`. */
  readonly folder: string;
  /** An image's root file system; absent: the sources run. */
  readonly root?: string;
  /** What the image declares, `NAME=VALUE`. */
  readonly imageEnvironment?: readonly string[];
  /** What the edge agent adds: the identity, and the way to the workload API. */
  readonly identity: Readonly<Record<string, string>>;
  /** Folders of the host that the module must see besides its own, at the same place. */
  readonly see: readonly string[];
}

export interface RunningModule {
  readonly starts: number;
  /** What it wrote to standard error, the newest 200 kB. */
  log(): string;
  pid(): number | undefined;
  kill(signal: NodeJS.Signals): void;
  /** As `docker stop`: SIGTERM, and SIGKILL after the manifest's StopTimeout. Resolves with the exit code. */
  stop(): Promise<number | string>;
}

/** Starts the module, and again whenever it ends by itself. */
export function startModule(module: Module, place: ModulePlace): RunningModule {
  const { image: _, ...pieces } = module.settings;
  const { StopTimeout = 10 } = createOptionsOf(pieces) as { StopTimeout?: number };
  const environment: Record<string, string> = {
    ...Object.fromEntries(Object.entries(module.env ?? {}).map(([name, { value }]) => [name, value])),
    ...place.identity,
  };
  let child: ChildProcess;
  let starts = 0;
  let stopping = false;
  let log = '';
  let ended: Promise<number | string>;

  function start(): void {
    starts++;
    child = place.root === undefined ? fromSources(place, environment) : fromImage(place, place.root, environment);
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk).slice(-MAX_LOG);
    });
    ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
    void ended.then(() => {
      if (!stopping) setTimeout(() => stopping || start(), RESTART_MS);
    });
  }
  start();

  return {
    get starts() {
      return starts;
    },
    log: () => log,
    pid: () => child.pid,
    kill: (signal) => void child.kill(signal),
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), StopTimeout * 1_000);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}

function fromSources({ folder, main }: ModulePlace, environment: Readonly<Record<string, string>>): ChildProcess {
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [main, 'run', '--config', join(folder, 'config/fieldgate.yaml')], {
    // The image's own: relative paths of a mapping begin at the root.
    cwd: folder,
    env: { PATH, HOME: join(folder, 'data'), MALLOC_ARENA_MAX: '2', FIELDGATE_HTTP: '127.0.0.1:0', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function fromImage(place: ModulePlace, root: string, environment: Readonly<Record<string, string>>): ChildProcess {
  const { folder, see, imageEnvironment = [] } = place;
  const binds = [`${join(folder, 'config')}:/config:ro`, ...see.map((each) => `${each}:${each}`)];
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return spawn(
    IN_IMAGE,
    [
      '--net=keep',
      ...binds.map((bind) => `--bind=${bind}`),
      root,
      join(folder, 'data'),
      ...imageEnvironment,
      ...pairs,
      'fieldgate',
      'run',
      '--config',
      '/config/fieldgate.yaml',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
}

/** The folder of a workload socket, which a container sees at the same place. */
export function socketFolder(uri: string): string {
  return dirname(new URL(uri).pathname);
}

/** What the manifest asks of the container engine and a rehearsal does not give. */
export function notRehearsed(module: Module, fromImage: boolean): string[] {
  const { image: _, ...pieces } = module.settings;
  const { HostConfig: host = {} } = createOptionsOf(pieces) as { HostConfig?: Record<string, unknown> };
  const cgroups = ['PidsLimit', 'Memory', 'Ulimits', 'PortBindings', 'LogConfig', 'Devices'];
  const namespaces = ['ReadonlyRootfs', 'CapDrop', 'SecurityOpt', 'Tmpfs'];
  return [...cgroups, ...(fromImage ? [] : namespaces)].filter((key) => host[key] !== undefined);
}
