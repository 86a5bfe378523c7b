// The forwarder: takes what is committed to the hub, for as long as it takes. What it promises:
//
// F1  An entry is acknowledged to the buffer only after the hub has acknowledged its message.
// F2  A message that was sent and not acknowledged is sent again as it was, under the same id, so that a duplicate
//     is recognisable. At most `maxInFlight` messages are out; everything else stays on disk.
// F3  Whatever the hub does, the forwarder comes back: a new hub for each attempt, backoff with jitter, no limit.
// F4  Live readings do not wait for a backlog (`live-first`): each lane has its share of the messages in flight.
// F5  What older epochs still hold goes out by the backfill lane, after the buffer's own backlog.

import { RECONNECT, wait } from '../model/backoff.ts';
import { describe, Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import type { Stream } from '../model/stream.ts';
import { halve, MAX_BODY, type Outgoing, pack, type Sender, timesOf } from './envelope.ts';
import type { Format } from './formats/format.ts';
import type { Hub, HubFactory } from './hubs/hub.ts';
import { pace } from './pace.ts';
import type { Numbered, Queue } from './queue.ts';

/** Entries of an older epoch, and the format that knows their tags. */
export interface OlderEpoch {
  readonly queue: Pick<Queue, 'epoch' | 'waiting' | 'next' | 'ack' | 'giveUp'>;
  readonly format: Format;
}

export interface ForwarderOptions extends Omit<Sender, 'epoch'> {
  readonly buffer: Queue;
  /** Drained one after another. */
  readonly older?: readonly OlderEpoch[];
  readonly hub: HubFactory;
  /** Longest that an entry waits for its message to fill, ms. */
  readonly maxDelay: number;
  readonly order: 'live-first' | 'oldest-first';
  /** Most messages a second of the backfill lane; absent: as many as the hub takes. */
  readonly drainLimit?: number | undefined;
  /** Messages sent and not acknowledged; edgeHub takes 16 from a module, and hands on 10. */
  readonly maxInFlight?: number;
  readonly log: Log;
}

export type HubState =
  | { readonly state: 'stopped' }
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'connected'; readonly since: number; readonly transport?: string }
  | {
      readonly state: 'waiting';
      readonly attempt: number;
      readonly until: number;
      readonly code: string;
      readonly reason: string;
    };

export interface ForwarderStats {
  readonly hub: HubState;
  readonly deliveredReadings: number;
  readonly deliveredMessages: number;
  readonly deliveredBytes: number;
  /** Messages sent more than once because the first sending was not acknowledged. */
  readonly resentMessages: number;
  readonly inFlight: number;
}

export interface Forwarder {
  /** Resolves when delivery has been stopped. Rejects with the Fault `buffer.damaged`: the process should then end. */
  start(): Promise<void>;
  /** Something was committed. */
  wake(): void;
  /** Most messages per second while a backlog drains, from now on; undefined: no limit. */
  limitDrain(perSecond: number | undefined): void;
  /** Sends what is there for at most `deadline` ms, then ends. What is not acknowledged by then stays in the buffer. */
  stop(deadline: number): Promise<void>;
  stats(): ForwarderStats;
}

/** Most entries in a message: bounds the memory of one body while it is made (about 130 bytes an entry in `rows`). */
const MAX_ENTRIES = 20_000;
/** Live entries that waited this long, ms, while the order is live-first, have become backlog. */
const LIVE_LAG = 10_000;
/** The body is aimed at this share of what is allowed, because its size is estimated. */
const FILL = 0.9;

export function forwarder(options: ForwarderOptions): Forwarder {
  const { buffer, log, maxDelay, order, maxInFlight = 8 } = options;
  const { site, gateway, compression } = options;
  const newest: OlderEpoch = { queue: buffer, format: options.format };
  const origins = [newest, ...(options.older ?? [])];
  let draining = pace(options.drainLimit);
  /** Taken from a queue, and no message yet. */
  const taken: { readonly lane: Stream; readonly origin: OlderEpoch; readonly parts: readonly Numbered[] }[] = [];
  /** Messages until they are acknowledged, by their id. */
  const outstanding = new Map<string, Outgoing>();
  const sentBefore = new WeakSet<Outgoing>();
  const ending = new AbortController();
  let hub: HubState = { state: 'stopped' };
  let stopBy: number | undefined;
  let attempt = 0;
  let running: Promise<void> | undefined;
  let notify = () => {};
  /** When the first entry that waits in the live lane was committed, as far as known. */
  let liveSince: number | undefined;
  /** Learned: bytes of body per entry. Starts high, so that the first guess is a small message. */
  let bytesPerEntry = 100;
  const delivered = { readings: 0, messages: 0, bytes: 0, resent: 0 };

  /** Resolves after `ms`, or when something happened. */
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  function enter(next: HubState): void {
    if (next.state === 'connected') {
      const { transport } = next;
      log('info', 'hub connected', { attempt, ...(transport !== undefined && { transport }) });
    }
    if (next.state === 'waiting')
      log('warn', 'hub not reachable', {
        attempt,
        code: next.code,
        reason: next.reason,
        retryInMs: next.until - Date.now(),
      });
    hub = next;
  }

  const inFlight = (stream: Stream) => {
    let found = 0;
    for (const out of outstanding.values()) if (out.stream === stream) found++;
    return found;
  };

  const originOf = ({ epoch }: Outgoing) => origins.find(({ queue }) => queue.epoch === epoch) ?? newest;

  /** Where the backfill lane goes on. */
  const backlogged = () => origins.find(({ queue }) => queue.waiting('backfill') > 0);

  const messageEntries = () => Math.max(1, Math.min(MAX_ENTRIES, Math.floor((MAX_BODY * FILL) / bytesPerEntry)));

  /** Messages that a lane may have under way: live readings always find room beside a backlog. */
  const share = (lane: Stream, backlog: boolean) =>
    order === 'live-first' && (lane === 'backfill' || backlog) ? Math.max(1, maxInFlight - 2) : maxInFlight;

  /** The lane whose turn it is, or how long to wait for one, ms. */
  function choose(): Stream | number {
    const now = performance.now();
    if (order === 'live-first' && liveSince !== undefined && now - liveSince > Math.max(LIVE_LAG, 2 * maxDelay)) {
      buffer.split();
      liveSince = undefined;
    }
    const backlog = backlogged() !== undefined;
    const live = buffer.waiting('live');
    // The buffer also commits by itself: gap records about what it gave up.
    if (live > 0) liveSince ??= now;
    const due = live === 0 ? Number.POSITIVE_INFINITY : (liveSince ?? now) + maxDelay - now;
    const mayTake = (lane: Stream) => inFlight(lane) < share(lane, backlog);
    const hold = draining.wait(now);
    if (backlog && order === 'oldest-first')
      return outstanding.size >= maxInFlight ? 1_000 : hold > 0 ? Math.min(1_000, hold) : 'backfill';
    const isDue = live >= messageEntries() || due <= 0 || (live > 0 && stopBy !== undefined);
    if (isDue && mayTake('live')) return 'live';
    const mayDrain = backlog && mayTake('backfill');
    if (mayDrain && hold === 0) return 'backfill';
    // What is due and finds no room waits for an acknowledgement, not for a time.
    return Math.min(1_000, isDue ? 1_000 : Math.max(1, due), mayDrain ? hold : 1_000);
  }

  /** The messages to send now, of those that are not under way on this connection: live readings first. */
  function nextToSend(underWay: ReadonlySet<Outgoing>): Outgoing[] {
    const found: Outgoing[] = [];
    const lanes: (readonly Stream[])[] = order === 'live-first' ? [['live'], ['backfill']] : [['live', 'backfill']];
    for (const lane of lanes) {
      let room = share(lane[0] as Stream, false);
      for (const out of underWay) if (lane.includes(out.stream)) room--;
      for (const out of outstanding.values()) {
        if (underWay.has(out) || !lane.includes(out.stream)) continue;
        if (room-- <= 0 || underWay.size + found.length >= maxInFlight) break;
        found.push(out);
      }
    }
    return found;
  }

  function take(lane: Stream): void {
    const origin = lane === 'live' ? newest : (backlogged() ?? newest);
    const parts = origin.queue.next(lane, messageEntries());
    if (lane === 'live') liveSince = buffer.waiting('live') > 0 ? performance.now() : undefined;
    if (parts.length > 0) taken.push({ lane, origin, parts });
  }

  /** Makes messages of what was taken. What fails stays taken, for the next session. */
  async function prepare(): Promise<void> {
    for (let next = taken[0]; next !== undefined; next = taken[0]) {
      const { queue, format } = next.origin;
      const sender: Sender = { site, gateway, epoch: queue.epoch, format, compression };
      const { fitting, tooLarge } = await pack(sender, next.lane, next.parts);
      taken.shift();
      if (next.lane === 'backfill') draining.spend(performance.now(), fitting.length);
      for (const { first, batch } of tooLarge) {
        log('error', 'an entry cannot be written or is larger than a message may be; it is dropped', {
          seq: first,
          limit: MAX_BODY,
        });
        queue.giveUp('too-large', first, first, batch.count, timesOf(batch));
      }
      for (const out of fitting) {
        outstanding.set(out.message.id, out);
        bytesPerEntry += 0.2 * (out.message.body.length / (out.last - out.first + 1) - bytesPerEntry);
      }
    }
  }

  function acknowledge(out: Outgoing): void {
    // An acknowledgement that comes after the message was prepared anew has nothing left to do.
    if (outstanding.get(out.message.id) !== out) return;
    outstanding.delete(out.message.id);
    originOf(out).queue.ack(out.first, out.last, out.readings);
    delivered.readings += out.readings;
    delivered.messages++;
    delivered.bytes += out.message.body.length;
    attempt = 0;
    notify();
  }

  /** Sends until the connection is lost or the forwarder ends; says why it is lost. */
  async function session(connection: Hub): Promise<Fault | undefined> {
    let lost: Fault | undefined;
    const fail = (error: unknown) => {
      lost ??= Fault.from(error, 'hub.closed', 'the connection to the hub was lost');
      notify();
    };
    /** Sent over this connection, and not answered. */
    const underWay = new Set<Outgoing>();
    const transmit = async (out: Outgoing) => {
      underWay.add(out);
      if (sentBefore.has(out)) delivered.resent++;
      sentBefore.add(out);
      try {
        await connection.send(out.message);
        acknowledge(out);
      } catch (error) {
        if (error instanceof Fault && error.code === 'hub.too-large') shrink(out, error);
        else fail(error);
      } finally {
        underWay.delete(out);
      }
    };
    void connection.lost.then(fail);
    while (lost === undefined && !finished()) {
      await prepare();
      for (const out of nextToSend(underWay)) void transmit(out);
      const turn = choose();
      if (typeof turn === 'number') await pause(stopBy === undefined ? turn : Math.min(turn, 50));
      else take(turn);
    }
    return lost;
  }

  function shrink(out: Outgoing, error: Fault): void {
    // As with an acknowledgement: only the message that is still wanted counts.
    if (outstanding.get(out.message.id) !== out) return;
    outstanding.delete(out.message.id);
    const halves = halve(out.parts);
    const origin = originOf(out);
    if (halves !== undefined) taken.push(...halves.map((parts) => ({ lane: out.stream, origin, parts })));
    else {
      log('error', 'the hub refuses an entry as too large; it is dropped', { seq: out.first, reason: error.message });
      origin.queue.giveUp('too-large', out.first, out.last, out.readings, timesOf((out.parts[0] as Numbered).batch));
    }
    notify();
  }

  /** The end was asked for and nothing is left to do, or its deadline has passed. */
  function finished(): boolean {
    if (stopBy === undefined) return false;
    const idle = taken.length + outstanding.size === 0 && buffer.waiting('live') === 0 && backlogged() === undefined;
    return idle || performance.now() >= stopBy;
  }

  /** One connection from its beginning to its end. Resolves with why it ended; undefined when it was told to. */
  async function connection(): Promise<Fault | undefined> {
    let opened: Hub | undefined;
    try {
      opened = options.hub();
      await opened.connect(ending.signal);
      const { transport } = opened;
      enter({ state: 'connected', since: Date.now(), ...(transport !== undefined && { transport }) });
      return await session(opened);
    } catch (error) {
      const fault = Fault.from(error, 'hub.unreachable', 'the hub cannot be reached');
      // No connection mends the buffer's file.
      if (fault.code === 'buffer.damaged') throw fault;
      return fault;
    } finally {
      await release(opened);
    }
  }

  async function release(opened: Hub | undefined): Promise<void> {
    try {
      await opened?.close();
    } catch (error) {
      log('warn', 'closing the hub failed', { reason: describe(error) });
    }
  }

  async function run(): Promise<void> {
    while (!finished()) {
      enter({ state: 'connecting', attempt: ++attempt });
      const fault = await connection();
      if (fault === undefined || finished()) break;
      const delay = wait(RECONNECT, attempt, Math.random());
      enter({ state: 'waiting', attempt, until: Date.now() + delay, code: fault.code, reason: fault.message });
      const end = performance.now() + delay;
      while (!finished() && performance.now() < end) await pause(Math.max(0, end - performance.now()));
    }
    hub = { state: 'stopped' };
  }

  return {
    start() {
      running ??= run();
      return running;
    },
    limitDrain(perSecond) {
      draining = pace(perSecond);
      notify();
    },
    wake() {
      liveSince ??= performance.now();
      notify();
    },
    async stop(deadline) {
      // Without a connection there is nothing to wait for: what is on disk will be delivered after the next start.
      stopBy = performance.now() + (hub.state === 'connected' ? deadline : 0);
      ending.abort();
      notify();
      await running?.catch(() => {});
    },
    stats: () => ({
      hub,
      deliveredReadings: delivered.readings,
      deliveredMessages: delivered.messages,
      deliveredBytes: delivered.bytes,
      resentMessages: delivered.resent,
      inFlight: outstanding.size,
    }),
  };
}
