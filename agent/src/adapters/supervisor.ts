// The supervisor of one source: connects, runs, and comes back, for ever. It owns the state, the backoff, the
// counters and the gap records; adapters own none of them. What it promises:
//
// S1  One state at a time, changed in one place; every change is one log line.
// S2  When the link is lost every tag gets one Bad reading, and a gap record begins. When readings flow again the
//     gap record is closed, with its from and to: `to` is when the adapter says that nothing is missed any more, not
//     when the first reading came. Exactly one of each per outage.
// S3  A source's failure stays here: nothing that an adapter throws leaves the supervisor.
// S4  When the mapping gives the source other tags, the adapter that runs is told; one that cannot be told is replaced at
//     once, and its outage says `reload`.

import { ABSENT, RECONNECT, wait } from '../model/backoff.ts';
import { type Batch, BatchBuilder, gapBatch, Kind } from '../model/batch.ts';
import { describe, Fault, type FaultCode, type Refused } from '../model/fault.ts';
import type { Gap, GapReason } from '../model/gap.ts';
import type { Log } from '../model/log.ts';
import { StatusCode } from '../model/status.ts';
import { now, TICKS_PER_MS, type Timestamp } from '../model/time.ts';
import {
  type Adapter,
  CLOSE_DEADLINE_MS,
  type ConnectionFacts,
  type LossFacts,
  type Outage,
  type PollingFacts,
  type Sink,
  type Source,
  type TagChange,
  type TagFacts,
} from './adapter.ts';
import { endsWithin, heeding } from './deadline.ts';
import { spansOf } from './lasted.ts';
import { pause } from './pause.ts';
import { type Trouble, troubleOf } from './trouble.ts';

export type SourceState =
  | { readonly state: 'stopped' }
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'running'; readonly since: number }
  /** Connected, but parts of the source answer badly. */
  | ({ readonly state: 'degraded'; readonly since: number } & Trouble)
  | {
      readonly state: 'waiting';
      readonly attempt: number;
      readonly until: number;
      readonly code: FaultCode;
      readonly reason: string;
      /** Of a redundant set: the same server by server. */
      readonly servers?: readonly Refused[];
    };

/** An outage that has not ended: since when nothing is known, by both clocks, and why. */
export interface Unended {
  readonly from: Timestamp;
  /** By the steady clock, ms. */
  readonly begun: number;
  readonly reason: GapReason;
}

/** @see Supervisor.handOver; `told`: the record that opens it is there. */
export type HandedOver = Unended & { readonly told: boolean };

export interface SupervisorOptions {
  readonly source: Source;
  /** From when on nothing is known of the source, and why: its first gap record begins there. */
  readonly unknown?: { readonly since: Timestamp; readonly reason: GapReason };
  /** What `handOver` of the supervisor gave whose place this one takes. */
  readonly takenOver?: HandedOver | undefined;
  /** Takes what the source delivers, and the records about it. Never throws. */
  readonly accept: (batch: Batch) => void;
  readonly describe: (tag: number, facts: TagFacts) => void;
  /** The link was lost; called before the marks of S2 are accepted. Values before and after must not be compared. */
  readonly lost: (tags: readonly number[]) => void;
  readonly log: Log;
}

export interface SourceStats {
  readonly name: string;
  readonly protocol: string;
  readonly address: string;
  readonly tags: number;
  readonly state: SourceState;
  /** Readings that the adapter delivered. */
  readonly received: number;
  /** Connections made. */
  readonly connects: number;
  /** Wall clock of the last delivery, ms since 1970; null before the first. */
  readonly lastReading: number | null;
  /** How it is connected, or was last; absent where the protocol has nothing to tell. */
  readonly connection?: ConnectionFacts;
  /** What polling has done; of protocols that poll. */
  readonly polling?: PollingFacts;
  /** What was lost and had again; of protocols that can tell. */
  readonly losses?: LossFacts;
  /** What the source made of what it was asked for, in flat figures. */
  readonly granted?: Readonly<Record<string, number>>;
}

export interface Supervisor {
  start(): void;
  /** The source has other tags (S4). `next` is the same source as the mapping has it now. */
  retag(next: Source, change: TagChange): void;
  /** Closes the adapter; resolves when nothing of the source runs any more. An outage is told to have lasted until now. */
  stop(): Promise<void>;
  /** As `stop`, for a supervisor that goes on with the same source: an outage is its to end. */
  handOver(): Promise<HandedOver | undefined>;
  stats(): SourceStats;
}

export function supervisor(options: SupervisorOptions): Supervisor {
  const { accept, log } = options;
  let { source } = options;
  const ending = new AbortController();
  const fields = { source: source.name };
  let state: SourceState = { state: 'stopped' };
  let attempt = 0;
  let received = 0;
  let connects = 0;
  let lastReading: number | null = null;
  let running: Promise<void> | undefined;
  let outage: Unended | undefined =
    options.unknown === undefined
      ? options.takenOver
      : {
          from: options.unknown.since - source.latency * TICKS_PER_MS,
          begun: performance.now(),
          reason: options.unknown.reason,
        };
  /** The connection of now; `turn` ends it so that a new one is made at once. */
  let connection: { readonly adapter: Adapter; readonly turn: AbortController } | undefined;
  let marked = options.takenOver?.told ?? false;
  /** Something was delivered after the marks of this outage, or tags may have come: all are marked again at the next loss. */
  let overtaken = marked;

  let lastCode: FaultCode | undefined;
  /** Failures in a row with this code. */
  let repeated = 0;

  function enter(next: SourceState): void {
    const line = { ...fields, from: state.state, to: next.state };
    if (next.state === 'waiting')
      // A long outage fills no log: the same reason is told at the first, second, fourth, eighth… attempt.
      log(next.code !== lastCode || isPowerOfTwo(next.attempt) ? 'warn' : 'debug', 'source not reachable', {
        ...line,
        attempt: next.attempt,
        code: next.code,
        ...(next.servers === undefined ? { reason: next.reason } : oneByOne(next.servers)),
        retryInMs: next.until - Date.now(),
      });
    else if (next.state === 'degraded')
      log('warn', 'parts of the source are in trouble', {
        ...line,
        parts: Object.fromEntries([...next.trouble].slice(0, 5)),
        count: next.troubleCount,
      });
    else if (next.state === 'connecting') log('debug', 'source connecting', { ...line, attempt: next.attempt });
    else log('info', `source ${next.state}`, line);
    if (next.state === 'waiting') lastCode = next.code;
    else if (next.state === 'running') lastCode = undefined;
    state = next;
  }

  const gap = (record: Omit<Gap, 'source'>) => accept(gapBatch([{ ...record, source: source.name }]));

  /** S2, the beginning: called at a loss, and at the first failed attempt after a start. */
  function markLost(reason: GapReason): void {
    if (marked && !overtaken) return;
    const begins = !marked;
    marked = true;
    overtaken = false;
    options.lost(source.tags);
    const time = now();
    if (outage === undefined && lastReading !== null)
      outage = { from: lastSeen - source.latency * TICKS_PER_MS, begun: lastHeard - source.latency, reason };
    outage ??= { from: time, begun: performance.now(), reason };
    if (begins) gap({ reason: outage.reason, from: outage.from, to: null });
    const markers = new BatchBuilder(source.tags.length);
    for (const tag of source.tags) markers.push(tag, time, StatusCode.BadNoCommunication, Kind.Null, 0);
    accept(markers.take());
  }

  /** S2, the end. */
  function markBack(whole: boolean): Outage | undefined {
    marked = false;
    attempt = 0;
    if (outage === undefined) return undefined;
    const { from, begun, reason } = outage;
    outage = undefined;
    const spans = spansOf(from, now(), performance.now() - begun);
    for (const span of spans) gap({ reason, ...span, ...(whole && { complete: true }) });
    return whole ? undefined : { reason, ...spans.at(-1)! };
  }

  let granted: Readonly<Record<string, number>> | undefined;
  /** All of the trouble that was told last. */
  let lastParts: ReadonlyMap<string, string> = new Map();
  let lastSeen: Timestamp = now();
  /** The same by the steady clock, ms. */
  let lastHeard = performance.now();
  /** @param over whether the adapter that holds this sink has been closed; what it says then is not of this world */
  const sinkOf = (over: () => boolean): Sink => ({
    deliver(batch) {
      if (over()) return;
      overtaken = true;
      received += batch.count;
      lastSeen = now();
      lastHeard = performance.now();
      lastReading = Date.now();
      accept(batch);
    },
    ready: (whole = false) => (over() ? undefined : markBack(whole)),
    granted(facts) {
      if (over()) return;
      granted = facts;
      log('info', 'what the source granted', { ...fields, ...facts });
    },
    describe: options.describe,
    gap(record) {
      if (!over()) gap(record);
    },
    trouble(parts) {
      if (over() || (state.state !== 'running' && state.state !== 'degraded')) return;
      const { since } = state;
      if (parts.size === 0 && state.state === 'degraded') enter({ state: 'running', since });
      else if (parts.size > 0 && !(state.state === 'degraded' && same(lastParts, parts))) {
        lastParts = new Map(parts);
        enter({ state: 'degraded', since, ...troubleOf(lastParts) });
      }
    },
  });

  async function connectAndRun(adapter: Adapter, sink: Sink, signal: AbortSignal): Promise<void> {
    enter({ state: 'connecting', attempt });
    await adapter.connect(signal);
    if (signal.aborted) return;
    connects++;
    enter({ state: 'running', since: Date.now() });
    const { remarks = [] } = source.connection?.() ?? {};
    if (remarks.length > 0) log('warn', 'the connection deserves a look', { ...fields, remarks });
    await adapter.run(sink, signal);
  }

  /** One connection from its beginning to its end. Resolves with why it ended; undefined when it was told to. */
  async function session(): Promise<Fault | undefined> {
    attempt++;
    let over = false;
    let adapter: Adapter | undefined;
    const turn = new AbortController();
    const signal = AbortSignal.any([ending.signal, turn.signal]);
    try {
      adapter = source.create();
      connection = { adapter, turn };
      const work = connectAndRun(
        adapter,
        sinkOf(() => over),
        signal,
      );
      if (!(await heeding(CLOSE_DEADLINE_MS, work, signal)))
        log('warn', 'the source does not end, and is left behind', fields);
      return signal.aborted ? undefined : new Fault('source.closed', 'the source ended the connection');
    } catch (error) {
      return signal.aborted ? undefined : Fault.from(error, 'internal.unexpected', 'the adapter failed');
    } finally {
      connection = undefined;
      await release(adapter);
      over = true;
    }
  }

  async function release(adapter: Adapter | undefined): Promise<void> {
    try {
      // Beyond its deadline an adapter is left to itself: the source goes on with a new one.
      if (!(await endsWithin(CLOSE_DEADLINE_MS, Promise.resolve(adapter?.close()))))
        log('warn', 'closing the source took too long', fields);
    } catch (error) {
      log('warn', 'closing the source failed', { ...fields, reason: describe(error) });
    }
  }

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      const begun = performance.now();
      const before = connects;
      const fault = await session();
      // How long it took to fail counts as waiting: a silent path is tried as often as a closed port.
      const spent = connects === before ? performance.now() - begun : 0;
      if (ending.signal.aborted) break;
      markLost(fault === undefined ? 'reload' : 'source-down');
      if (fault === undefined) continue;
      repeated = fault.code === lastCode ? repeated + 1 : 1;
      const delay = delayFor(fault.code, repeated, attempt, spent);
      const { code, message: reason, servers } = fault;
      const until = Math.round(Date.now() + delay);
      enter({ state: 'waiting', attempt, until, code, reason, ...(servers && { servers }) });
      await pause(delay, ending.signal);
    }
    enter({ state: 'stopped' });
  }

  async function end(): Promise<void> {
    ending.abort();
    // An adapter that does not heed the signal must not keep the gateway from ending.
    if (!(await endsWithin(2 * CLOSE_DEADLINE_MS, Promise.resolve(running))))
      log('warn', 'the source did not end in time', fields);
  }

  return {
    start() {
      running ??= run();
    },
    retag(next, change) {
      source = next;
      // Those added have no mark of this outage yet: the next failure marks all of them again.
      overtaken = true;
      if (connection === undefined) return;
      const { adapter, turn } = connection;
      const up = state.state === 'running' || state.state === 'degraded';
      try {
        if (next.retag === undefined || !up) turn.abort();
        else next.retag(adapter, change);
      } catch (error) {
        log('warn', 'the source is connected anew for its new tags', { ...fields, reason: describe(error) });
        turn.abort();
      }
    },
    async stop() {
      await end();
      markBack(false);
    },
    async handOver() {
      await end();
      return outage && { ...outage, told: marked };
    },
    stats: () => {
      const facts = source.connection?.();
      const polling = source.polling?.();
      return {
        name: source.name,
        protocol: source.protocol,
        address: source.address,
        tags: source.tags.length,
        state,
        received,
        connects,
        lastReading,
        ...(facts !== undefined && { connection: facts }),
        ...(polling !== undefined && { polling: { ...polling } }),
        ...(source.losses && { losses: source.losses() }),
        ...(granted !== undefined && { granted }),
      };
    },
  };
}

/** Shortest wait after an attempt that took long itself, ms. */
const SHORTEST = 250;

/** A device that takes longer to start, or has no place free for so long, is asked more seldom: 60 attempts, two minutes. */
const STARTING = 60;

/**
 * How long to wait before the next attempt, ms. Where trying costs a server little it is tried often; a login or a
 * certificate that was refused is not.
 */
function delayFor(code: FaultCode, repeated: number, attempt: number, spent: number): number {
  const cheap = code === 'source.unreachable' || (code === 'source.unready' && repeated <= STARTING);
  if (!cheap) return wait(RECONNECT, attempt, Math.random());
  const delay = wait(ABSENT, attempt, Math.random());
  return Math.max(Math.min(delay, SHORTEST), delay - spent);
}

/** Of a redundant set, so that a long reason of one server does not cut off those of the others. */
const oneByOne = (servers: readonly Refused[]) => ({
  reason: `none of its ${servers.length} servers can be used`,
  servers: Object.fromEntries(servers.map(({ endpoint, code, reason }) => [endpoint, `${reason} [${code}]`])),
});

const isPowerOfTwo = (n: number) => (n & (n - 1)) === 0;

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, text]) => b.get(key) === text);
}
