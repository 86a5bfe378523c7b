// The deployments that are committed: a base with layers for a fleet, and whole deployments for one gateway in each kind of
// surroundings. The names of registry, folders and proxy are examples; `npm run manifests -- --set` puts in others.

import { gatewayEnvironment, gatewayOptions } from './gateway.ts';
import { type Layer, type Manifest, type Module, settings } from './manifest.ts';
import {
  edgeAgent,
  edgeHub,
  hubDesired,
  metricsCollector,
  RUNTIME_IMAGES,
  type RuntimeOptions,
  routes,
  runtimeImage,
} from './runtime.ts';

/** What differs from site to site. */
export interface Site {
  /** Registry of the gateway's image. */
  readonly registry: string;
  /** Release of the gateway. */
  readonly version: string;
  /** Registry of the runtime's images. */
  readonly runtimeRegistry: string;
  readonly data: string;
  readonly config: string;
  readonly secrets: string;
  readonly edgeHubStore: string;
  readonly proxy: string;
  readonly proxyExcept: string;
  readonly serialDevice: string;
  readonly serialGroup: string;
}

export const EXAMPLE: Omit<Site, 'version'> = {
  registry: 'registry.example',
  runtimeRegistry: 'mcr.microsoft.com',
  data: '/srv/fieldgate/data',
  config: '/etc/fieldgate',
  secrets: '/etc/fieldgate-secrets',
  edgeHubStore: '/srv/iotedge/edgehub',
  proxy: 'http://proxy.example:3128',
  proxyExcept: 'localhost,127.0.0.1,edgeHub,fieldgate',
  serialDevice: '/dev/ttyUSB0',
  serialGroup: '20',
};

/** The module's name: part of its identity, of the routes, and of what the metrics are labelled with. */
const MODULE = 'fieldgate';

export type Kind = 'manifest' | 'layer';

export interface Variant {
  readonly file: string;
  readonly kind: Kind;
  /** One line for the table of docs. */
  readonly about: string;
  readonly content: Manifest | Layer;
}

function gateway(site: Site, serial = false): Module {
  const image = `${site.registry}/fieldgate:${site.version}`;
  const options = gatewayOptions({
    data: site.data,
    config: site.config,
    secrets: site.secrets,
    ...(serial && { serial: { devices: [site.serialDevice], group: site.serialGroup } }),
  });
  return {
    version: site.version,
    type: 'docker',
    status: 'running',
    restartPolicy: 'always',
    // After edgeHub, which is there first.
    startupOrder: 5,
    imagePullPolicy: 'on-create',
    env: Object.fromEntries(Object.entries(gatewayEnvironment(image)).map(([name, value]) => [name, { value }])),
    settings: settings(image, options),
  };
}

function manifest(runtime: RuntimeOptions, modules: Readonly<Record<string, Module>>): Manifest {
  return {
    modulesContent: {
      $edgeAgent: {
        'properties.desired': {
          schemaVersion: '1.1',
          runtime: { type: 'docker', settings: {} },
          systemModules: { edgeAgent: edgeAgent(runtime), edgeHub: edgeHub(runtime) },
          modules,
        },
      },
      $edgeHub: { 'properties.desired': hubDesired(MODULE in modules ? routes(MODULE) : {}) },
      ...(MODULE in modules && { [MODULE]: { 'properties.desired': {} } }),
    },
  };
}

/** Everything that is committed, made for a site. */
export function variants(site: Site): Variant[] {
  const plain: RuntimeOptions = { registry: site.runtimeRegistry, upstream: 'Amqp', store: site.edgeHubStore };
  const both = (serial = false) => ({ [MODULE]: gateway(site, serial) });
  const whole = (
    name: string,
    about: string,
    runtime: RuntimeOptions,
    modules: Readonly<Record<string, Module>> = both(),
  ): Variant => ({
    file: `single/${name}.json`,
    kind: 'manifest',
    about,
    content: manifest(runtime, modules),
  });
  const layer = (name: string, about: string, content: Layer['modulesContent']): Variant => ({
    file: `${name}.json`,
    kind: 'layer',
    about,
    content: { modulesContent: content },
  });
  return [
    {
      file: 'base.json',
      kind: 'manifest',
      about: 'fleet: the runtime alone, under the layers',
      content: manifest(plain, {}),
    },
    layer('layer-fieldgate', 'fleet: the gateway and its routes', {
      $edgeAgent: { [`properties.desired.modules.${MODULE}`]: gateway(site) },
      $edgeHub: Object.fromEntries(
        Object.entries(routes(MODULE)).map(([name, route]) => [`properties.desired.routes.${name}`, route]),
      ),
    }),
    layer('layer-metrics', 'fleet: the metrics collector', {
      $edgeAgent: { 'properties.desired.modules.metricsCollector': metricsCollector(site.runtimeRegistry, '1.3.1') },
      $edgeHub: {
        'properties.desired.routes.metricsCollector': {
          route: 'FROM /messages/modules/metricsCollector/* INTO $upstream',
          priority: 9,
          timeToLiveSecs: 3_600,
        },
      },
    }),
    layer('layer-site', "fleet: a site's own settings, as desired properties of the gateway", {
      $edgeAgent: {},
      [MODULE]: { 'properties.desired.drainLimit': 20, 'properties.desired.logLevel': 'info' },
    }),
    whole('plain', 'one gateway, AMQP upstream', plain),
    whole('mqtt', 'one gateway, MQTT upstream', { ...plain, upstream: 'Mqtt' }),
    whole('proxy', 'one gateway behind an HTTP proxy: AMQP over WebSockets', {
      ...plain,
      upstream: 'AmqpWs',
      proxy: { url: site.proxy, except: site.proxyExcept },
    }),
    whole('serial', 'one gateway with a serial line for Modbus RTU', plain, both(true)),
    // Port 443 of the parent is the only one that its API proxy answers on.
    whole(
      'nested-child',
      'one gateway below another, which is its only way out',
      { ...plain, upstream: 'AmqpWs', nested: 'child' },
      {
        [MODULE]: gateway({ ...site, registry: '$upstream:443' }),
      },
    ),
    whole('nested-parent', 'the gateway above: it hands on images and messages of its children', plain, {
      ...both(),
      apiProxy: apiProxy(site),
    }),
  ];
}

/** What children of a gateway ask for images and hub: port 443 of the host. */
function apiProxy(site: Site): Module {
  return {
    version: '1.1.27',
    type: 'docker',
    status: 'running',
    restartPolicy: 'always',
    startupOrder: 1,
    imagePullPolicy: 'on-create',
    env: {
      NGINX_DEFAULT_PORT: { value: '443' },
      DOCKER_REQUEST_ROUTE_ADDRESS: { value: `${site.registry}:443` },
    },
    settings: settings(runtimeImage(site.runtimeRegistry, RUNTIME_IMAGES.apiProxy), {
      HostConfig: {
        PortBindings: { '443/tcp': [{ HostPort: '443' }] },
        LogConfig: { Type: 'local', Config: { 'max-size': '20m', 'max-file': '5' } },
      },
    }),
  };
}
