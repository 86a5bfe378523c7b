// Polling, for servers without subscriptions: the tags of one interval are read together, in portions that the server
// takes, at the times at which the interval divides the hour (OPC UA has no such rule; a historian likes it). Node ids
// are registered where the server can (OPC 10000-4 section 5.9.5), which spares it the look-up. A round that takes
// longer than its interval leaves out the rounds it missed, and that is counted.

import type { NodeId } from 'node-opcua-client';
import { BatchBuilder, Kind } from '../../model/batch.ts';
import { StatusCode } from '../../model/status.ts';
import type { Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import type { Calls, Limits } from './calls.ts';
import { serviceResult } from './faults.ts';
import type { Item } from './items.ts';

/** The shortest interval, ms: a tag sampled "as fast as the server can" is polled this often. */
const SHORTEST = 50;

/** A server that kept up for so long is forgiven, ms. */
const FORGIVEN = 60_000;

export interface PollOptions {
  readonly server: Calls;
  readonly limits: Limits;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  /** The status of a tag is another one than at its last reading. */
  readonly answered: (item: Item, status: number) => void;
  /** A tag was read; the time of its reading. */
  readonly saw: (position: number, time: Timestamp) => void;
  /** Rounds left out so far, of one interval; 0 when none was for a minute. */
  readonly overrun: (interval: number, rounds: number) => void;
}

export interface Polling {
  /** Resolves when every tag has been read once. */
  readonly begun: Promise<void>;
  /** Rejects with a Fault when a read fails; resolves after the signal aborted. */
  readonly over: Promise<void>;
}

/** Polls the items until the signal aborts. */
export function poll(items: readonly Item[], options: PollOptions): Polling {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const interval = Math.max(SHORTEST, item.tag.sampling);
    const group = groups.get(interval);
    if (group) group.push(item);
    else groups.set(interval, [item]);
  }
  const firsts: Promise<void>[] = [];
  const rounds: Promise<void>[] = [];
  for (const [interval, group] of groups) {
    const { promise, resolve } = Promise.withResolvers<void>();
    firsts.push(promise);
    rounds.push(repeat(group, interval, options, resolve));
  }
  const over = Promise.all(rounds).then(() => {});
  over.catch(() => {});
  return { begun: Promise.race([Promise.all(firsts).then(() => {}), over]), over };
}

async function repeat(items: readonly Item[], interval: number, options: PollOptions, begun: () => void) {
  const { server, limits, signal, overrun } = options;
  const nodes = await register(items, server, limits);
  let left = 0;
  let lastMissed = 0;
  const last: Last = {
    time: new Float64Array(items.length).fill(Number.NaN),
    status: new Uint32Array(items.length),
    number: new Float64Array(items.length),
  };
  await round(items, nodes, last, options);
  begun();
  let due = nextTime(Date.now(), interval);
  while (!signal.aborted) {
    // Never longer than an interval, whatever becomes of the clock.
    await pause(Math.min(interval, due - Date.now()), signal);
    if (signal.aborted) return;
    await round(items, nodes, last, options);
    const next = nextTime(Date.now(), interval);
    // A clock that was set back must not stop the polling, nor count as an overrun.
    const missed = Math.round((next - due) / interval) - 1;
    if (missed > 0 && missed < 1_000) {
      left += missed;
      lastMissed = performance.now();
      overrun(interval, left);
    } else if (left > 0 && performance.now() - lastMissed > FORGIVEN) {
      left = 0;
      overrun(interval, left);
    }
    due = next;
  }
}

/** The next instant that is a whole number of intervals, ms since 1970. */
export const nextTime = (time: number, interval: number) => (Math.floor(time / interval) + 1) * interval;

/** What was delivered last, by position in the group. */
interface Last {
  readonly time: Float64Array;
  readonly status: Uint32Array;
  readonly number: Float64Array;
}

/** Reads all once. A value that stands still with its time is no news; a tag that cannot be read is told of once. */
async function round(
  items: readonly Item[],
  nodes: readonly NodeId[],
  last: Last,
  { server, limits, sink, answered, saw }: PollOptions,
): Promise<void> {
  await server.portions(items, limits.read, async (portion, from) => {
    const values = await server.read('polling', nodes.slice(from, from + portion.length));
    const builder = new BatchBuilder(portion.length);
    for (let i = 0; i < portion.length; i++) {
      const at = from + i;
      const item = portion[i] as Item;
      values.next();
      const { status, time, number, kind } = values;
      const changed = status !== last.status[at];
      if (changed) answered(item, status);
      const same = !changed && time === last.time[at] && number === last.number[at] && kind !== Kind.Other;
      last.status[at] = status;
      last.time[at] = time;
      last.number[at] = number;
      if (same || isUnreadable(status)) continue;
      values.push(builder, item.tag.index);
      saw(item.position, time);
    }
    if (builder.count > 0) sink.deliver(builder.take());
  });
}

const UNREADABLE: readonly number[] = [
  StatusCode.BadNodeIdUnknown,
  StatusCode.BadNodeIdInvalid,
  StatusCode.BadAttributeIdInvalid,
  StatusCode.BadNotReadable,
  StatusCode.BadUserAccessDenied,
];

/** Whether the node itself cannot be read, which is no statement about its value. */
export const isUnreadable = (status: number) => UNREADABLE.includes((status & 0xffff_0000) >>> 0);

/** The server's handles for the nodes; the nodes themselves where it has none. */
async function register(items: readonly Item[], server: Calls, limits: Limits): Promise<NodeId[]> {
  const nodes = items.map(({ node }) => node);
  try {
    const registered: NodeId[] = [];
    await server.portions(nodes, limits.register, async (portion) => {
      const ids = await server.once('registering nodes', (session) => session.registerNodes([...portion]));
      registered.push(...(ids.length === portion.length ? ids : portion));
    });
    return registered;
  } catch (error) {
    // Optional for a server; what it says of one unknown node it would say of all.
    if (serviceResult((error as { cause?: unknown }).cause ?? {}) === undefined) throw error;
    return nodes;
  }
}

/** Resolves after `ms`, or when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
