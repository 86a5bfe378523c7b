// One server of a redundant set, connected: it stands by as its mode says, is asked for its ServiceLevel, and may be used.
// It is asked rather than subscribed to: an answer that does not come is what tells a silent server within 1.5 seconds,
// and a subscription would tell no sooner than its keep-alive.

import { AttributeIds, ReadRequest, type ReadResponse } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { Adapter, ConnectionFacts, Sink } from '../../adapter.ts';
import { within } from '../../deadline.ts';
import { pause } from '../../pause.ts';
import { opcuaAdapter } from '../adapter.ts';
import type { Calls } from '../link/calls.ts';
import { type FailoverMode, type Known, modeOf } from '../source/failover.ts';
import type { OpcUaOptions, Timings } from '../source/options.ts';
import { SERVICE_LEVEL } from './chooser.ts';
import { better, clockOf } from './clocks.ts';
import type { ServerSet } from './set.ts';

const REDUNDANCY_SUPPORT = 'i=3709';
/** How often every server is asked for its ServiceLevel, and how long an answer may take, ms. */
export const WATCH = 500;
const ANSWER = 1_500;

export interface Seat {
  readonly server: number;
  /**
   * Works until `close`; rejects with a Fault when the server is lost or silent. Nothing goes to the sink before `use`.
   * Called again it is the same work.
   */
  run(sink: Sink): Promise<void>;
  use(): void;
  /** From now on nothing goes to the sink. What has gone there; undefined when nothing stood. */
  leave(): Pick<Known, 'latest' | 'bad'> | undefined;
  close(): Promise<void>;
}

/**
 * Connects to a server of the set and hears how it is. Rejects with a Fault.
 * @param leave takes care of what ends later
 */
export async function openSeat(
  set: ServerSet,
  server: number,
  timings: Timings,
  leave: (work: Promise<unknown>) => void,
  signal: AbortSignal,
): Promise<Seat> {
  const options = set.options[server] as OpcUaOptions;
  const kept = set.kept[server] as ServerSet['kept'][number];
  const ending = new AbortController();
  const { promise: used, resolve: begin } = Promise.withResolvers<void>();
  let calls: Calls | undefined;
  let facts: ConnectionFacts | undefined;
  let state: 'waiting' | 'used' | 'left' = 'waiting';
  let run: Promise<void> | undefined;
  let work: Promise<void> | undefined;

  const hold = {
    get mode(): FailoverMode {
      return kept.restless ? 'cold' : (set.modes[server] ?? 'cold');
    },
    get waiting() {
      return state === 'waiting';
    },
    used,
  };
  const tell = (told: ConnectionFacts) => {
    facts = told;
    if (state === 'used') options.tell?.(told);
  };
  const attend = (given: Calls) => {
    calls = given;
  };
  const adapter: Adapter = opcuaAdapter({ ...options, tell }, timings, kept, attend, hold);

  /** The value of one node; rejects when the server does not answer. One at a time is what the smallest server takes. */
  async function ask(doing: string, nodeId: string): Promise<unknown> {
    if (calls === undefined) return undefined;
    const sent = performance.now();
    const request = new ReadRequest({ nodesToRead: [{ nodeId, attributeId: AttributeIds.Value }] });
    const late = () => new Fault('source.silent', `${options.name}: ${options.endpoint} does not answer`);
    const { responseHeader, results } = await within(ANSWER, calls.ask<ReadResponse>(doing, request), late);
    const said = responseHeader.timestamp?.getTime();
    if (said !== undefined) set.clocks[server] = better(set.clocks[server], clockOf(said, sent, performance.now()));
    return results?.[0]?.value?.value;
  }

  /** Asks the server how it is; rejects when it does not answer. */
  async function hear(): Promise<void> {
    const level = await ask('asking for its ServiceLevel', SERVICE_LEVEL);
    // A server without one is taken as healthy: it has nothing worse to say.
    set.chooser.hear(server, typeof level === 'number' ? level : 255, performance.now());
  }

  async function watch(): Promise<void> {
    while (!ending.signal.aborted) {
      await hear();
      await pause(WATCH, ending.signal);
    }
  }

  try {
    await adapter.connect(signal);
    await hear();
    set.modes[server] = options.redundancy ?? modeOf(await ask('asking for its RedundancySupport', REDUNDANCY_SUPPORT));
  } catch (error) {
    set.chooser.hear(server, undefined, performance.now());
    leave(adapter.close());
    throw error;
  }
  return {
    server,
    run(sink) {
      if (work !== undefined) return work;
      run = adapter.run(
        gated(sink, () => state === 'used'),
        ending.signal,
      );
      work = Promise.race([run, watch()]).catch((error) => {
        if (ending.signal.aborted) return;
        set.chooser.hear(server, undefined, performance.now());
        throw error;
      });
      work.catch(() => {});
      return work;
    },
    use() {
      state = 'used';
      set.chooser.use(server, performance.now());
      set.active = server;
      if (facts !== undefined) options.tell?.(facts);
      begin();
    },
    leave() {
      state = 'left';
      const known = kept.estate?.subscriptions.receive.known();
      // Downstream they are Bad, whatever was read before.
      for (const position of kept.unreadable.positions) if (known !== undefined) known.bad[position] = 1;
      return known;
    },
    async close() {
      state = 'left';
      const { estate } = kept;
      ending.abort();
      // Until then it may still use what the next connection to this server uses.
      await Promise.all([adapter.close(), run?.catch(() => {})]);
      // The session may live on, where the server could not be told; what was sent in it is not to be taken up again.
      if (estate === undefined || kept.estate !== estate) return;
      kept.debris ??= estate.subscriptions;
      kept.estate = undefined;
    },
  };
}

/** What a server that is not used says is not passed on, but for what it knows of its tags. */
function gated(sink: Sink, isOpen: () => boolean): Sink {
  return {
    deliver: (batch) => isOpen() && sink.deliver(batch),
    ready: (whole) => (isOpen() ? sink.ready(whole) : undefined),
    granted: (facts) => isOpen() && sink.granted(facts),
    describe: (tag, facts) => sink.describe(tag, facts),
    gap: (gap) => isOpen() && sink.gap(gap),
    trouble: (parts) => isOpen() && sink.trouble(parts),
  };
}
