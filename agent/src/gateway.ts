// The gateway: the composition root. Readings go adapter → conditioning → store (buffer, forwarder, hub); control
// goes the other way, through here alone. It knows no protocol and no format, only who is connected to whom.

import { supervisor } from './adapters/supervisor.ts';
import { conditioner } from './conditioning/conditioner.ts';
import type { Plant } from './config/plant.ts';
import type { Mapping } from './config/schema.ts';
import type { Batch } from './model/batch.ts';
import type { Log } from './model/log.ts';
import { giveBackMemory, SETTLED } from './model/memory.ts';
import type { Tag } from './model/tag.ts';
import { now } from './model/time.ts';
import { listen } from './observe/http.ts';
import { metrics } from './observe/metrics.ts';
import type { GatewayStatus } from './observe/status.ts';
import { openStore } from './store/store.ts';
import { VERSION } from './version.ts';
import { wire } from './wiring.ts';

export interface GatewayOptions {
  readonly mapping: Mapping;
  readonly plant: Plant;
  readonly log: Log;
  /** Where /metrics, /healthz, /readyz and /status listen; `off`: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | 'off';
  /** Sees every batch on its way to the store, after conditioning. Must be quick and must not keep the batch. */
  readonly tap?: (batch: Batch) => void;
}

export interface Gateway {
  status(): GatewayStatus;
  /** All tags, by `Tag.index`. */
  readonly tags: readonly Tag[];
  /** Where the HTTP server listens, as host:port. */
  readonly address: string | undefined;
  /** Rejects when the gateway cannot do its work any more; the process should then end with an error. */
  readonly broken: Promise<never>;
  /** Stops the sources, commits, sends for at most `deadline` ms, closes. Resolves with the last status. Legal twice. */
  close(deadline?: number): Promise<GatewayStatus>;
}

/** Held points and heartbeats are looked after this often, ms. */
const DUE_INTERVAL = 1_000;
const FLUSH_DEADLINE = 10_000;

/**
 * Starts everything; resolves when the buffer is open and the sources have been started, whether they are
 * reachable or not. Rejects with a Fault (buffer.*, http.port) when it cannot do its work at all.
 */
export async function startGateway({ mapping, plant, log, http, tap }: GatewayOptions): Promise<Gateway> {
  const { site, gateway } = plant;
  const { tags, rules, sources } = wire(plant, mapping.buffer.path);
  const conditioning = conditioner(rules);
  const store = await openStore({ site, gateway, buffer: mapping.buffer, hub: mapping.hub }, log);
  store.define(tags);
  const startedAt = Date.now();
  let phase: GatewayStatus['phase'] = 'starting';
  let closing: Promise<GatewayStatus> | undefined;

  function keep(batch: Batch | undefined): void {
    if (batch === undefined) return;
    tap?.(batch);
    store.append(batch);
  }

  const supervisors = sources.map((source) =>
    supervisor({
      source,
      ...(store.lastAlive !== null && { unknown: { since: store.lastAlive, reason: 'gateway-down' } }),
      accept: (batch) => keep(conditioning.apply(batch, now())),
      describe: (tag, facts) => conditioning.describe(tag, facts),
      lost: (lost) => keep(conditioning.forget(lost)),
      log,
    }),
  );

  const waivers = plant.sources.flatMap(({ name, config }) =>
    'insecure' in config && config.insecure !== undefined ? [{ source: name, ...config.insecure }] : [],
  );

  const status = (): GatewayStatus => ({
    version: VERSION,
    site,
    gateway,
    epoch: store.epoch,
    startedAt,
    phase,
    sources: supervisors.map((one) => one.stats()),
    store: store.stats(),
    withheld: conditioning.withheld,
    waivers,
  });

  const settled = setTimeout(giveBackMemory, SETTLED);
  const due = setInterval(() => keep(conditioning.due(now())), DUE_INTERVAL);

  async function close(deadline: number): Promise<GatewayStatus> {
    phase = 'stopping';
    clearInterval(due);
    clearTimeout(settled);
    await Promise.all(supervisors.map((one) => one.stop()));
    keep(conditioning.flush());
    await store.close(deadline);
    await server?.close();
    return status();
  }

  let server: Awaited<ReturnType<typeof listen>> | undefined;
  let broken: string | undefined;
  store.broken.catch((error: Error) => {
    broken = error.message;
  });
  if (http !== 'off') {
    try {
      server = await listen({ ...http, status, metrics: metrics(status), healthy: () => broken ?? true });
    } catch (error) {
      clearInterval(due);
      clearTimeout(settled);
      await store.close(0);
      throw error;
    }
  }
  for (const one of supervisors) one.start();
  phase = 'running';
  log('info', 'fieldgate runs', {
    version: VERSION,
    gateway,
    epoch: store.epoch,
    sources: sources.length,
    tags: tags.length,
  });

  return {
    status,
    tags,
    address: server?.address,
    broken: store.broken,
    close: (deadline = FLUSH_DEADLINE) => {
      closing ??= close(deadline);
      return closing;
    },
  };
}
