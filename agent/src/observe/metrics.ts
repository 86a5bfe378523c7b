// The metrics, for Prometheus: the gateway's status as numbers. They are made when somebody asks, from counters that
// exist anyway, so that a reading costs nothing here. The names are a contract; docs lists them from this table.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { LossFacts, PollingFacts } from '../adapters/adapter.ts';
import type { SourceState, SourceStats } from '../adapters/supervisor.ts';
import { daysLeft } from '../config/waiver.ts';
import type { HubState } from '../delivery/forwarder.ts';
import type { GatewayStatus } from './status.ts';

export interface Metrics {
  /** The page of `/metrics`. */
  text(): Promise<string>;
  readonly contentType: string;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels?: readonly string[];
  readonly samples: (status: GatewayStatus) => readonly Sample[];
}

const SOURCE_STATES: readonly SourceState['state'][] = ['stopped', 'connecting', 'running', 'degraded', 'waiting'];
const HUB_STATES: readonly HubState['state'][] = ['stopped', 'connecting', 'connected', 'waiting'];

/** Reasons that are shown before they happen, so that the first increase is one that `rate()` sees. */
const DROP_REASONS = ['store-overload', 'buffer-full', 'buffer-age', 'buffer-damaged', 'too-large'] as const;

const one = (value: number): Sample[] => [[{}, value]];
const ago = (ms: number): number => Math.max(0, (Date.now() - ms) / 1000);
const perSource = (status: GatewayStatus, value: (source: SourceStats) => number): Sample[] =>
  status.sources.map((source) => [{ source: source.name }, value(source)]);

/** Of the sources that are polled. */
const perPolled = (status: GatewayStatus, value: (polling: PollingFacts) => number): Sample[] =>
  status.sources.flatMap(({ name, polling }): Sample[] =>
    polling === undefined ? [] : [[{ source: name }, value(polling)]],
  );

const perLossy = (status: GatewayStatus, value: (losses: LossFacts) => number): Sample[] =>
  status.sources.flatMap(({ name, losses }): Sample[] =>
    losses === undefined ? [] : [[{ source: name }, value(losses)]],
  );

function up({ state }: SourceStats): number {
  return state.state === 'running' || state.state === 'degraded' ? 1 : 0;
}

function dropped({ store }: GatewayStatus): Sample[] {
  const counts: Record<string, number> = { ...store.buffer.dropped };
  for (const { dropped } of store.salvage)
    for (const [reason, count] of Object.entries(dropped)) counts[reason] = (counts[reason] ?? 0) + count;
  counts['store-overload'] = (counts['store-overload'] ?? 0) + store.refused;
  for (const reason of DROP_REASONS) counts[reason] ??= 0;
  return Object.entries(counts).map(([reason, count]) => [{ reason }, count]);
}

const COUNTERS: readonly Omit<Family, 'type'>[] = [
  {
    name: 'fieldgate_readings_received_total',
    help: 'Readings that the sources delivered.',
    labels: ['source'],
    samples: (status) => perSource(status, (source) => source.received),
  },
  {
    name: 'fieldgate_readings_withheld_total',
    help: 'Readings that conditioning did not send (deadband, swinging door).',
    samples: ({ withheld }) => one(withheld),
  },
  {
    name: 'fieldgate_readings_accepted_total',
    help: 'Readings that reached the store: committed, waiting for their commit, or dropped as store-overload.',
    samples: ({ store }) => one(store.accepted),
  },
  {
    name: 'fieldgate_readings_committed_total',
    help: 'Readings committed to the buffer on disk.',
    samples: ({ store }) => one(store.buffer.committedReadings),
  },
  {
    name: 'fieldgate_readings_delivered_total',
    help: 'Readings that the hub has acknowledged.',
    samples: ({ store }) => one(store.forwarder.deliveredReadings),
  },
  {
    name: 'fieldgate_readings_dropped_total',
    help: 'Readings that will not be delivered, by reason.',
    labels: ['reason'],
    samples: dropped,
  },
  {
    name: 'fieldgate_numbers_missing_total',
    help: 'Numbers that a buffer file should hold and does not. dropped_total counts each as a reading; a few may have been gap records.',
    samples: ({ store }) =>
      one(store.salvage.reduce((sum, { missingNumbers }) => sum + missingNumbers, store.buffer.missingNumbers)),
  },
  {
    name: 'fieldgate_readings_salvaged_total',
    help: 'Readings delivered from files that were set aside; delivered_total counts them too.',
    samples: ({ store }) => one(store.salvage.reduce((sum, { deliveredNow }) => sum + deliveredNow, 0)),
  },
  {
    name: 'fieldgate_source_connects_total',
    help: 'Connections made to the source.',
    labels: ['source'],
    samples: (status) => perSource(status, (source) => source.connects),
  },
  {
    name: 'fieldgate_source_requests_total',
    help: 'Requests made to the source, of protocols that poll.',
    labels: ['source'],
    samples: (status) => perPolled(status, ({ requests }) => requests),
  },
  {
    name: 'fieldgate_source_requests_failed_total',
    help: 'Requests that ended without a usable reply: late, garbled, hung up on.',
    labels: ['source'],
    samples: (status) => perPolled(status, ({ failed }) => failed),
  },
  {
    name: 'fieldgate_source_lost_seconds_total',
    help: 'Time that the line of the source spent on requests that failed: what dead units cost.',
    labels: ['source'],
    samples: (status) => perPolled(status, ({ lost }) => lost / 1000),
  },
  {
    name: 'fieldgate_source_overruns_total',
    help: 'Polls of a group of tags that were left out because the one before took too long.',
    labels: ['source'],
    samples: (status) => perPolled(status, ({ overruns }) => overruns),
  },
  {
    name: 'fieldgate_source_overflows_total',
    help: 'Readings next to which a queue of the server had dropped others; each is a gap record.',
    labels: ['source'],
    samples: (status) => perLossy(status, ({ overflows }) => overflows),
  },
  {
    name: 'fieldgate_source_messages_lost_total',
    help: 'Messages of the server that are missing for good; each hole is a gap record.',
    labels: ['source'],
    samples: (status) => perLossy(status, ({ messagesLost }) => messagesLost),
  },
  {
    name: 'fieldgate_source_messages_republished_total',
    help: 'Messages of the server that were missing and had again.',
    labels: ['source'],
    samples: (status) => perLossy(status, ({ messagesRepublished }) => messagesRepublished),
  },
  {
    name: 'fieldgate_source_readings_recovered_total',
    help: 'Readings of a gap that were had afterwards from the history of the server.',
    labels: ['source'],
    samples: (status) => perLossy(status, ({ recovered }) => recovered),
  },
  {
    name: 'fieldgate_source_backfills_forgotten_total',
    help: 'Gaps whose history was not read because too many waited; they stay gaps.',
    labels: ['source'],
    samples: (status) => perLossy(status, ({ backfillsForgotten }) => backfillsForgotten),
  },
  {
    name: 'fieldgate_buffer_commits_total',
    help: 'Transactions of the buffer.',
    samples: ({ store }) => one(store.buffer.commits),
  },
  {
    name: 'fieldgate_buffer_committed_bytes_total',
    help: 'Bytes of the segments committed, as stored.',
    samples: ({ store }) => one(store.buffer.committedBytes),
  },
  {
    name: 'fieldgate_mapping_reloads_total',
    help: 'Changes of the mapping that were applied since the start.',
    samples: ({ mapping }) => (mapping === undefined ? [] : one(mapping.reloads)),
  },
  {
    name: 'fieldgate_messages_delivered_total',
    help: 'Messages that the hub has acknowledged.',
    samples: ({ store }) => one(store.forwarder.deliveredMessages),
  },
  {
    name: 'fieldgate_message_bytes_delivered_total',
    help: 'Bytes of the bodies of acknowledged messages, as sent.',
    samples: ({ store }) => one(store.forwarder.deliveredBytes),
  },
  {
    name: 'fieldgate_messages_resent_total',
    help: 'Messages sent again because the first sending was not acknowledged.',
    samples: ({ store }) => one(store.forwarder.resentMessages),
  },
];

const GAUGES: readonly Omit<Family, 'type'>[] = [
  {
    name: 'fieldgate_build_info',
    help: 'Which release runs, for which gateway; always 1.',
    labels: ['version', 'site', 'gateway', 'node'],
    samples: ({ version, site, gateway }) => [[{ version, site, gateway, node: process.versions.node }, 1]],
  },
  {
    name: 'fieldgate_source_up',
    help: '1 while the source is connected (running or degraded).',
    labels: ['source'],
    samples: (status) => perSource(status, up),
  },
  {
    name: 'fieldgate_source_state',
    help: '1 for the state the source is in, 0 for the others.',
    labels: ['source', 'state'],
    samples: ({ sources }) =>
      sources.flatMap(({ name, state }) =>
        SOURCE_STATES.map((each): Sample => [{ source: name, state: each }, each === state.state ? 1 : 0]),
      ),
  },
  {
    name: 'fieldgate_source_troubles',
    help: 'Parts of a connected source (tags, units) that answer badly.',
    labels: ['source'],
    samples: (status) => perSource(status, ({ state }) => (state.state === 'degraded' ? state.troubleCount : 0)),
  },
  {
    name: 'fieldgate_source_tags',
    help: 'Tags configured for the source.',
    labels: ['source'],
    samples: (status) => perSource(status, (source) => source.tags),
  },
  {
    name: 'fieldgate_source_last_reading_age_seconds',
    help: 'Time since the source delivered last; absent before its first reading.',
    labels: ['source'],
    samples: ({ sources }) =>
      sources.flatMap(({ name, lastReading }): Sample[] =>
        lastReading === null ? [] : [[{ source: name }, ago(lastReading)]],
      ),
  },
  {
    name: 'fieldgate_buffer_readings',
    help: 'Readings on disk that the hub has not acknowledged.',
    samples: ({ store }) => one(store.buffer.pendingReadings),
  },
  {
    name: 'fieldgate_buffer_bytes',
    help: 'Bytes that the buffer occupies, journal included.',
    samples: ({ store }) => one(store.buffer.bytes),
  },
  {
    name: 'fieldgate_buffer_max_bytes',
    help: 'Bytes that the buffer may occupy: buffer.maxSize.',
    samples: ({ store }) => one(store.buffer.maxBytes),
  },
  {
    name: 'fieldgate_buffer_kept_bytes',
    help: 'Bytes of them that hold what was delivered and is kept for a replay; they are freed first.',
    samples: ({ store }) => one(store.buffer.keptBytes),
  },
  {
    name: 'fieldgate_buffer_oldest_age_seconds',
    help: 'Age of the oldest entry that waits to be sent; 0 when none does.',
    samples: ({ store }) => one(store.buffer.oldest === null ? 0 : ago(store.buffer.oldest)),
  },
  {
    name: 'fieldgate_buffer_backlog_entries',
    help: 'Entries that wait in the backfill lane.',
    samples: ({ store }) => one(store.buffer.backlog),
  },
  {
    name: 'fieldgate_salvage_waiting_entries',
    help: 'Numbers of files set aside that are still to be looked at and delivered.',
    samples: ({ store }) => one(store.salvage.reduce((sum, { waiting }) => sum + waiting, 0)),
  },
  {
    name: 'fieldgate_store_waiting_bytes',
    help: 'Memory of readings that are not committed yet.',
    samples: ({ store }) => one(store.waiting.bytes),
  },
  {
    name: 'fieldgate_hub_up',
    help: '1 while the hub is connected.',
    samples: ({ store }) => one(store.forwarder.hub.state === 'connected' ? 1 : 0),
  },
  {
    name: 'fieldgate_hub_state',
    help: '1 for the state the connection to the hub is in, 0 for the others.',
    labels: ['state'],
    samples: ({ store }) => HUB_STATES.map((state) => [{ state }, state === store.forwarder.hub.state ? 1 : 0]),
  },
  {
    name: 'fieldgate_messages_in_flight',
    help: 'Messages that are prepared or sent and not acknowledged.',
    samples: ({ store }) => one(store.forwarder.inFlight),
  },
  {
    name: 'fieldgate_mapping_mistakes',
    help: 'Mistakes of the mapping file as it is now, which is not applied because of them; 0 when it is clean.',
    samples: ({ mapping }) => (mapping === undefined ? [] : one(mapping.refused?.count ?? 0)),
  },
  {
    name: 'fieldgate_mapping_applied_timestamp_seconds',
    help: 'When the mapping that runs was applied.',
    samples: ({ mapping }) => (mapping === undefined ? [] : one(mapping.appliedAt / 1000)),
  },
  {
    name: 'fieldgate_mapping_restart_keys',
    help: 'Keys of the mapping that differ from what runs and take effect with the next start.',
    samples: ({ mapping }) => (mapping === undefined ? [] : one(mapping.restart.length)),
  },
  {
    name: 'fieldgate_certificate_days_left',
    help: "Days until a certificate of a source's connection ends: the server's, the gateway's, its successor's, the user's.",
    labels: ['source', 'certificate'],
    samples: ({ sources }) =>
      sources.flatMap(({ name, connection }) =>
        (connection?.certificates ?? []).map((one): Sample => {
          const days = Math.floor((Date.parse(one.validTo) - Date.now()) / 86_400_000);
          return [{ source: name, certificate: one.of }, days];
        }),
      ),
  },
  {
    name: 'fieldgate_waiver_days_left',
    help: 'Days until an accepted insecure connection is refused; negative when it is over.',
    labels: ['source'],
    samples: ({ waivers }) => waivers.map(({ source, until }) => [{ source }, daysLeft(until, new Date())]),
  },
];

/** Every family that `metrics` shows, besides those of the process itself. */
export const FAMILIES: readonly Family[] = [
  ...COUNTERS.map((family) => ({ ...family, type: 'counter' as const })),
  ...GAUGES.map((family) => ({ ...family, type: 'gauge' as const })),
];

/** The metrics of one gateway, in a registry of their own. @param status asked once per page */
export function metrics(status: () => GatewayStatus): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'fieldgate_' });
  const update = FAMILIES.map((family) => register(registry, family));
  return {
    contentType: registry.contentType,
    text() {
      const now = status();
      for (const each of update) each(now);
      return registry.metrics();
    },
  };
}

/** Puts a family into the registry; returns what sets its samples. Label values that are gone leave no trace. */
function register(
  registry: Registry,
  { name, help, type, labels = [], samples }: Family,
): (status: GatewayStatus) => void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'gauge') {
    const gauge = new Gauge(options);
    return (status) => {
      gauge.reset();
      for (const [labels, value] of samples(status)) gauge.set(labels, value);
    };
  }
  const counter = new Counter(options);
  return (status) => {
    counter.reset();
    for (const [labels, value] of samples(status)) counter.inc(labels, value);
  };
}
