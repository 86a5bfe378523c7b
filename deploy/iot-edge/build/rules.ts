// What must hold for every deployment, whoever wrote it: the service accepts much that loses data or opens a host. Pure:
// a document in, findings out, each with its place and how to mend it. `npm run manifests -- --check FILE` asks them.

import { z } from 'zod';
import { readDesired } from '../../../agent/src/control/desired.ts';
import type { JsonObject } from '../../../agent/src/delivery/control.ts';
import { createOptionsOf, pieceName } from './manifest.ts';
import { TIME_TO_LIVE_S } from './runtime.ts';
import type { Kind } from './variants.ts';

export interface Finding {
  /** Which rule: the table of docs/deployment.md has them by this name. */
  readonly rule: string;
  readonly at: string;
  readonly what: string;
}

const value = z.strictObject({ value: z.string() });
const pieces = z.object({ image: z.string().min(1) }).catchall(z.string());
const system = z.strictObject({
  type: z.literal('docker'),
  status: z.enum(['running', 'stopped']).optional(),
  restartPolicy: z.enum(['never', 'on-failure', 'on-unhealthy', 'always']).optional(),
  startupOrder: z.number().int().nonnegative().optional(),
  imagePullPolicy: z.enum(['on-create', 'never']).optional(),
  env: z.record(z.string(), value).optional(),
  settings: pieces,
});
const module = system.extend({ version: z.string().optional() });
const route = z.strictObject({
  route: z.string().regex(/^FROM \/\S+ (WHERE .+ )?INTO (\$upstream|BrokeredEndpoint\("\S+"\))$/),
  priority: z.number().int().min(0).max(9),
  timeToLiveSecs: z.number().int().positive(),
});
const manifestSchema = z.object({
  modulesContent: z
    .object({
      $edgeAgent: z.strictObject({
        'properties.desired': z.strictObject({
          schemaVersion: z.enum(['1.0', '1.1']),
          runtime: z.strictObject({ type: z.literal('docker'), settings: z.record(z.string(), z.unknown()) }),
          systemModules: z.strictObject({ edgeAgent: system, edgeHub: system }),
          modules: z.record(z.string(), module),
        }),
      }),
      $edgeHub: z.strictObject({
        'properties.desired': z.strictObject({
          schemaVersion: z.enum(['1.1', '1.2', '1.3']),
          routes: z.record(z.string(), route),
          storeAndForwardConfiguration: z.strictObject({ timeToLiveSecs: z.number().int() }),
        }),
      }),
    })
    .catchall(z.record(z.string(), z.unknown())),
});
const layerSchema = z.object({
  modulesContent: z
    .object({ $edgeAgent: z.record(z.string(), module), $edgeHub: z.record(z.string(), route).optional() })
    .catchall(z.record(z.string(), z.unknown())),
});

interface Placed {
  readonly at: string;
  readonly name: string;
  readonly module: z.output<typeof module>;
}

/** Longest a replay of the buffer reaches back by default (`buffer.keepDelivered`), with room: seconds. */
const REPLAY_S = 3_600;

/** Everything that is wrong with a document. @param gateway the module's name */
export function findings(document: unknown, kind: Kind, gateway = 'fieldgate'): Finding[] {
  const found: Finding[] = [];
  const add = (rule: string, at: string, what: string) => void found.push({ rule, at, what });
  const shape = (kind === 'manifest' ? manifestSchema : layerSchema).safeParse(document);
  for (const { path, message } of shape.error?.issues ?? []) add('shape', path.join('/'), message);
  if (!shape.success) return found;

  const content = (document as { modulesContent: Record<string, Record<string, unknown>> }).modulesContent;
  const modules = kind === 'manifest' ? ofManifest(content) : ofLayer(content, add);
  for (const one of modules) checkModule(one, gateway, add);
  const routes = routesOf(content, kind);
  if (modules.some(({ name }) => name === gateway)) checkRoutes(routes, gateway, add);
  for (const [name, { timeToLiveSecs }] of Object.entries(routes)) {
    if (name.startsWith(gateway) && timeToLiveSecs < REPLAY_S)
      add('ttl', `$edgeHub/routes/${name}`, `keeps messages ${timeToLiveSecs} s: less than a replay reaches back`);
  }
  if (kind === 'manifest') checkRuntime(content, add);
  checkTwin(content, gateway, add);
  checkSecrets(document, add);
  return found;
}

type Add = (rule: string, at: string, what: string) => void;
type Content = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Routes = Readonly<Record<string, z.output<typeof route>>>;

function ofManifest(content: Content): Placed[] {
  const { systemModules, modules } = content.$edgeAgent!['properties.desired'] as {
    systemModules: Record<string, Placed['module']>;
    modules: Record<string, Placed['module']>;
  };
  return [...Object.entries(systemModules), ...Object.entries(modules)].map(([name, each]) => ({
    at: `$edgeAgent/${name}`,
    name,
    module: each,
  }));
}

/** A layer names one thing a key; anything else would replace the base's whole branch. */
function ofLayer(content: Content, add: Add): Placed[] {
  const placed: Placed[] = [];
  for (const [key, each] of Object.entries(content.$edgeAgent!)) {
    const name = /^properties\.desired\.modules\.([A-Za-z0-9_-]+)$/.exec(key)?.[1];
    if (name === undefined) add('layer-path', `$edgeAgent/${key}`, 'is not properties.desired.modules.NAME');
    else placed.push({ at: `$edgeAgent/${key}`, name, module: each as Placed['module'] });
  }
  for (const key of Object.keys(content.$edgeHub ?? {})) {
    if (!/^properties\.desired\.routes\.[A-Za-z0-9_-]+$/.test(key))
      add('layer-path', `$edgeHub/${key}`, 'is not properties.desired.routes.NAME');
  }
  return placed;
}

function routesOf(content: Content, kind: Kind): Routes {
  if (kind === 'manifest') return (content.$edgeHub!['properties.desired'] as { routes: Routes }).routes;
  const prefix = 'properties.desired.routes.';
  const own = Object.entries(content.$edgeHub ?? {}).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, one]) => [key.slice(prefix.length), one])) as Routes;
}

function checkModule(
  { at, name, module: { settings, restartPolicy, status } }: Placed,
  gateway: string,
  add: Add,
): void {
  const { image, ...cut } = settings;
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  if (!/@sha256:[0-9a-f]{64}$/.test(image) && (tag === undefined || tag === 'latest'))
    add('image', at, `${image} names no version`);
  for (const [i, piece] of Object.keys(cut).entries()) {
    if (piece !== pieceName(i)) add('pieces', at, `${piece} stands where ${pieceName(i)} should`);
    else if (cut[piece]!.length > 512)
      add('pieces', at, `${piece} has ${cut[piece]!.length} characters, more than 512`);
  }
  let options: Record<string, unknown>;
  try {
    options = createOptionsOf(cut);
  } catch {
    add('pieces', at, 'createOptions is no JSON');
    return;
  }
  const host = (options.HostConfig ?? {}) as Record<string, unknown>;
  const log = host.LogConfig as { Config?: Record<string, string> } | undefined;
  if (log?.Config?.['max-size'] === undefined) add('log', at, 'its log grows without bound: LogConfig with max-size');
  if (host.Privileged === true) add('hardening', at, 'is privileged');
  if (name !== 'edgeAgent' && (restartPolicy !== 'always' || status !== 'running'))
    add('restart', at, 'is not started again whenever it ends: status running, restartPolicy always');
  if (name === gateway) checkGateway(at, options, host, add);
}

function checkGateway(at: string, options: Record<string, unknown>, host: Record<string, unknown>, add: Add): void {
  const list = (key: string) => (Array.isArray(host[key]) ? (host[key] as unknown[]).map(String) : []);
  const must = (holds: boolean, what: string) => {
    if (!holds) add('hardening', at, what);
  };
  must(
    /^[1-9]\d*:[1-9]\d*$/.test(String(options.User)),
    'runs as no numeric user and group, or as root: User "10001:10001"',
  );
  must(host.ReadonlyRootfs === true, 'may write to its root file system: ReadonlyRootfs');
  must(list('CapDrop').includes('ALL') && list('CapAdd').length === 0, 'keeps capabilities: CapDrop ["ALL"]');
  must(
    list('SecurityOpt').some((one) => one.startsWith('no-new-privileges')),
    'may gain privileges: no-new-privileges',
  );
  must(
    !list('SecurityOpt').some((one) => /^(seccomp|apparmor)[=:]unconfined/.test(one)),
    'runs without a seccomp profile',
  );
  must(Number(host.PidsLimit) > 0 && Number(host.PidsLimit) <= 512, 'may start any number of processes: PidsLimit');
  must(
    Number(host.Memory) > 0 && host.MemorySwap === host.Memory,
    'has no memory limit, or may swap: Memory and MemorySwap',
  );
  must(
    /noexec/.test((host.Tmpfs as Record<string, string> | undefined)?.['/tmp'] ?? ''),
    'has no /tmp, or one that runs programs: Tmpfs',
  );
  must(host.NetworkMode !== 'host' && host.PidMode !== 'host', "shares the host's network or processes");
  for (const bindings of Object.values((host.PortBindings ?? {}) as Record<string, { HostIp?: string }[]>)) {
    must(
      bindings.every(({ HostIp }) => HostIp === '127.0.0.1'),
      'answers on the network: HostIp "127.0.0.1"',
    );
  }
  const binds = list('Binds').map((bind) => bind.split(':'));
  if (!binds.some(([, to, mode]) => to === '/data' && mode !== 'ro'))
    add('data', at, 'has no volume at /data: the buffer would go with the container');
  if (!binds.some(([, to, mode]) => to === '/config' && mode === 'ro'))
    add('data', at, 'has no mapping at /config, or may write to it');
  if (binds.some(([from]) => from === '/' || from === '/var/run/docker.sock')) add('hardening', at, 'sees the host');
  if (Number(options.StopTimeout ?? 10) < 15)
    add('stop', at, 'has less than 15 s to commit and send at its end: StopTimeout');
}

/** Both lanes have a route, live before backlog; a message without one is acknowledged and dropped. */
function checkRoutes(routes: Routes, gateway: string, add: Add): void {
  const own = Object.entries(routes).filter(([, { route }]) => route.includes(`/messages/modules/${gateway}/`));
  const unconditional = own.filter(([, { route }]) => !route.includes(' WHERE '));
  const live = own.filter(([, { route }]) => route.includes("stream = 'live'"));
  const rest = own.filter(([, { route }]) => /stream != 'live' OR NOT IS_DEFINED\(stream\)/.test(route));
  if (unconditional.length === 0 && (live.length === 0 || rest.length === 0))
    add(
      'routes',
      '$edgeHub/routes',
      `messages of ${gateway} without a route are dropped: one for each lane is missing`,
    );
  for (const [name, one] of live) {
    if (rest.some(([, other]) => other.priority <= one.priority))
      add('routes', `$edgeHub/routes/${name}`, 'live readings have to wait for the backlog: a lower number goes first');
  }
}

function checkRuntime(content: Content, add: Add): void {
  const { systemModules } = content.$edgeAgent!['properties.desired'] as {
    systemModules: Record<'edgeAgent' | 'edgeHub', Placed['module']>;
  };
  const { storeAndForwardConfiguration } = content.$edgeHub!['properties.desired'] as {
    storeAndForwardConfiguration: { timeToLiveSecs: number };
  };
  if (storeAndForwardConfiguration.timeToLiveSecs < REPLAY_S)
    add('ttl', '$edgeHub', `keeps messages ${storeAndForwardConfiguration.timeToLiveSecs} s; write ${TIME_TO_LIVE_S}`);
  const { edgeAgent, edgeHub } = systemModules;
  if (edgeAgent.env?.UpstreamProtocol?.value !== edgeHub.env?.UpstreamProtocol?.value)
    add('upstream', '$edgeAgent', 'edgeAgent and edgeHub name different values of UpstreamProtocol');
  const proxied = edgeHub.env?.https_proxy !== undefined;
  if (proxied && !edgeHub.env?.UpstreamProtocol?.value.endsWith('Ws'))
    add('upstream', '$edgeAgent/edgeHub', 'a proxy takes WebSockets alone: AmqpWs or MqttWs');
  let options: { HostConfig?: { Binds?: string[] } };
  try {
    options = createOptionsOf(edgeHub.settings);
  } catch {
    return;
  }
  const folder = edgeHub.env?.storageFolder?.value;
  if (folder === undefined || options.HostConfig?.Binds?.some((bind) => bind.split(':')[1] === folder) !== true)
    add('store', '$edgeAgent/edgeHub', 'keeps its store in the container: storageFolder, and Binds to it');
}

/** Desired properties of the gateway are what the gateway takes. */
function checkTwin(content: Content, gateway: string, add: Add): void {
  const twin = content[gateway];
  if (twin === undefined) return;
  const desired: Record<string, unknown> = { ...(twin['properties.desired'] as object | undefined) };
  for (const [key, each] of Object.entries(twin)) {
    const name = /^properties\.desired\.(\w+)$/.exec(key)?.[1];
    if (name !== undefined) desired[name] = each;
    else if (key !== 'properties.desired') add('layer-path', `${gateway}/${key}`, 'is not properties.desired.NAME');
  }
  const read = readDesired(desired as JsonObject, new Date());
  if ('mistakes' in read) for (const mistake of read.mistakes) add('twin', gateway, mistake);
}

/** A manifest is read by everybody who may read twins. */
function checkSecrets(document: unknown, add: Add): void {
  const visit = (at: string, each: unknown): void => {
    if (typeof each === 'string') {
      if (/(SharedAccessKey|AccountKey|[?&]sig)=/i.test(each)) add('secret', at, 'holds a key or a signature');
    } else if (typeof each === 'object' && each !== null) {
      for (const [key, inner] of Object.entries(each)) {
        const here = at === '' ? key : `${at}/${key}`;
        if (/^(password|registryCredentials)$/i.test(key))
          add('secret', here, "registry logins belong to the host's config.toml, passwords into files");
        else visit(here, inner);
      }
    }
  };
  visit('', document);
}
