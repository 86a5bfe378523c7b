// A source with several servers that serve the same signals (non-transparent redundancy, OPC 10000-4 section 6.6.2).
// One is used; to every other a session stands by, so that its trust, login and ServiceLevel are known before they are
// needed. The one in use is asked for its ServiceLevel too, often enough that its silence is noticed within two
// seconds. The change-over is made here, without the supervisor's backoff: subscriptions are made anew at the other server, and a
// gap record says for which time values may be missing. This is the client's part for cold and warm sets, and serves
// hot ones as well: their second queue is not read, so the gap record stays.

import { AttributeIds } from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';
import { now, TICKS_PER_MS, type Timestamp } from '../../model/time.ts';
import type { Adapter, Sink } from '../adapter.ts';
import { opcuaAdapter } from './adapter.ts';
import type { Calls } from './calls.ts';
import { type Chooser, chooser, HYSTERESIS, type Hysteresis, healthOf } from './chooser.ts';
import { type Kept, keep } from './kept.ts';
import { type OpcUaOptions, TIMINGS, type Timings } from './options.ts';
import { type Roster, roster } from './roster.ts';
import { visiting } from './visit.ts';

const SERVICE_LEVEL = 'i=2267';
/** How often every server is asked for its ServiceLevel, and how long an answer may take, ms. */
const WATCH = 500;
const ANSWER = 1_500;
/** When a server that does not stand by is tried again, ms. */
const AGAIN = 2_000;
/** The same for one that refused, ms. */
const REFUSED = 60_000;
/** Longest that one server may take to be connected while another could be tried, ms. */
const PATIENCE = 5_000;

/** Within the contract's deadline for a close, ms. */
const CLOSING = 4_500;

/** What adapters of one source share, for the life of the process. */
export interface ServerSet {
  readonly options: readonly OpcUaOptions[];
  readonly kept: readonly Kept[];
  /** The tags, the same for all. */
  readonly roster: Roster;
  readonly chooser: Chooser;
  /** The server in use. */
  active: number;
}

/** @param endpoints of servers that serve the same; the first is preferred among equals */
export function redundantSet(options: OpcUaOptions, endpoints: readonly string[], more?: Hysteresis): ServerSet {
  const tags = roster(options.tags, options.publishing);
  const each = endpoints.map((endpoint) => ({ ...options, endpoint }));
  return {
    options: each,
    roster: tags,
    kept: each.map((one) => keep(one, undefined, tags)),
    chooser: chooser(endpoints.length, more ?? HYSTERESIS),
    active: 0,
  };
}

/** What `/status` shows of it: each server by its endpoint, with its ServiceLevel. */
export function standing({
  options,
  chooser,
  active,
}: ServerSet): { endpoint: string; serviceLevel: number | null; health: string; used: boolean }[] {
  return options.map(({ endpoint }, i) => {
    const level = chooser.level(i);
    return { endpoint, serviceLevel: level ?? null, health: healthOf(level), used: i === active };
  });
}

export function redundantAdapter(set: ServerSet, timings: Timings = TIMINGS): Adapter {
  const { options, kept, chooser } = set;
  const [{ name }] = options as readonly [OpcUaOptions];
  const closing = new AbortController();
  let current:
    | { readonly server: number; readonly adapter: Adapter; readonly calls: () => Calls | undefined }
    | undefined;
  const leaving = new Set<Promise<void>>();
  let closed: Promise<void> | undefined;

  /** Connects to the first of these that can be. Rejects with what kept each of them. */
  async function connectTo(servers: readonly number[], longest: number, signal: AbortSignal): Promise<void> {
    const reasons: Fault[] = [];
    for (const [i, server] of servers.entries()) {
      let calls: Calls | undefined;
      const attend = (given: Calls) => {
        calls = given;
      };
      const last = i === servers.length - 1;
      const connect = last ? longest : Math.min(PATIENCE, longest);
      const adapter = opcuaAdapter(options[server] as OpcUaOptions, { ...timings, connect }, kept[server], attend);
      try {
        await adapter.connect(signal);
        await hear(server, calls);
        chooser.use(server, performance.now());
        set.active = server;
        current = { server, adapter, calls: () => calls };
        return;
      } catch (error) {
        leave(adapter.close());
        chooser.hear(server, undefined, performance.now());
        reasons.push(Fault.from(error, 'internal.unexpected', name));
        if (signal.aborted) break;
      }
    }
    const [first] = reasons;
    const all = [...new Set(reasons.map(({ message }) => message))].join('; ');
    throw new Fault(first?.code ?? 'source.unreachable', all, first);
  }

  /** Asks a server for its ServiceLevel once; rejects when it does not answer. */
  async function hear(server: number, calls: Calls | undefined): Promise<void> {
    if (calls === undefined) return;
    const node = { nodeId: SERVICE_LEVEL, attributeId: AttributeIds.Value };
    const answer = calls.once('asking for its ServiceLevel', (session) => session.read(node));
    const late = () => new Fault('source.silent', `${name}: ${options[server]?.endpoint} does not answer`);
    const { value } = await within(ANSWER, answer, late);
    const level: unknown = value?.value;
    // A server without one is taken as healthy: it has nothing worse to say.
    chooser.hear(server, typeof level === 'number' ? level : 255, performance.now());
  }

  /** Waits for the end of what is not used any more, at the end only: a server that is gone takes its time. */
  function leave(work: Promise<unknown>): void {
    const ended = work.then(
      () => {},
      () => {},
    );
    leaving.add(ended);
    ended.then(() => leaving.delete(ended));
  }

  /** Goes on asking until the signal aborts; rejects when there is no answer. */
  async function watch(server: number, calls: () => Calls | undefined, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await hear(server, calls());
      await pause(WATCH, signal);
    }
  }

  /** A session that stands by at a server that is not in use. */
  async function standBy(server: number, signal: AbortSignal): Promise<void> {
    const { tell: _, ...quiet } = options[server] as OpcUaOptions;
    while (!signal.aborted) {
      let wait = AGAIN;
      try {
        // Ended politely, not by the signal: a session that is cut off stays on the server for minutes.
        for await (const { server: calls } of visiting(quiet, new AbortController().signal)) {
          await watch(server, () => calls, signal);
        }
      } catch (error) {
        chooser.hear(server, undefined, performance.now());
        // Nobody's account is to be locked by a wrong password that is tried all the time.
        if (error instanceof Fault && error.class === 'configuration') wait = REFUSED;
      }
      await pause(wait, signal);
    }
  }

  /** Resolves when another server should be used. */
  async function overtaken(server: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && chooser.better(server, performance.now()) === undefined) await pause(WATCH / 2, signal);
  }

  return {
    connect: async (signal) => connectTo(chooser.order(), timings.connect, AbortSignal.any([signal, closing.signal])),
    async run(sink, signal) {
      const stop = AbortSignal.any([signal, closing.signal]);
      const seen = lastSeen(sink);
      for (;;) {
        const one = current;
        if (one === undefined) throw new Fault('internal.unexpected', `${name}: run without connect`);
        const turn = new AbortController();
        const over = AbortSignal.any([stop, turn.signal]);
        const others = options.map((_, server) => server).filter((server) => server !== one.server);
        for (const server of others) leave(standBy(server, over));
        let fault: Fault | undefined;
        try {
          const work = one.adapter.run(seen.sink, over);
          work.catch(() => {});
          await Promise.race([work, watch(one.server, one.calls, over), overtaken(one.server, over)]);
        } catch (error) {
          fault = Fault.from(error, 'internal.unexpected', name);
          chooser.hear(one.server, undefined, performance.now());
        }
        turn.abort();
        leave(one.adapter.close());
        if (stop.aborted) return;
        seen.lost();
        try {
          await connectTo([...chooser.order(one.server), one.server], PATIENCE, stop);
        } catch (error) {
          if (stop.aborted) return;
          // The supervisor takes over: it marks the tags, and tells of the outage.
          throw fault ?? error;
        }
      }
    },
    close() {
      closed ??= (async () => {
        const late = new Fault('source.closed', `${name}: closed`);
        closing.abort(late);
        await within(CLOSING, Promise.all([current?.adapter.close(), ...leaving]), () => late).catch(() => {});
      })();
      return closed;
    },
  };

  /** Between the last reading of one server and the moment when nothing is missed at the next, a gap record is told. */
  function lastSeen(sink: Sink): { sink: Sink; lost(): void } {
    let last: Timestamp = now();
    let since: Timestamp | undefined;
    // Sampled, sent, and on its way: so old may be what was lost with the link.
    const { publishing = 0, tags = [] } = options[0] ?? {};
    const slowest = tags.reduce((most, { sampling }) => Math.max(most, sampling), 0);
    const lag = (2 * publishing + slowest) * TICKS_PER_MS;
    return {
      lost: () => {
        since ??= last - lag;
      },
      sink: {
        ...sink,
        deliver(batch) {
          if (since === undefined) last = now();
          sink.deliver(batch);
        },
        ready(whole) {
          const outage = sink.ready(whole);
          if (since !== undefined) sink.gap({ reason: 'source-down', from: since, to: now() });
          since = undefined;
          last = now();
          return outage;
        },
      },
    };
  }
}

async function within<T>(ms: number, work: Promise<T>, late: () => Fault): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  work.catch(() => {});
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Resolves after `ms`, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const done = () => resolve();
  signal.addEventListener('abort', done, { once: true });
  if (signal.aborted) done();
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', done);
  });
}
