// Simulated gateways, as the hub knows them: their twins and what they report. The hub looks at conditions a while after a
// change, a gateway applies what it was given after a delay of its own, and its gateway module is well a while after its
// start. Nothing runs: every twin is worked out from the times when it is asked for, so that 500 cost nothing.

import { parseCondition, type Twin } from './query.ts';

/** What goes wrong with a release on a gateway: the module is in trouble, it cannot be started, or nobody answers. */
export type Failure = 'look' | 'crash' | 'offline';

export interface GatewayOptions {
  /** How many gateways each ring has. */
  readonly rings: Readonly<Record<string, number>>;
  readonly site?: string;
  /** After a change the hub looks at conditions this much later, ms. */
  readonly evaluation?: number;
  /** A gateway applies what it was given within this time, ms. */
  readonly delay?: number;
  /** From the start of the module until it is well, ms. */
  readonly start?: number;
}

/** What of a stored configuration matters to gateways. */
export interface Rule {
  readonly id: string;
  readonly priority: number;
  readonly targetCondition: string;
  readonly createdAt: number;
  readonly content: { readonly modulesContent?: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
}

interface Gateway {
  readonly id: string;
  readonly tags: Record<string, unknown>;
  /** 0 to 1, its own. */
  readonly pace: number;
  /** Configurations that fit, and those among them that make up its desired properties. */
  targeted: readonly string[];
  applied: readonly string[];
  desiredVersion: number;
  /** What runs before `dueAt`, and after it. */
  before: Running | undefined;
  after: Running | undefined;
  dueAt: number;
}

interface Running {
  readonly version: string;
  readonly since: number;
  /** As JSON: an equal module is not started again. */
  readonly module: string;
}

const MODULE = 'fieldgate';
const MODULE_PATH = `properties.desired.modules.${MODULE}`;

export class Gateways {
  readonly #gateways: Gateway[] = [];
  readonly #failures = new Map<string, { version: string; how: Failure }>();
  readonly #now: () => number;
  readonly #options: Required<GatewayOptions>;
  /** When the hub looks at the conditions again. */
  #lookAt = Number.POSITIVE_INFINITY;

  constructor(now: () => number, options: GatewayOptions) {
    this.#now = now;
    this.#options = { site: 'lavera', evaluation: 30_000, delay: 180_000, start: 45_000, ...options };
    let number = 0;
    for (const [ring, count] of Object.entries(options.rings)) {
      for (let i = 0; i < count; i++) {
        number++;
        this.#gateways.push({
          id: `gw-${String(number).padStart(4, '0')}`,
          tags: { site: this.#options.site, ring },
          // Spread evenly and without order; the same in every run.
          pace: (number * 0.618_034) % 1,
          targeted: [],
          applied: [],
          desiredVersion: 1,
          before: undefined,
          after: undefined,
          dueAt: 0,
        });
      }
    }
  }

  get size(): number {
    return this.#gateways.length;
  }

  /** Names of a ring's gateways. */
  ring(name: string): string[] {
    return this.#gateways.filter(({ tags }) => tags.ring === name).map(({ id }) => id);
  }

  /** From now on `version` fails like this on these gateways. */
  fail(version: string, how: Failure, ids: readonly string[]): void {
    for (const id of ids) this.#failures.set(id, { version, how });
  }

  /** How many gateways run which version, the best first. */
  versions(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const gateway of this.#gateways) {
      const version = this.#running(gateway)?.version ?? 'none';
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  }

  /** Configurations have changed. Call `settle` with those before the change first. */
  changed(): void {
    this.#lookAt = Math.min(this.#lookAt, this.#now() + this.#options.evaluation);
  }

  /** Lets the hub do what was due until now. */
  settle(rules: readonly Rule[]): void {
    const at = this.#lookAt;
    if (at > this.#now()) return;
    this.#lookAt = Number.POSITIVE_INFINITY;
    const sorted = [...rules].sort((a, b) => a.priority - b.priority || a.createdAt - b.createdAt);
    const tests = sorted.map((rule) => ({ rule, fits: parseCondition(rule.targetCondition) }));
    for (const gateway of this.#gateways) {
      const twin = this.#device(gateway);
      this.#give(
        gateway,
        tests.filter(({ fits }) => fits(twin)).map(({ rule }) => rule),
        at,
      );
    }
  }

  /** The base with the highest priority, and the layers above it in their order. */
  #give(gateway: Gateway, fitting: readonly Rule[], at: number): void {
    const base = fitting.findLast(
      (rule) => rule.content.modulesContent?.$edgeAgent?.['properties.desired'] !== undefined,
    );
    const made = base === undefined ? [] : fitting.slice(fitting.indexOf(base));
    const applied = made.map(({ id }) => id);
    gateway.targeted = fitting.map(({ id }) => id);
    if (applied.join() === gateway.applied.join()) return;
    gateway.applied = applied;
    const module = made.findLast((rule) => rule.content.modulesContent?.$edgeAgent?.[MODULE_PATH] !== undefined);
    const wanted = module?.content.modulesContent?.$edgeAgent?.[MODULE_PATH] as { version: string } | undefined;
    gateway.before = this.#runningAt(gateway, at);
    gateway.desiredVersion++;
    gateway.dueAt = at + 5_000 + gateway.pace * this.#options.delay;
    const text = JSON.stringify(wanted);
    if (wanted === undefined) gateway.after = undefined;
    else if (gateway.before?.module === text) gateway.after = gateway.before;
    else gateway.after = { version: wanted.version, since: gateway.dueAt, module: text };
  }

  #failure(gateway: Gateway): Failure | undefined {
    const failure = this.#failures.get(gateway.id);
    return failure !== undefined && failure.version === gateway.after?.version ? failure.how : undefined;
  }

  #running(gateway: Gateway): Running | undefined {
    return this.#runningAt(gateway, this.#now());
  }

  #runningAt(gateway: Gateway, at: number): Running | undefined {
    const failure = this.#failure(gateway);
    const arrived = at >= gateway.dueAt && failure !== 'offline' && failure !== 'crash';
    return arrived ? gateway.after : gateway.before;
  }

  /** Twins of a collection, as queries see them. */
  twins(from: 'devices' | 'devices.modules'): Twin[] {
    if (from === 'devices') return this.#gateways.map((gateway) => this.#device(gateway));
    return this.#gateways.flatMap((gateway) => [this.#agent(gateway), this.#module(gateway)]);
  }

  #device({ id, tags }: Gateway): Twin {
    return { deviceId: id, tags, status: 'enabled', capabilities: { iotEdge: true }, properties: { reported: {} } };
  }

  #agent(gateway: Gateway): Twin {
    const failure = this.#failure(gateway);
    const done = this.#now() >= gateway.dueAt && failure !== 'offline';
    const { id: deviceId, desiredVersion, targeted, applied } = gateway;
    return {
      deviceId,
      moduleId: '$edgeAgent',
      configurations: Object.fromEntries(
        targeted.map((id) => [id, { status: applied.includes(id) ? 'Applied' : 'Targeted' }]),
      ),
      properties: {
        desired: { $version: desiredVersion },
        reported: {
          lastDesiredVersion: done ? desiredVersion : desiredVersion - 1,
          lastDesiredStatus: { code: done && failure === 'crash' ? 400 : 200 },
        },
      },
    };
  }

  #module(gateway: Gateway): Twin {
    const running = this.#running(gateway);
    const ill = this.#failure(gateway) === 'look' && running === gateway.after;
    const started = running !== undefined && this.#now() >= running.since + this.#options.start;
    const reported = running && {
      version: running.version,
      health: started && !ill ? 'good' : 'look',
      ...(ill && { lastError: { text: 'cdu1-dcs: no answer within 10 s' } }),
    };
    return { deviceId: gateway.id, moduleId: MODULE, properties: { desired: {}, reported: reported ?? {} } };
  }
}
