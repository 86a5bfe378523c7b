// What the demo shows while it runs: pure text from the gateway's status. `screen` fills a terminal, `line` is one
// plain line for a pipe, `account` is the closing account and its verdict.

import type { SourceState } from '../../adapters/supervisor.ts';
import type { GatewayStatus } from '../../observe/status.ts';

/** The latest reading of a tag that the screen shows. */
export interface Shown {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
  readonly status: string;
  /** Wall clock of its source timestamp, ms since 1970. */
  readonly at: number;
}

export interface Moment {
  readonly status: GatewayStatus;
  /** Readings per second over the last interval. */
  readonly rate: number;
  readonly shown: readonly Shown[];
  /** Wall clock, ms since 1970. */
  readonly now: number;
  readonly columns: number;
}

export function screen({ status, rate, shown, now, columns }: Moment): string[] {
  const { store, sources } = status;
  const { buffer, forwarder } = store;
  const perReading = forwarder.deliveredReadings > 0 ? forwarder.deliveredBytes / forwarder.deliveredReadings : 0;
  const oldest = buffer.oldest === null ? '' : `oldest ${age(now - buffer.oldest)}`;
  const narrow = columns < WIDE;
  const fact = (name: string, ...facts: string[]) => factLines(name, facts, narrow);
  const lines = [
    `fieldgate ${status.version}   ${status.gateway}   ${clock(now - status.startedAt)}   Ctrl-C ends`,
    '',
    row(['source', 'state', 'tags', 'received', 'last', 'address']),
    ...sources.map((source) =>
      row([
        source.name,
        source.state.state,
        number(source.tags),
        number(source.received),
        source.lastReading === null ? '-' : age(now - source.lastReading),
        detail(source.state, now) ?? source.address,
      ]),
    ),
    '',
    ...fact(
      'readings',
      `${number(rate)}/s`,
      `received ${number(received(status))}`,
      `withheld ${number(status.withheld)}`,
      `committed ${number(buffer.committedReadings)}`,
    ),
    ...fact(
      'buffer',
      `${number(buffer.pendingReadings)} waiting`,
      bytes(buffer.bytes),
      `backlog ${number(buffer.backlog)}`,
      oldest,
    ),
    ...fact(
      'hub',
      forwarder.hub.state,
      `delivered ${number(forwarder.deliveredReadings)}`,
      `${number(forwarder.deliveredMessages)} messages`,
      `${perReading.toFixed(1)} B/reading`,
    ),
    ...fact(
      'dropped',
      number(dropped(status)),
      `resent ${number(forwarder.resentMessages)} messages`,
      `in flight ${forwarder.inFlight}`,
      '',
    ),
    '',
    ...shown.map(
      (tag) =>
        `  ${tag.name.padEnd(narrow ? 16 : 22)} ${tag.value.padStart(narrow ? 17 : 20)} ${tag.unit.padEnd(6)} ${tag.status.padEnd(narrow ? 20 : 24)} ${age(now - tag.at)}`,
    ),
  ];
  return lines.map((line) => (line.length > columns ? `${line.slice(0, Math.max(1, columns - 1))}…` : line));
}

export function line({ status, rate, now }: Moment): string {
  const { buffer, forwarder } = status.store;
  const up = status.sources.filter(({ state }) => state.state === 'running' || state.state === 'degraded').length;
  return [
    clock(now - status.startedAt),
    `sources ${up}/${status.sources.length}`,
    `received ${number(received(status))} (${number(rate)}/s)`,
    `committed ${number(buffer.committedReadings)}`,
    `delivered ${number(forwarder.deliveredReadings)}`,
    `buffer ${number(buffer.pendingReadings)}`,
    `dropped ${number(dropped(status))}`,
    `hub ${forwarder.hub.state}`,
  ].join('  ');
}

/** What the hub says it received. */
export interface HubAccount {
  readonly readings: number;
  readonly missing: number;
  readonly double: number;
  readonly malformed: number;
}

/** The closing account; `lost` is what was accepted and is neither delivered, nor in the buffer. */
export function account(
  status: GatewayStatus,
  hub: HubAccount,
  seconds: number,
): { readonly lines: string[]; readonly sound: boolean } {
  const { store } = status;
  const { buffer, forwarder } = store;
  const lost = store.accepted - forwarder.deliveredReadings - buffer.pendingReadings;
  const sound = lost === 0 && hub.missing === 0 && hub.malformed === 0;
  const item = (name: string, count: number, what: string) =>
    `  ${name.padEnd(12)} ${number(count).padStart(14)}   ${what}`;
  return {
    sound,
    lines: [
      `account after ${seconds.toFixed(1)} s`,
      item('received', received(status), 'readings from the sources'),
      item('withheld', status.withheld, 'not sent: deadband, swinging door'),
      item('accepted', store.accepted, 'given to the buffer, with the Bad readings that mark lost links'),
      item('committed', buffer.committedReadings, 'on disk, synced'),
      item('delivered', forwarder.deliveredReadings, 'acknowledged by the hub'),
      item('in buffer', buffer.pendingReadings, 'on disk, for the next start'),
      item('dropped', dropped(status), 'given up, counted by reason in /metrics'),
      item('duplicates', hub.double, 'entries that the hub received twice'),
      item('missing', hub.missing, 'numbers that the hub should have and has not'),
      item('at the hub', hub.readings, "readings by the hub's own account"),
      sound
        ? 'complete: everything accepted is delivered or in the buffer'
        : `NOT COMPLETE: ${number(lost)} readings accepted are neither delivered nor in the buffer`,
    ],
  };
}

function received(status: GatewayStatus): number {
  return status.sources.reduce((sum, source) => sum + source.received, 0);
}

function dropped({ store }: GatewayStatus): number {
  return store.refused + Object.values(store.buffer.dropped).reduce((sum, count) => sum + count, 0);
}

/** What a person should know about a state beyond its name. */
function detail(state: SourceState, now: number): string | undefined {
  if (state.state === 'waiting') return `${state.reason} (again in ${age(Math.max(0, state.until - now))})`;
  if (state.state !== 'degraded') return undefined;
  const [first] = state.trouble;
  return first === undefined
    ? undefined
    : `${first[0]}: ${first[1]}${state.troubleCount > 1 ? ` and ${state.troubleCount - 1} more` : ''}`;
}

function row([name = '', state = '', tags = '', received = '', last = '', address = '']: string[]): string {
  return `  ${name.padEnd(14)} ${state.padEnd(10)} ${tags.padStart(8)} ${received.padStart(12)} ${last.padStart(7)}   ${address}`;
}

/** Below this the facts of a line need two. */
const WIDE = 108;

function factLines(name: string, facts: readonly string[], narrow: boolean): string[] {
  const shown = facts.filter((text) => text !== '');
  const rows = narrow && shown.length > 3 ? [shown.slice(0, 2), shown.slice(2)] : [shown];
  return rows.map((row, i) =>
    `  ${(i === 0 ? name : '').padEnd(14)} ${row.map((text) => text.padEnd(narrow ? 20 : 22)).join(' ')}`.trimEnd(),
  );
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function bytes(value: number): string {
  return `${(value / 1e6).toFixed(1)} MB`;
}

function age(ms: number): string {
  return ms < 60_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)} s` : clock(ms);
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const part = (value: number) => String(value).padStart(2, '0');
  return `${part(Math.floor(seconds / 3_600))}:${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`;
}
