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
import { noneOf, refused, withoutData } from './refusals.ts';
import { openSeat, type Seat, WATCH } from './seat.ts';
import type { ServerSet } from './set.ts';
import { type Standby, standby } from './standby.ts';

/** Longest that one server may take to be connected while another could be tried, ms. */
const PATIENCE = 5_000;

/** So many looks at the ServiceLevel in a row count as one that lasts. */
const LASTING = 6;

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

  /** What kept each server from being used, told in the order of the mapping. @throws a Fault for all of them */
  function refusals() {
    const faults = new Map<number, Fault>();
    return {
      note(server: number, fault: Fault) {
        faults.set(server, fault);
      },
      all(): Fault {
        const each = options.flatMap(({ endpoint }, server) => {
          const fault = faults.get(server);
          return fault === undefined ? [] : [{ endpoint, fault }];
        });
        return noneOf(name, each);
      },
    };
  }

  /** Connects to the first of these that can be. Rejects with what kept each of them. */
  async function connectTo(servers: readonly number[], signal: AbortSignal): Promise<Seat> {
    const kept = refusals();
    for (const [i, server] of servers.entries()) {
      const last = i === servers.length - 1;
      try {
        return await open(server, last ? timings.connect : PATIENCE, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        kept.note(server, Fault.from(error, 'internal.unexpected', name));
      }
    }
    throw kept.all();
  }

  /**
   * The server to be used instead: one that stands by, else one that can be connected to. Rejects with what kept each.
   * @param lost why the one that is left was lost; undefined: it was left for a better one
   */
  async function successor(left: number, lost: Fault | undefined, signal: AbortSignal): Promise<Seat> {
    const order = chooser.order(left);
    for (const server of order) {
      const seat = standbys.get(server)?.take();
      if (seat === undefined) continue;
      standbys.delete(server);
      return seat;
    }
    const kept = refusals();
    for (const server of [...order, left]) {
      const waiting = standbys.get(server);
      standbys.delete(server);
      await waiting?.end();
      try {
        return await open(server, PATIENCE, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        const fault = Fault.from(error, 'internal.unexpected', name);
        kept.note(server, server === left && lost !== undefined ? afterwards(left, lost, fault) : fault);
      }
    }
    throw kept.all();
  }

  /** Why a server was lost, and why it cannot be connected to since. */
  function afterwards(server: number, lost: Fault, fault: Fault): Fault {
    const { endpoint } = options[server] as OpcUaOptions;
    const [first, then] = [lost, fault].map((one) => refused(name, { endpoint, fault: one }).reason);
    return first === then ? fault : new Fault(fault.code, `${first}; then: ${then}`, fault);
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

  /** Resolves when another server should be used. @param tell why this one is no good, though no other is better */
  async function overtaken(
    server: number,
    tell: (reason: string | undefined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let told: string | undefined;
    let changed = 0;
    while (!signal.aborted && chooser.better(server, performance.now()) === undefined) {
      const reason = withoutData(chooser.level(server));
      // One that changes its mind all the time fills no log.
      changed = reason === told ? 0 : changed + 1;
      if (changed > LASTING) {
        told = reason;
        tell(reason);
      }
      await pause(WATCH / 2, signal);
    }
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
            const tell = (fault: Fault | undefined) =>
              seen.tell(endpoint, fault && `does not stand by: ${refused(name, { endpoint, fault }).reason}`);
            const begin = (signal: AbortSignal) => open(server, timings.connect, signal);
            standbys.set(server, standby(begin, seen.sink, after, tell));
          }
          const turn = new AbortController();
          const over = AbortSignal.any([stop, turn.signal]);
          let fault: Fault | undefined;
          try {
            const { endpoint } = options[one.server] as OpcUaOptions;
            const tell = (reason: string | undefined) =>
              seen.tell(endpoint, reason && `is used, though ${reason}: no other is better`);
            tell(undefined);
            await Promise.race([one.run(seen.sink), overtaken(one.server, tell, over)]);
          } catch (error) {
            fault = Fault.from(error, 'internal.unexpected', name);
          }
          turn.abort();
          known = one.leave() ?? known;
          endings.set(one.server, leave(one.close()));
          if (stop.aborted) return;
          const since = seen.lost();
          try {
            current = await successor(one.server, fault, stop);
          } catch (error) {
            if (stop.aborted) return;
            // The supervisor takes over: it marks the tags, and tells of the outage.
            throw error;
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
      /** What is wrong with a server; undefined: nothing. */
      tell(endpoint: string, text: string | undefined) {
        const key = `server ${endpoint}`;
        if (text === undefined ? !missing.delete(key) : missing.get(key) === text) return;
        if (text !== undefined) missing.set(key, text);
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
