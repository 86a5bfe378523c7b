// The OPC UA adapter: one encrypted session, every tag a monitored item or polled. See adapters/adapter.ts for the
// contract. What node-opcua would do by itself (reconnect, retry, trust on first use) is switched off: the supervisor
// makes a new adapter for every attempt, and what still stands on the server is taken up again (kept.ts).

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../model/fault.ts';
import type { Adapter, Sink } from '../adapter.ts';
import { bridges, type Kept, keep } from './kept.ts';
import { type Calls, type Connection, calls, readServer } from './link/calls.ts';
import { type Former, type Link, openLink } from './link/link.ts';
import { startPulse } from './link/pulse.ts';
import { serve } from './serve.ts';
import type { Hold } from './source/failover.ts';
import { type OpcUaOptions, TIMINGS, type Timings } from './source/options.ts';
import { SHUNNED, takeOver } from './takeover.ts';

export type { OpcUaOptions, OpcUaTag, Timings } from './source/options.ts';

/** The longest that an outage may last which nobody hears of, ms: it was bridged without a loss by then. */
const BRIEFLY = 3_000;

/** The longest that a rival of a silent link may take, ms: it gives up before that link is given up. */
const RIVAL = 8_000;

/** Longest that a link may take to be given up in the making when the adapter is closed, ms. */
const MAKING = 1_000;

/** A link that did not live so long is not mended at once, ms: that is for the supervisor's backoff. */
const SETTLED = 5_000;

/**
 * An adapter for one connection attempt.
 * @param timings shorter ones for tests
 * @param kept what attempts for the same source share
 * @param attend told of every session that was opened, to ask something more of its server
 * @param hold the server stands by until this says otherwise
 */
export function opcuaAdapter(
  options: OpcUaOptions,
  timings: Timings = TIMINGS,
  kept: Kept = keep(options),
  attend?: (server: Calls) => void,
  hold?: Hold,
): Adapter {
  let current: Connection | undefined;
  let running: Promise<void> | undefined;
  let closed: Promise<void> | undefined;
  const closing = new AbortController();

  /** @param rival see `Former` */
  async function establish(
    signal: AbortSignal,
    patience: number,
    rival?: Pick<Former, 'seize' | 'refused'>,
  ): Promise<Connection> {
    const deadline = new AbortController();
    const late = () => {
      const message = `${options.name}: ${options.endpoint} was not connected in ${patience} ms`;
      deadline.abort(new Fault('source.timeout', message));
    };
    const timer = setTimeout(late, patience);
    const either = AbortSignal.any([signal, closing.signal, deadline.signal]);
    try {
      const former = kept.session && { ...rival, session: kept.session };
      const link = await openLink(options, timings, either, former);
      kept.session = link.session;
      try {
        const { memory, suspects, courtesies } = kept;
        const { request } = timings;
        const server = calls(link.session, options.name, request, memory.coped, suspects.asking, courtesies.types);
        attend?.(server);
        return { link, server, ...(await unless(either, link, readServer(server))) };
      } catch (error) {
        await link.abandon();
        throw error;
      }
    } catch (error) {
      throw Fault.from(error, 'internal.unexpected', options.name);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether another link may take this one's place without anything being lost by that. */
  const lossless = () => kept.estate !== undefined && bridges(kept.estate);

  /** The connection again, if that loses nothing; undefined otherwise. */
  async function mended(signal: AbortSignal, since: number): Promise<Connection | undefined> {
    if (!lossless() || performance.now() - since < SETTLED) return undefined;
    try {
      return await establish(signal, Math.min(BRIEFLY, timings.connect));
    } catch {
      return undefined;
    }
  }

  /**
   * Works on the current link until the signal aborts: then it resolves with false. When the link is lost it resolves with
   * true if another took its place without a loss, and rejects with a Fault otherwise.
   */
  async function work(connection: Connection, sink: Sink, first: boolean, stop: AbortSignal): Promise<boolean> {
    const { link, server } = connection;
    const since = performance.now();
    const ending = new AbortController();
    const either = AbortSignal.any([stop, ending.signal]);
    // Where everything is to be made first, calls may take long, and how long is not known yet; each has its own deadline.
    let stands = kept.estate !== undefined;
    const ready: Sink['ready'] = (whole) => {
      stands = true;
      return sink.ready(whole);
    };
    const limit = 3 * Math.max(timings.keepAlive, timings.quiet);
    const pulse = startPulse({
      quiet: timings.quiet,
      limit,
      shunned: SHUNNED,
      received: () => link.received,
      ask: server.ping,
      busy: () => !stands || server.busy,
      slowest: () => Math.max(server.slowest, kept.hasty.longest),
      dead: () => link.fail(new Fault('source.silent', `${options.name}: nothing came in ${limit} ms`)),
    });
    const rival = takeOver(
      pulse,
      (signal, seize, refused) =>
        establish(AbortSignal.any([stop, signal]), Math.min(RIVAL, timings.connect), { seize, refused }),
      either,
    );
    try {
      const serving = serve(connection, options, timings, kept, { ...sink, ready }, first, either, hold);
      const over = unless(stop, link, serving).then(
        () => undefined,
        (error) => Fault.from(error, 'internal.unexpected', options.name),
      );
      const silent = new Fault(
        'source.silent',
        `${options.name}: the server gave no answer, and took a new connection`,
      );
      const fault = await Promise.race([over, rival.then((taken) => (taken === undefined ? over : silent))]);
      ending.abort(fault);
      const taken = await rival;
      if (stop.aborted && taken === undefined) return false;
      if (fault === undefined) return false;
      await link.abandon();
      current = taken ?? (await mended(stop, since));
      if (stop.aborted) return false;
      if (current !== undefined && lossless()) {
        kept.mended += 1;
        return true;
      }
      // Where a change costs something it must not be made again and again for a server that has its slow moments.
      if (taken !== undefined) kept.hasty.note(pulse.patience());
      await current?.link.abandon();
      current = undefined;
      throw fault;
    } finally {
      ending.abort();
      pulse.stop();
      kept.estate?.subscriptions.stop();
      kept.debris?.stop();
    }
  }

  async function workOn(sink: Sink, signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, closing.signal]);
    // Nothing may reach the sink after run has ended.
    const guarded = whileOpen(sink);
    try {
      for (let first = true, on = true; on; first = false) {
        if (!current) throw new Fault('internal.unexpected', `${options.name}: run without connect`);
        on = await work(current, guarded.sink, first, stop);
      }
    } finally {
      guarded.end();
    }
  }

  return {
    async connect(signal) {
      current = await establish(signal, timings.connect);
    },
    run(sink, signal) {
      running = workOn(sink, signal);
      return running;
    },
    close() {
      closed ??= (async () => {
        closing.abort(new Fault('source.closed', `${options.name}: closed`));
        kept.estate?.subscriptions.stop();
        // A link that is just being made would be left behind.
        await Promise.race([running?.catch(() => {}), pause(MAKING, undefined, { ref: false })]);
        if (current === undefined) return;
        kept.session = undefined;
        kept.estate = undefined;
        kept.debris = undefined;
        await current.link.close();
      })();
      return closed;
    },
  };
}

/** The outcome of `work`, unless the link is lost or the signal aborts first: then it rejects with their reason. */
function unless<T>(signal: AbortSignal, link: Link, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    link.lost.catch(reject);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function whileOpen(sink: Sink): { sink: Sink; end(): void } {
  let open = true;
  return {
    sink: {
      deliver: (batch) => open && sink.deliver(batch),
      ready: (whole) => (open ? sink.ready(whole) : undefined),
      describe: (tag, facts) => open && sink.describe(tag, facts),
      granted: (facts) => open && sink.granted(facts),
      gap: (gap) => open && sink.gap(gap),
      trouble: (parts) => open && sink.trouble(parts),
    },
    end() {
      open = false;
    },
  };
}
