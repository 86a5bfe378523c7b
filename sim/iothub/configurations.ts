// Automatic device management as the service does it, with what surprises: content cannot be changed (an update with other
// content is answered as done, and the old one stays), an update needs a quoted If-Match and the whole body, ids are
// lower case, 100 per hub, metrics are worked out now and then. Measured on a live hub by the author of
// mwalser/terraform-provider-iothub (CONCEPT.md); ids and conditions as in the REST reference.

import type { Gateways } from './gateways.ts';
import { parseCondition, parseQuery, QueryMistake } from './query.ts';

/** An answer other than 200. `code` is what the service writes into the message. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Configuration {
  id: string;
  schemaVersion: string;
  labels: Record<string, string>;
  content: { modulesContent?: Record<string, Record<string, unknown>> };
  targetCondition: string;
  priority: number;
  metrics: { queries: Record<string, string>; results: Record<string, number> };
  systemMetrics: { queries: Record<string, string>; results: Record<string, number> };
  createdTimeUtc: string;
  lastUpdatedTimeUtc: string;
  etag: string;
}

const MOST = 100;
const ID = /^[a-z0-9\-+%_*!']{1,128}$/;
const LABEL = /^[A-Za-z0-9\-:.+%_#*?!(),=@;']{1,128}$/;

export class Configurations {
  readonly #kept = new Map<string, Configuration>();
  readonly #gateways: Gateways;
  readonly #now: () => number;
  /** Metrics are as old as this at most, ms. */
  readonly #metricsEvery: number;
  #metricsAt = Number.NEGATIVE_INFINITY;
  #etag = 0;

  constructor(gateways: Gateways, now: () => number, metricsEvery: number) {
    this.#gateways = gateways;
    this.#now = now;
    this.#metricsEvery = metricsEvery;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Lets time pass: gateways get what they are due, metrics are counted anew. */
  settle(): void {
    this.#gateways.settle(
      [...this.#kept.values()].map((one) => ({ ...one, createdAt: Date.parse(one.createdTimeUtc) })),
    );
    if (this.#now() < this.#metricsAt + this.#metricsEvery) return;
    this.#metricsAt = this.#now();
    const modules = this.#gateways.twins('devices.modules');
    const devices = this.#gateways.twins('devices');
    for (const { metrics, systemMetrics } of this.#kept.values()) {
      for (const { queries, results } of [metrics, systemMetrics]) {
        for (const [name, text] of Object.entries(queries)) {
          const { from, where } = parseQuery(text);
          results[name] = (from === 'devices' ? devices : modules).filter(where).length;
        }
      }
    }
  }

  list(): Configuration[] {
    return [...this.#kept.values()];
  }

  get(id: string): Configuration {
    const found = this.#kept.get(id);
    if (found === undefined) throw new Refused(404, 'ConfigurationNotFound', `there is no configuration ${id}`);
    return found;
  }

  /** @param spoil content that is kept instead of what was sent */
  put(id: string, body: Partial<Configuration>, ifMatch: string | undefined, spoil?: Configuration['content']): void {
    if (!ID.test(id) || body.id !== id) throw new Refused(400, 'ArgumentInvalid', `id ${id} is not allowed`);
    const { content, targetCondition, priority, labels = {} } = body;
    if (content === undefined || targetCondition === undefined || priority === undefined)
      throw new Refused(400, 'ArgumentInvalid', 'content, targetCondition and priority are needed');
    if (!Number.isInteger(priority) || priority < 0) throw new Refused(400, 'ArgumentInvalid', 'priority');
    for (const [key, value] of Object.entries(labels)) {
      if (!LABEL.test(key) || !LABEL.test(value)) throw new Refused(400, 'ArgumentInvalid', `label ${key}`);
    }
    const mistakes = this.test(targetCondition, body.metrics?.queries ?? {});
    if (mistakes.targetConditionError || Object.keys(mistakes.customMetricQueryErrors).length > 0)
      throw new Refused(400, 'ArgumentInvalid', mistakes.targetConditionError ?? 'a metric is wrong');
    const old = this.#kept.get(id);
    checkMatch(old, ifMatch);
    if (old === undefined && this.#kept.size >= MOST)
      throw new Refused(403, 'ConfigurationCountLimitExceeded', `there are ${MOST} configurations`);
    this.settle();
    const now = new Date(this.#now()).toISOString();
    this.#kept.set(id, {
      id,
      schemaVersion: '1.0',
      labels: { ...labels },
      content: old?.content ?? spoil ?? content,
      targetCondition,
      priority,
      metrics: { queries: { ...body.metrics?.queries }, results: {} },
      systemMetrics: { queries: systemQueries(id, targetCondition), results: {} },
      createdTimeUtc: old?.createdTimeUtc ?? now,
      lastUpdatedTimeUtc: now,
      etag: Buffer.from(String(++this.#etag)).toString('base64'),
    });
    this.#gateways.changed();
  }

  /** Somebody else changes it: the same, with another ETag. */
  touch(id: string): void {
    const found = this.#kept.get(id);
    if (found !== undefined) found.etag = Buffer.from(String(++this.#etag)).toString('base64');
  }

  delete(id: string): void {
    this.get(id);
    this.settle();
    this.#kept.delete(id);
    this.#gateways.changed();
  }

  /** What is wrong with a condition and with metrics; nothing when they will do. */
  test(condition: string, metrics: Readonly<Record<string, string>>) {
    const customMetricQueryErrors: Record<string, string> = {};
    for (const [name, text] of Object.entries(metrics)) {
      const problem = problemOf(() => parseQuery(text));
      if (problem !== undefined) customMetricQueryErrors[name] = problem;
    }
    const targetConditionError = problemOf(() => parseCondition(condition));
    return { ...(targetConditionError !== undefined && { targetConditionError }), customMetricQueryErrors };
  }
}

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof QueryMistake) return error.message;
    throw error;
  }
}

function checkMatch(old: Configuration | undefined, ifMatch: string | undefined): void {
  if (ifMatch === undefined) {
    if (old !== undefined) throw new Refused(409, 'ConfigurationAlreadyExists', `${old.id} is there`);
    return;
  }
  if (!/^".*"$/.test(ifMatch)) throw new Refused(400, 'ArgumentInvalid', 'If-Match is not quoted');
  if (old === undefined) throw new Refused(404, 'ConfigurationNotFound', 'nothing to update');
  if (ifMatch !== '"*"' && ifMatch !== `"${old.etag}"`) throw new Refused(412, 'PreconditionFailed', 'another ETag');
}

/** As the service writes them for deployments of IoT Edge. */
function systemQueries(id: string, condition: string): Record<string, string> {
  const applied = `select deviceId from devices.modules where moduleId = '$edgeAgent' and configurations.[[${id}]].status = 'Applied'`;
  const seen = 'properties.desired.$version = properties.reported.lastDesiredVersion';
  return {
    targetedCount: `select deviceId from devices where capabilities.iotEdge = true and (${condition})`,
    appliedCount: applied,
    reportedSuccessfulCount: `${applied} and ${seen} and properties.reported.lastDesiredStatus.code = 200`,
    reportedFailedCount: `${applied} and ${seen} and properties.reported.lastDesiredStatus.code != 200`,
  };
}
