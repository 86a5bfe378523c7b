// The runtime of IoT Edge 1.6 around the gateway: edgeAgent, edgeHub with its routes and its store, the metrics
// collector.

import { METRICS_PORT } from './gateway.ts';
import {
  type EdgeHubDesired,
  type Module,
  type Route,
  type Settings,
  type SystemModule,
  settings,
} from './manifest.ts';

/** Images of IoT Edge (Azure/azure-iotedge product-versions.json, 2026-08-17); 1.6 is serviced until 2028-11-14. */
export const RUNTIME_IMAGES = {
  edgeAgent: 'azureiotedge-agent:1.6.1',
  edgeHub: 'azureiotedge-hub:1.6.1',
  metrics: 'azureiotedge-metrics-collector:1.3.1',
  apiProxy: 'azureiotedge-api-proxy:1.1.27',
} as const;

/** How the runtime speaks upstream. edgeHub 1.6.0 and 1.6.1 lose the CONNECT of MQTT clients, not upstream. */
export type UpstreamProtocol = 'Mqtt' | 'MqttWs' | 'Amqp' | 'AmqpWs';

export interface RuntimeOptions {
  /** Where the images of the runtime are pulled from: `mcr.microsoft.com`, or a registry with copies of them. */
  readonly registry: string;
  readonly upstream: UpstreamProtocol;
  /** Folder of the host for edgeHub's store; it belongs to 1000:1000, edgeHub's user. */
  readonly store: string;
  /** An HTTP proxy; it takes a protocol over WebSockets. */
  readonly proxy?: { readonly url: string; readonly except: string };
  /** A child of another gateway finds images and hub at its parent. */
  readonly nested?: 'child';
}

/** How long edgeHub keeps what it could not hand on: longer than any outage that the buffer's replay is asked for. */
export const TIME_TO_LIVE_S = 7 * 86_400;

const LOG = { Type: 'local', Config: { 'max-size': '20m', 'max-file': '5' } } as const;

export function runtimeImage(registry: string, image: string): string {
  return `${registry}/${image}`;
}

function environment({ upstream, proxy }: RuntimeOptions): Record<string, { readonly value: string }> {
  return {
    UpstreamProtocol: { value: upstream },
    ...(proxy !== undefined && { https_proxy: { value: proxy.url }, no_proxy: { value: proxy.except } }),
  };
}

export function edgeAgent(options: RuntimeOptions): SystemModule {
  return {
    type: 'docker',
    env: { ...environment(options), SendRuntimeQualityTelemetry: { value: 'false' } },
    settings: image(options, 'edgeAgent', { HostConfig: { LogConfig: LOG } }),
  };
}

export function edgeHub(options: RuntimeOptions): SystemModule {
  const store = '/iotedge/storage';
  return {
    type: 'docker',
    status: 'running',
    restartPolicy: 'always',
    startupOrder: 0,
    env: {
      ...environment(options),
      // Without a bound folder the store goes with the container.
      storageFolder: { value: store },
      // Caches for thousands of devices are not for a site gateway.
      OptimizeForPerformance: { value: 'false' },
    },
    settings: image(options, 'edgeHub', {
      HostConfig: {
        Binds: [`${options.store}:${store}`],
        LogConfig: LOG,
        // 8883 and 5671 for the gateway are inside the module network. 443 and 8883 of the host serve nobody but children.
        PortBindings: {},
      },
    }),
  };
}

/**
 * Routes of the gateway's lanes: what is live goes first, and a backlog beside it by priority (iotedge issue 2486: a
 * million old messages went before the new ones). Every message has a route: one without is acknowledged and dropped.
 */
export function routes(module: string): Record<string, Route> {
  const from = `FROM /messages/modules/${module}/outputs/*`;
  const timeToLiveSecs = TIME_TO_LIVE_S;
  return {
    [`${module}Live`]: { route: `${from} WHERE stream = 'live' INTO $upstream`, priority: 0, timeToLiveSecs },
    [`${module}Backfill`]: {
      route: `${from} WHERE stream != 'live' OR NOT IS_DEFINED(stream) INTO $upstream`,
      priority: 5,
      timeToLiveSecs,
    },
  };
}

export function hubDesired(all: Readonly<Record<string, Route>>): EdgeHubDesired {
  return {
    schemaVersion: '1.1',
    routes: all,
    // A manifest without it means 0: nothing is kept.
    storeAndForwardConfiguration: { timeToLiveSecs: TIME_TO_LIVE_S },
  };
}

/** Scrapes edgeHub, edgeAgent and the gateway, and sends the figures as messages of its own. */
export function metricsCollector(registry: string, version: string): Module {
  const ask = (module: string) => `http://${module}:${METRICS_PORT}/metrics`;
  return {
    version,
    type: 'docker',
    status: 'running',
    restartPolicy: 'always',
    startupOrder: 10,
    imagePullPolicy: 'on-create',
    env: {
      UploadTarget: { value: 'IoTMessage' },
      ScrapeFrequencyInSecs: { value: '300' },
      MetricsEndpointsCSV: { value: ['edgeHub', 'edgeAgent', 'fieldgate'].map(ask).join(',') },
    },
    settings: settings(runtimeImage(registry, RUNTIME_IMAGES.metrics), {
      HostConfig: { LogConfig: LOG, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'], Memory: 268_435_456 },
    }),
  };
}

function image({ registry, nested }: RuntimeOptions, name: 'edgeAgent' | 'edgeHub', options: object): Settings {
  // `$upstream` is the parent's API proxy (iotedge, nested tutorial).
  const from = nested === 'child' ? '$upstream:443' : registry;
  return settings(runtimeImage(from, RUNTIME_IMAGES[name]), options);
}
