// The gateway: the composition root. Readings go adapter → conditioning → store (buffer, forwarder, hub); control
// goes the other way, through here alone. It knows no protocol and no format, only who is connected to whom.

import { diffKeys, diffPlants, type PlantDiff } from './config/diff.ts';
import type { Plant } from './config/plant.ts';
import type { Mapping } from './config/schema.ts';
import type { Batch } from './model/batch.ts';
import type { Log } from './model/log.ts';
import { giveBackMemory, SETTLED } from './model/memory.ts';
import type { Tag } from './model/tag.ts';
import { listen } from './observe/http.ts';
import { metrics } from './observe/metrics.ts';
import type { GatewayStatus, MappingStatus } from './observe/status.ts';
import { supervised } from './sources.ts';
import { openStore, type Store } from './store/store.ts';
import { VERSION } from './version.ts';
import { wirer } from './wiring.ts';

/** A mapping that was checked and found clean. */
export interface Checked {
  readonly mapping: Mapping;
  readonly plant: Plant;
}

export interface GatewayOptions extends Checked {
  readonly log: Log;
  /** Where /metrics, /healthz, /readyz and /status listen; `off`: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | 'off';
  /** Sees every batch on its way to the store, after conditioning. Must be quick and must not keep the batch. */
  readonly tap?: (batch: Batch) => void;
  /** What /status says of the mapping's file. */
  readonly mappingStatus?: () => MappingStatus;
  /** Names of the direct methods that a desk will answer; default: none. */
  readonly methods?: readonly string[];
}

/** What a reload did. */
export interface Applied {
  readonly diff: PlantDiff;
  /** Keys that are read at the start only and differ from what runs: `hub.format`. */
  readonly restart: readonly string[];
}

export interface Gateway {
  status(): GatewayStatus;
  /**
   * Takes another mapping: what it changes is applied, nothing else is touched, the buffer and the hub never. One
   * after the other when asked twice. Does not reject for what a source does.
   */
  reload(next: Checked): Promise<Applied>;
  /** What is read now. */
  plant(): Plant;
  /** The page of /metrics. */
  metrics(): Promise<string>;
  replay: Store['replay'];
  limitDrain: Store['limitDrain'];
  /** Gives twin and direct methods of the hub to a desk, from now on. */
  control: Store['control'];
  /** All tags that there ever were since the start, by `Tag.index`. */
  readonly tags: readonly Tag[];
  /** Where the HTTP server listens, as host:port. */
  readonly address: string | undefined;
  /** Rejects when the gateway cannot do its work any more; the process should then end with an error. */
  readonly broken: Promise<never>;
  /** Stops the sources, commits, sends for at most `deadline` ms, closes. Resolves with the last status. Legal twice. */
  close(deadline?: number): Promise<GatewayStatus>;
}

const FLUSH_DEADLINE = 10_000;

/**
 * Starts everything; resolves when the buffer is open and the sources have been started, whether they are
 * reachable or not. Rejects with a Fault (buffer.*, http.port) when it cannot do its work at all.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { mapping, plant, log, http, tap, mappingStatus, methods = [] } = options;
  const { site, gateway } = plant;
  const numbering = wirer(plant, mapping.buffer.path);
  const store = await openStore({ site, gateway, buffer: mapping.buffer, hub: mapping.hub, methods }, log);
  const startedAt = Date.now();
  let phase: GatewayStatus['phase'] = 'starting';
  let closing: Promise<GatewayStatus> | undefined;
  let reloading: Promise<unknown> = Promise.resolve();

  const sources = supervised(plant.sources, {
    wirer: numbering,
    lastAlive: store.lastAlive,
    define: store.define,
    keep(batch) {
      tap?.(batch);
      store.append(batch);
    },
    log,
  });

  const status = (): GatewayStatus => ({
    version: VERSION,
    site,
    gateway,
    epoch: store.epoch,
    startedAt,
    phase,
    sources: sources.stats(),
    store: store.stats(),
    withheld: sources.withheld,
    waivers: sources.plant.flatMap(({ name, config }) =>
      'insecure' in config && config.insecure !== undefined ? [{ source: name, ...config.insecure }] : [],
    ),
    ...(mappingStatus && { mapping: mappingStatus() }),
  });

  async function apply(next: Checked): Promise<Applied> {
    const diff = diffPlants({ site, gateway, sources: sources.plant }, next.plant);
    if (phase !== 'stopping') await sources.change(diff);
    const fixed = (['hub', 'buffer'] as const).flatMap((part) =>
      diffKeys(mapping[part], next.mapping[part]).map(({ key }) => `${part}.${key}`),
    );
    return { diff, restart: [...diff.identity.map(({ key }) => key), ...fixed] };
  }

  const settled = setTimeout(giveBackMemory, SETTLED);

  async function close(deadline: number): Promise<GatewayStatus> {
    phase = 'stopping';
    clearTimeout(settled);
    await reloading;
    await sources.stop();
    await store.close(deadline);
    await server?.close();
    return status();
  }

  const page = metrics(status);
  let server: Awaited<ReturnType<typeof listen>> | undefined;
  let broken: string | undefined;
  store.broken.catch((error: Error) => {
    broken = error.message;
  });
  if (http !== 'off') {
    try {
      server = await listen({ ...http, status, metrics: page, healthy: () => broken ?? true });
    } catch (error) {
      clearTimeout(settled);
      await store.close(0);
      throw error;
    }
  }
  sources.start();
  phase = 'running';
  log('info', 'fieldgate runs', {
    version: VERSION,
    gateway,
    epoch: store.epoch,
    sources: plant.sources.length,
    tags: numbering.tags.length,
  });

  return {
    status,
    reload(next) {
      const applied = reloading.then(() => apply(next));
      reloading = applied.catch(() => {});
      return applied;
    },
    plant: () => ({ site, gateway, sources: sources.plant }),
    metrics: () => page.text(),
    replay: store.replay,
    limitDrain: store.limitDrain,
    control: store.control,
    tags: numbering.tags,
    address: server?.address,
    broken: store.broken,
    close: (deadline = FLUSH_DEADLINE) => {
      closing ??= close(deadline);
      return closing;
    },
  };
}
