// A local service and a plan for it, on a clock that runs 1000 times as fast: an hour of roll-out is 3.6 s. Limits of
// service and tool count by the same clock, so they are as tight as in earnest.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Calls } from '../../fleet/calls.ts';
import type { Clock } from '../../fleet/clock.ts';
import { run, type Surroundings } from '../../fleet/commands.ts';
import { HUB_SCOPE } from '../../fleet/connection.ts';
import { type Hub, openHub } from '../../fleet/hub.ts';
import { type LocalService, type ServiceOptions, startService } from '../../sim/iothub/service.ts';
import { scratch } from '../support/scratch.ts';
import { fastClock } from './clock.ts';

export interface Fleet {
  readonly folder: string;
  readonly service: LocalService;
  readonly clock: Clock;
  readonly origin: number;
  readonly plan: string;
  /** Runs a command; `events` are its JSON lines. */
  fleet(
    args: readonly string[],
    more?: Partial<Surroundings>,
  ): Promise<{ exit: number; events: Event[]; text: string }>;
  /** The hub as the tool sees it. */
  hub(deadline?: number): Promise<{ hub: Hub; calls: Calls }>;
}

export interface Event {
  readonly at: string;
  readonly event: string;
  readonly text: string;
  readonly [key: string]: unknown;
}

const MANIFESTS = join(import.meta.dirname, '..', '..', 'deploy', 'iot-edge', 'manifests');

interface FleetOptions extends Partial<ServiceOptions> {
  /** Text of the plan, after what every plan has. */
  readonly more?: string;
  /** Of every ring. */
  readonly rule?: string;
}

export async function startFleet(
  rings: Readonly<Record<string, number>>,
  { more = '', rule = '', ...options }: FleetOptions = {},
): Promise<Fleet> {
  const folder = scratch();
  const origin = Date.now();
  const clock = fastClock(origin);
  const service = await startService({ folder: join(folder, 'service'), rings, now: clock.now, ...options });
  mkdirSync(join(folder, 'm'));
  for (const name of ['base', 'layer-metrics']) {
    writeFileSync(join(folder, 'm', `${name}.json`), readFileSync(join(MANIFESTS, `${name}.json`)));
  }
  for (const version of ['1.4.1', '1.4.2', '1.4.3']) writeManifest(folder, version);
  const plan = join(folder, 'fleet.yaml');
  writeFileSync(plan, planText(service.host, Object.keys(rings), rule) + more);
  const surroundings = {
    env: { FIELDGATE_FLEET_HUB: service.connectionString, FIELDGATE_FLEET_PROVISIONING: service.connectionString },
  };
  return {
    ...{ folder, service, clock, origin, plan },
    async fleet(args, given = {}) {
      let text = '';
      const write = (part: string) => {
        text += part;
      };
      const signal = new AbortController().signal;
      const exit = await run([...args, '--json'], {
        ...surroundings,
        out: { write },
        clock,
        signal,
        ca: service.ca,
        ...given,
      });
      const lines = text.split('\n').filter((line) => line.startsWith('{'));
      return { exit, text, events: lines.map((line) => JSON.parse(line) as Event) };
    },
    async hub(deadline) {
      const calls = new Calls({ clock, random: () => 0 });
      const { host, ca, connectionString } = service;
      return { calls, hub: await openHub({ host, ca, connectionString, scope: HUB_SCOPE, deadline }, calls) };
    },
  };
}

/** The layer of the gateway at a version. */
function writeManifest(folder: string, version: string): void {
  const text = readFileSync(join(MANIFESTS, 'layer-fieldgate.json'), 'utf8');
  const { version: now } = JSON.parse(text).modulesContent.$edgeAgent['properties.desired.modules.fieldgate'];
  const file = join(folder, 'm', `fieldgate-${version}.json`);
  writeFileSync(file, text.replaceAll(now, version));
}

function planText(host: string, rings: readonly string[], rule: string): string {
  return `version: 1
hub: ${host}
fleet: tags.site = 'lavera'
layers:
  base: { manifest: m/base.json, priority: 10, version: "1.6.1" }
rollout:
  manifest: m/fieldgate-1.4.1.json
  rings:
${rings.map((name) => `    - { name: ${name}, soak: 5m${rule} }`).join('\n')}
`;
}

/** The most requests of these operations that the service saw within a minute of its time. */
export function busiest({ entries }: LocalService, operations: readonly string[]): number {
  const times = entries.filter(({ operation }) => operations.includes(operation)).map(({ at }) => at);
  return Math.max(0, ...times.map((at) => times.filter((other) => other > at - 60_000 && other <= at).length));
}
