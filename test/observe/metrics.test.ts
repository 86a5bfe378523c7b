import { expect, test } from 'vitest';
import { FAMILIES, metrics } from '../../agent/src/observe/metrics.ts';
import type { GatewayStatus } from '../../agent/src/observe/status.ts';
import { sampleStatus } from './sample-status.ts';

interface Page {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, number>;
}

/** Reads the Prometheus text format strictly: any line that is none of its forms fails the test. */
function parse(text: string): Page {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE ([a-z_0-9]+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type) {
      expect(types.has(type[1]!), `${type[1]} is declared once`).toBe(false);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const sample = /^([a-z_0-9]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    samples.set(sample![1]! + (sample![2] ?? ''), Number(sample![3]));
  }
  return { types, samples };
}

test('every metric of the contract and every family is on the page, with its value', async () => {
  const { types, samples } = parse(await metrics(sampleStatus).text());
  const expected: Record<string, number> = {
    'fieldgate_readings_received_total{source="cdu1-dcs"}': 1200,
    'fieldgate_readings_received_total{source="flare-plc"}': 0,
    fieldgate_readings_accepted_total: 1195,
    fieldgate_readings_committed_total: 1190,
    fieldgate_buffer_committed_bytes_total: 9_520,
    fieldgate_readings_delivered_total: 790,
    'fieldgate_readings_dropped_total{reason="buffer-full"}': 17,
    'fieldgate_readings_dropped_total{reason="store-overload"}': 5,
    'fieldgate_readings_dropped_total{reason="buffer-damaged"}': 4,
    'fieldgate_readings_dropped_total{reason="buffer-age"}': 0,
    'fieldgate_readings_dropped_total{reason="too-large"}': 0,
    fieldgate_numbers_missing_total: 5,
    fieldgate_buffer_readings: 400,
    fieldgate_buffer_bytes: 20_000_000,
    fieldgate_buffer_kept_bytes: 5_600,
    fieldgate_buffer_max_bytes: 4_000_000_000,
    'fieldgate_source_up{source="cdu1-dcs"}': 1,
    'fieldgate_source_up{source="flare-plc"}': 0,
    fieldgate_hub_up: 1,
    'fieldgate_source_state{source="cdu1-dcs",state="degraded"}': 1,
    'fieldgate_source_state{source="cdu1-dcs",state="running"}': 0,
    'fieldgate_source_state{source="flare-plc",state="waiting"}': 1,
    'fieldgate_source_troubles{source="cdu1-dcs"}': 5_000,
    'fieldgate_source_connects_total{source="cdu1-dcs"}': 2,
    fieldgate_buffer_backlog_entries: 300,
    fieldgate_store_waiting_bytes: 1_600,
    fieldgate_readings_withheld_total: 42,
    fieldgate_messages_delivered_total: 12,
    fieldgate_message_bytes_delivered_total: 34_567,
    fieldgate_messages_resent_total: 1,
    fieldgate_messages_in_flight: 2,
    fieldgate_readings_salvaged_total: 20,
    fieldgate_salvage_waiting_entries: 70,
  };
  for (const [sample, value] of Object.entries(expected)) expect(samples.get(sample), sample).toBe(value);
  for (const { name, type } of FAMILIES) expect(types.get(name), name).toBe(type);
  expect([...samples.keys()].filter((key) => key.startsWith('fieldgate_build_info{'))).toHaveLength(1);
  expect(samples.get('fieldgate_buffer_oldest_age_seconds')).toBeCloseTo(90, 0);
  expect(samples.get('fieldgate_source_last_reading_age_seconds{source="cdu1-dcs"}')).toBeCloseTo(1.5, 0);
  expect(samples.has('fieldgate_source_last_reading_age_seconds{source="flare-plc"}')).toBe(false);
  expect(samples.has('fieldgate_process_resident_memory_bytes')).toBe(true);
  expect(samples.has('fieldgate_nodejs_eventloop_lag_seconds')).toBe(true);
});

test('every name begins with fieldgate_ and every counter ends in _total', async () => {
  const { types } = parse(await metrics(sampleStatus).text());
  for (const [name, type] of types) {
    expect(name).toMatch(/^fieldgate_/);
    if (FAMILIES.some((family) => family.name === name)) expect(name.endsWith('_total'), name).toBe(type === 'counter');
  }
});

test('a page shows the status of its moment, and counters do not add up from page to page', async () => {
  let status: GatewayStatus = sampleStatus();
  const page = metrics(() => status);
  await page.text();
  const source = status.sources[0]!;
  status = { ...status, sources: [{ ...source, received: 1300 }], waivers: [] };
  const { samples } = parse(await page.text());
  expect(samples.get('fieldgate_readings_received_total{source="cdu1-dcs"}')).toBe(1300);
  expect([...samples.keys()].filter((key) => key.includes('flare-plc'))).toEqual([]);
  expect([...samples.keys()].filter((key) => key.startsWith('fieldgate_waiver_days_left'))).toEqual([]);
});

test('two gateways in one process do not share a registry', async () => {
  const first = metrics(sampleStatus);
  const second = metrics(() => ({ ...sampleStatus(), withheld: 7 }));
  expect(parse(await first.text()).samples.get('fieldgate_readings_withheld_total')).toBe(42);
  expect(parse(await second.text()).samples.get('fieldgate_readings_withheld_total')).toBe(7);
});

test('a name with quotes, backslashes and line ends stays one parseable label', async () => {
  const status = sampleStatus();
  const page = metrics(() => ({ ...status, sources: [{ ...status.sources[0]!, name: 'a"b\\c\nd' }] }));
  expect(parse(await page.text()).samples.get('fieldgate_source_up{source="a\\"b\\\\c\\nd"}')).toBe(1);
});
