// The Grafana dashboard of the gateways, as a table of panels; dashboard.json is made from it by scripts/reference.ts.

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** What a person should know when the curve looks strange. */
  readonly says: string;
  readonly type?: 'timeseries' | 'stat';
  /** As Grafana names units. */
  readonly unit?: string;
  /** Of 24 columns. Default 8. */
  readonly width?: number;
  /** From this value on it is shown in yellow, then in red. */
  readonly limits?: readonly [yellow: number, red: number];
  /** Small is bad: the colours the other way round. */
  readonly falling?: boolean;
  readonly queries: readonly Query[];
}

const OF = 'instance=~"$instance"';
// biome-ignore format: a table
const ROWS: Readonly<Record<string, readonly Panel[]>> = {
  'At a glance': [
    { title: 'Sources up', says: 'Connected sources, of all.', type: 'stat', width: 4, queries: [
      { expr: `sum(fieldgate_source_up{${OF}})`, legend: 'up' }, { expr: `count(fieldgate_source_up{${OF}})`, legend: 'of' }] },
    { title: 'Hub', says: '1 while the hub is connected.', type: 'stat', width: 4, falling: true, limits: [1, 1], queries: [
      { expr: `min(fieldgate_hub_up{${OF}})`, legend: 'up' }] },
    { title: 'Dropped in 24 h', says: 'Should stay 0: readings that will not arrive, each with a gap record.', type: 'stat', width: 4, limits: [1, 1], queries: [
      { expr: `sum(increase(fieldgate_readings_dropped_total{${OF}}[24h]))`, legend: 'readings' }] },
    { title: 'Oldest waiting', says: 'How far delivery is behind.', type: 'stat', unit: 's', width: 4, limits: [60, 600], queries: [
      { expr: `max(fieldgate_buffer_oldest_age_seconds{${OF}})`, legend: 'age' }] },
    { title: 'Buffer filled', says: 'Without what is delivered and kept for a replay.', type: 'stat', unit: 'percentunit', width: 4, limits: [0.5, 0.8], queries: [
      { expr: `max((fieldgate_buffer_bytes{${OF}} - fieldgate_buffer_kept_bytes{${OF}}) / fieldgate_buffer_max_bytes{${OF}})`, legend: 'of maxSize' }] },
    { title: 'Certificates end in', says: 'The soonest of all connections.', type: 'stat', unit: 'd', width: 4, falling: true, limits: [30, 7], queries: [
      { expr: `min(fieldgate_certificate_days_left{${OF}})`, legend: 'days' }] },
  ],
  Readings: [
    { title: 'Readings per second', says: 'Received less withheld is committed; committed is delivered, a little later.', unit: 'ops', width: 12, queries: [
      { expr: `sum(rate(fieldgate_readings_received_total{${OF}}[5m]))`, legend: 'received' },
      { expr: `sum(rate(fieldgate_readings_withheld_total{${OF}}[5m]))`, legend: 'withheld' },
      { expr: `sum(rate(fieldgate_readings_committed_total{${OF}}[5m]))`, legend: 'committed' },
      { expr: `sum(rate(fieldgate_readings_delivered_total{${OF}}[5m]))`, legend: 'delivered' }] },
    { title: 'Received by source', says: 'A source that falls to 0 is silent or gone.', unit: 'ops', width: 12, queries: [
      { expr: `sum by (source) (rate(fieldgate_readings_received_total{${OF}}[5m]))`, legend: '{{source}}' }] },
    { title: 'Dropped, by reason', says: 'Each increase is a loss, counted.', width: 12, queries: [
      { expr: `sum by (reason) (increase(fieldgate_readings_dropped_total{${OF}}[5m]))`, legend: '{{reason}}' }] },
    { title: 'Salvage', says: 'Numbers of a damaged file that are still to be delivered.', width: 12, queries: [
      { expr: `sum by (instance) (fieldgate_salvage_waiting_entries{${OF}})`, legend: '{{instance}} waiting' },
      { expr: `sum by (instance) (rate(fieldgate_readings_salvaged_total{${OF}}[5m]))`, legend: '{{instance}} salvaged/s' }] },
  ],
  Sources: [
    { title: 'Up', says: '1 while connected.', width: 8, queries: [{ expr: `fieldgate_source_up{${OF}}`, legend: '{{source}}' }] },
    { title: 'Tags and units in trouble', says: '/status lists which, and why.', queries: [
      { expr: `fieldgate_source_troubles{${OF}}`, legend: '{{source}}' }] },
    { title: 'Since the last reading', says: 'Grows while a source is silent.', unit: 's', queries: [
      { expr: `fieldgate_source_last_reading_age_seconds{${OF}}`, legend: '{{source}}' }] },
    { title: 'Connections made per hour', says: 'More than a few: the link flaps.', queries: [
      { expr: `increase(fieldgate_source_connects_total{${OF}}[1h])`, legend: '{{source}}' }] },
    { title: 'Modbus requests', says: 'All, and those that failed.', unit: 'reqps', queries: [
      { expr: `rate(fieldgate_source_requests_total{${OF}}[5m])`, legend: '{{source}}' },
      { expr: `rate(fieldgate_source_requests_failed_total{${OF}}[5m])`, legend: '{{source}} failed' }] },
    { title: 'Modbus time lost, polls left out', says: 'Share of the time on requests that failed; polls skipped because the line is too slow.', queries: [
      { expr: `rate(fieldgate_source_lost_seconds_total{${OF}}[5m])`, legend: '{{source}} lost' },
      { expr: `increase(fieldgate_source_overruns_total{${OF}}[5m])`, legend: '{{source}} left out' }] },
  ],
  'Buffer and hub': [
    { title: 'Buffer', says: 'On disk: all, and the part that is delivered and kept for a replay.', unit: 'bytes', queries: [
      { expr: `fieldgate_buffer_bytes{${OF}}`, legend: '{{instance}} used' },
      { expr: `fieldgate_buffer_kept_bytes{${OF}}`, legend: '{{instance}} kept' },
      { expr: `fieldgate_buffer_max_bytes{${OF}}`, legend: '{{instance}} maxSize' }] },
    { title: 'Waiting', says: 'Readings that the hub has not acknowledged, and entries of the backfill lane.', queries: [
      { expr: `fieldgate_buffer_readings{${OF}}`, legend: '{{instance}} readings' },
      { expr: `fieldgate_buffer_backlog_entries{${OF}}`, legend: '{{instance}} backlog' }] },
    { title: 'Not committed yet', says: 'Memory of readings that wait for their commit: grows when the disk is slow.', unit: 'bytes', queries: [
      { expr: `fieldgate_store_waiting_bytes{${OF}}`, legend: '{{instance}}' }] },
    { title: 'Messages', says: 'Delivered, and sent again for want of an acknowledgement.', unit: 'ops', queries: [
      { expr: `rate(fieldgate_messages_delivered_total{${OF}}[5m])`, legend: '{{instance}} delivered' },
      { expr: `rate(fieldgate_messages_resent_total{${OF}}[5m])`, legend: '{{instance}} again' }] },
    { title: 'Bytes to the hub', says: 'Bodies of acknowledged messages: what IoT Hub bills.', unit: 'Bps', queries: [
      { expr: `rate(fieldgate_message_bytes_delivered_total{${OF}}[5m])`, legend: '{{instance}}' }] },
    { title: 'Commits', says: 'Transactions per second: ten at the default commitInterval.', unit: 'ops', queries: [
      { expr: `rate(fieldgate_buffer_commits_total{${OF}}[5m])`, legend: '{{instance}}' }] },
  ],
  Process: [
    { title: 'Memory', says: 'Resident; the container has 1 GiB.', unit: 'bytes', queries: [
      { expr: `fieldgate_process_resident_memory_bytes{${OF}}`, legend: '{{instance}}' }] },
    { title: 'Processor', says: 'Cores used.', queries: [
      { expr: `rate(fieldgate_process_cpu_seconds_total{${OF}}[5m])`, legend: '{{instance}}' }] },
    { title: 'Event loop, 99 %', says: 'How late the gateway gets to its work.', unit: 's', queries: [
      { expr: `fieldgate_nodejs_eventloop_lag_p99_seconds{${OF}}`, legend: '{{instance}}' }] },
    { title: 'Mapping', says: 'Changes applied; mistakes of the file as it is now.', queries: [
      { expr: `fieldgate_mapping_reloads_total{${OF}}`, legend: '{{instance}} applied' },
      { expr: `fieldgate_mapping_mistakes{${OF}}`, legend: '{{instance}} mistakes' }] },
  ],
};

const HEIGHT = { stat: 4, timeseries: 8 } as const;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

function place(): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y++;
    let x = 0;
    let height = 0;
    for (const panel of row) {
      const w = panel.width ?? 8;
      const h = HEIGHT[panel.type ?? 'timeseries'];
      if (x + w > 24) [x, y] = [0, y + height];
      panels.push(panelOf(panel, panels.length + 1, { x, y, w, h }));
      x += w;
      height = h;
    }
    y += height;
  }
  return panels;
}

function panelOf(
  { title, says, type = 'timeseries', unit, limits, falling, queries }: Panel,
  id: number,
  gridPos: object,
) {
  const [good, worst] = falling === true ? ['red', 'green'] : ['green', 'red'];
  const [low, high] = falling === true ? [...(limits ?? [])].reverse() : (limits ?? []);
  const steps = [
    { color: good, value: null },
    ...(low !== undefined && low !== high ? [{ color: 'yellow', value: low }] : []),
    ...(high !== undefined ? [{ color: worst, value: high }] : []),
  ];
  return {
    id,
    type,
    title,
    description: says,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit: unit ?? 'short',
        min: 0,
        thresholds: { mode: 'absolute', steps: limits ? steps : [{ color: 'green', value: null }] },
      },
      overrides: [],
    },
    options:
      type === 'stat'
        ? {
            reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
            colorMode: limits ? 'background' : 'none',
            graphMode: 'none',
          }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

const variable = (name: string, more: object) => ({
  name,
  label: name,
  hide: 0,
  includeAll: false,
  multi: false,
  ...more,
});

/** The dashboard as Grafana 10 and later imports it. */
const dashboard = (): object => ({
  uid: 'fieldgate',
  title: 'fieldgate',
  tags: ['fieldgate'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  timezone: '',
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      variable('datasource', { type: 'datasource', query: 'prometheus', current: {} }),
      variable('instance', {
        type: 'query',
        label: 'gateway',
        datasource: DATASOURCE,
        query: { query: 'label_values(fieldgate_build_info, instance)', refId: 'instance' },
        refresh: 2,
        includeAll: true,
        multi: true,
        current: { text: 'All', value: '$__all' },
      }),
    ],
  },
  annotations: { list: [] },
  panels: place(),
});

export const dashboardText = (): string => `${JSON.stringify(dashboard(), null, 2)}\n`;
