// A source with several servers that serve the same signals (non-transparent redundancy, OPC 10000-4 section 6.6.2).
// One is used; every other one stands by (seat.ts), cold, warm or hot, as it says itself or the mapping does. The
// change-over is made here, without the supervisor's backoff, and where values may be missing a gap record says for which
// time.

import { Fault } from '../../../model/fault.ts';
import { now, TICKS_PER_MS, type Timestamp } from '../../../model/time.ts';
import type { Adapter, Sink } from '../../adapter.ts';
import { pause } from '../../pause.ts';
import type { Kept } from '../kept.ts';
import { type OpcUaOptions, TIMINGS, type Timings } from '../source/options.ts';
import { compare } from './clocks.ts';
import { openSeat, type Seat, WATCH } from './seat.ts';
import type { ServerSet } from './set.ts';
import { type Standby, standby } from './standby.ts';

/** Longest that one server may take to be connected while another could be tried, ms. */
const PATIENCE = 5_000;

/** Within the contract's deadline for a close, ms. */
const CLOSING = 4_500;

export function redundantAdapter(set: ServerSet, timings: Timings = TIMINGS): Adapter {
  const { options, chooser } = set;
  const [{ name }] = options as readonly [OpcUaOptions];
  const closing = new AbortController();
  const standbys = new Map<number, Standby>();
  const leaving = new Set<Promise<void>>();
  let current: Seat | undefined;
  let closed: Promise<void> | undefined;

  const open = (server: number, patience: number, signal: AbortSignal) =>
    openSeat(set, server, { ...timings, connect: Math.min(patience, timings.connect) }, leave, signal);

  /** Connects to the first of these that can be. Rejects with what kept each of them. */
  async function connectTo(servers: readonly number[], signal: AbortSignal): Promise<Seat> {
    const reasons: Fault[] = [];
    for (const [i, server] of servers.entries()) {
      const last = i === servers.length - 1;
      try {
        return await open(server, last ? timings.connect : PATIENCE, signal);
      } catch (error) {
        reasons.push(Fault.from(error, 'internal.unexpected', name));
        if (signal.aborted) break;
      }
    }
    throw severalReasons(reasons);
  }

  function severalReasons(reasons: readonly Fault[]): Fault {
    const [first] = reasons;
    const all = [...new Set(reasons.map(({ message }) => message))].join('; ');
    return new Fault(first?.code ?? 'source.unreachable', all, first);
  }

  /** The server to be used instead: one that stands by, else one that can be connected to. */
  async function successor(left: number, signal: AbortSignal): Promise<Seat> {
    const order = chooser.order(left);
    for (const server of order) {
      const seat = standbys.get(server)?.take();
      if (seat === undefined) continue;
      standbys.delete(server);
      return seat;
    }
    const reasons: Fault[] = [];
    for (const server of [...order, left]) {
      const waiting = standbys.get(server);
      standbys.delete(server);
      await waiting?.end();
      try {
        return await open(server, PATIENCE, signal);
      } catch (error) {
        reasons.push(Fault.from(error, 'internal.unexpected', name));
        if (signal.aborted) break;
      }
    }
    throw severalReasons(reasons);
  }

  /** Waits for the end of what is not used any more, at the end only: a server that is gone takes its time. */
  function leave(work: Promise<unknown>): Promise<void> {
    const ended = work.then(
      () => {},
      () => {},
    );
    leaving.add(ended);
    ended.then(() => leaving.delete(ended));
    return ended;
  }

  /** Resolves when another server should be used. */
  async function overtaken(server: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && chooser.better(server, performance.now()) === undefined) await pause(WATCH / 2, signal);
  }

  return {
    async connect(signal) {
      current = await connectTo(chooser.order(), AbortSignal.any([signal, closing.signal]));
      current.use();
    },
    async run(sink, signal) {
      const stop = AbortSignal.any([signal, closing.signal]);
      const seen = lastSeen(sink);
      const endings = new Map<number, Promise<void>>();
      let known: ReturnType<Seat['leave']>;
      try {
        for (;;) {
          const one = current;
          if (one === undefined) throw new Fault('internal.unexpected', `${name}: run without connect`);
          for (const [server, { endpoint }] of options.entries()) {
            if (server === one.server || standbys.has(server)) continue;
            const after = endings.get(server) ?? Promise.resolve();
            const tell = (reason: string | undefined) => seen.without(endpoint, reason);
            const begin = (signal: AbortSignal) => open(server, timings.connect, signal);
            standbys.set(server, standby(begin, seen.sink, after, tell));
          }
          const turn = new AbortController();
          const over = AbortSignal.any([stop, turn.signal]);
          let fault: Fault | undefined;
          try {
            await Promise.race([one.run(seen.sink), overtaken(one.server, over)]);
          } catch (error) {
            fault = Fault.from(error, 'internal.unexpected', name);
          }
          turn.abort();
          known = one.leave() ?? known;
          endings.set(one.server, leave(one.close()));
          if (stop.aborted) return;
          const since = seen.lost();
          try {
            current = await successor(one.server, stop);
          } catch (error) {
            if (stop.aborted) return;
            // The supervisor takes over: it marks the tags, and tells of the outage.
            throw fault ?? error;
          }
          const next = current.server;
          const clocks = compare(set.clocks[one.server], set.clocks[next]);
          if (known !== undefined) (set.kept[next] as Kept).known = { ...known, since, ...clocks };
          current.use();
        }
      } finally {
        for (const one of standbys.values()) leave(one.end());
        standbys.clear();
      }
    },
    close() {
      closed ??= (async () => {
        const late = new Fault('source.closed', `${name}: closed`);
        closing.abort(late);
        const done = new AbortController();
        const all = Promise.all([current?.close(), ...leaving]).catch(() => {});
        all.finally(() => done.abort());
        await pause(CLOSING, done.signal);
      })();
      return closed;
    },
  };

  /** Between the last reading of one server and the moment when nothing is missed at the next, a gap record is told. */
  function lastSeen(sink: Sink) {
    let last: Timestamp = now();
    let since: Timestamp | undefined;
    let changes = 0;
    // Sampled, sent, and on its way: so old may be what was lost with the link.
    const { publishing = 0, tags = [] } = options[0] ?? {};
    const slowest = tags.reduce((most, { sampling }) => Math.max(most, sampling), 0);
    const lag = (2 * publishing + slowest) * TICKS_PER_MS;
    let parts: ReadonlyMap<string, string> = new Map();
    const missing = new Map<string, string>();
    const trouble = () => sink.trouble(new Map([...missing, ...parts]));
    return {
      /** The server in use is left; since when something may be missing. */
      lost(): Timestamp {
        since ??= last - lag;
        changes += 1;
        return since;
      },
      /** A server does not stand by, and why; undefined: it does. */
      without(endpoint: string, reason: string | undefined) {
        const key = `server ${endpoint}`;
        const text = `does not stand by: ${reason}`;
        if (reason === undefined ? !missing.delete(key) : missing.get(key) === text) return;
        if (reason !== undefined) missing.set(key, text);
        trouble();
      },
      sink: {
        ...sink,
        deliver(batch) {
          if (since === undefined) last = now();
          sink.deliver(batch);
        },
        ready(whole) {
          const outage = sink.ready(whole);
          last = now();
          if (since === undefined) return outage;
          const ended = { reason: 'source-down', from: since, to: last } as const;
          since = undefined;
          // Of a whole change-over there is nothing to tell.
          if (whole) return outage;
          sink.gap(ended);
          return outage ?? ended;
        },
        granted(facts) {
          sink.granted(changes === 0 ? facts : { ...facts, changeOvers: changes });
        },
        trouble(told) {
          parts = told;
          trouble();
        },
      } satisfies Sink as Sink,
    };
  }
}
