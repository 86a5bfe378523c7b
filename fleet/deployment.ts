// A deployment: what is published under an id, and what its labels remember. Content cannot be changed once it is there,
// so the id carries the version; the labels are the roll-out's memory, so that a tool that was killed goes on. Pure.

import { createHash } from 'node:crypto';
import type { Configuration } from 'azure-iothub';

export type Content = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * closed    published, read back, and given to nobody yet
 * rolling   given to the rings up to `ring`
 * done      given to everybody it is meant for
 * stopped   a ring did not get well; another deployment stands above it
 * back      earlier content that stands above a stopped one
 */
export const STATES = ['closed', 'rolling', 'done', 'stopped', 'back'] as const;
export type State = (typeof STATES)[number];

/** What is kept in labels, besides `by` and `digest`. */
export interface Memory {
  /** Deployments of a layer follow each other. */
  readonly layer: string;
  readonly version: string;
  readonly state: State;
  /** The widest ring that has it. */
  readonly ring?: string;
  /** Since when that ring has it, and since when it is well; ms. */
  readonly opened?: number;
  readonly healthy?: number;
  /** The id that it stands above. */
  readonly insteadOf?: string;
}

export interface Deployment {
  readonly id: string;
  readonly priority: number;
  readonly targetCondition: string;
  readonly content: Content;
  /** Queries whose rows the hub counts. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly memory: Memory;
}

/** One that the hub has. */
export interface Stored extends Deployment {
  readonly etag: string;
  /** Counts of the hub and of our queries, by name; worked out by the hub now and then. */
  readonly counts: Readonly<Record<string, number>>;
  /** The hub's own queries behind its counts. */
  readonly systemQueries: Readonly<Record<string, string>>;
  /** Of its content; not its label's. */
  readonly digest: string;
  /** None of ours: made by hand or by another tool. */
  readonly foreign: boolean;
}

const BY = 'fieldgate-fleet';
/** Fits nobody: device ids have no blanks. */
export const NOBODY = "deviceId = 'nobody yet'";

/** `fieldgate`, `1.4.2` → `fieldgate-1-4-2`: lower case letters, digits and dashes, 128 at most. */
export function idOf(...parts: readonly string[]): string {
  const text = parts.join('-').toLowerCase();
  return text
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 128);
}

/** Equal for equal content, in whatever order its keys are. */
export function digestOf(content: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(content)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

/** Whether the hub has what we want, counts and ETag aside. */
export function same(wanted: Deployment, stored: Stored): boolean {
  const { id, priority, targetCondition, content, metrics, memory } = wanted;
  const { priority: p, targetCondition: t, content: c, metrics: m, memory: r } = stored;
  const left = { id, priority, targetCondition, content, metrics, memory };
  return (
    digestOf(left) === digestOf({ id: stored.id, priority: p, targetCondition: t, content: c, metrics: m, memory: r })
  );
}

export function toConfiguration(deployment: Deployment, etag?: string): Configuration {
  const { id, priority, targetCondition, content, metrics, memory } = deployment;
  const { layer, version, state, ring, opened, healthy, insteadOf } = memory;
  const labels: Record<string, string> = { by: BY, digest: digestOf(content), layer, version, state };
  if (ring !== undefined) labels.ring = ring;
  if (opened !== undefined) labels.opened = new Date(opened).toISOString();
  if (healthy !== undefined) labels.healthy = new Date(healthy).toISOString();
  if (insteadOf !== undefined) labels['instead-of'] = insteadOf;
  return {
    id,
    schemaVersion: '1.0',
    labels,
    content: { modulesContent: content },
    targetCondition,
    priority,
    metrics: { queries: { ...metrics } },
    ...(etag !== undefined && { etag }),
  };
}

export function fromConfiguration(configuration: Configuration): Stored {
  const { id, etag = '', targetCondition = '', priority = 0, labels = {}, metrics, systemMetrics } = configuration;
  const content = (configuration.content?.modulesContent ?? {}) as Content;
  const { layer = '', version = '', ring, opened, healthy, 'instead-of': insteadOf } = labels ?? {};
  const state = STATES.find((one) => one === labels?.state);
  return {
    id,
    etag,
    priority,
    targetCondition,
    content,
    metrics: metrics?.queries ?? {},
    counts: { ...metrics?.results, ...systemMetrics?.results },
    systemQueries: systemMetrics?.queries ?? {},
    digest: digestOf(content),
    foreign: labels?.by !== BY || state === undefined,
    memory: {
      layer,
      version,
      state: state ?? 'done',
      ...(ring !== undefined && { ring }),
      ...(opened !== undefined && { opened: Date.parse(opened) }),
      ...(healthy !== undefined && { healthy: Date.parse(healthy) }),
      ...(insteadOf !== undefined && { insteadOf }),
    },
  };
}

/** Whether it is laid over a base: it has no whole of desired properties. */
export function isLayer(content: Content): boolean {
  return content.$edgeAgent?.['properties.desired'] === undefined;
}

/** The version of a module that the content brings, undefined when it brings none. */
export function versionIn(content: Content, module: string): string | undefined {
  const agent = content.$edgeAgent ?? {};
  const whole = agent['properties.desired'] as { modules?: Record<string, { version?: unknown }> } | undefined;
  const one = whole?.modules?.[module] ?? (agent[`properties.desired.modules.${module}`] as { version?: unknown });
  return typeof one?.version === 'string' ? one.version : undefined;
}
