// Polling, for servers without subscriptions: the tags of one interval are read together, in portions that the server
// takes, at the times at which the interval divides the hour (OPC UA has no such rule; a historian likes it). Node ids
// are registered where the server can (OPC 10000-4 section 5.9.5), which spares it the look-up. A round that takes
// longer than its interval leaves out the rounds it missed, and that is counted.

import type { NodeId } from 'node-opcua-client';
import { BatchBuilder, Kind } from '../../model/batch.ts';
import type { Fault } from '../../model/fault.ts';
import type { Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import { pause } from '../pause.ts';
import { type Calls, type Limits, tooMuch } from './link/calls.ts';
import { failure, serviceResult } from './source/faults.ts';
import type { Item } from './source/item.ts';
import type { Roster } from './source/roster.ts';
import { isUnreadable } from './source/unreadable.ts';

/** The shortest interval, ms: a tag sampled "as fast as the server can" is polled this often. */
const SHORTEST = 50;

/** The service as `Suspects` knows it. */
export const REGISTERING = 'registering';

/** A server that kept up for so long is forgiven, ms. */
const FORGIVEN = 60_000;

export interface PollOptions {
  readonly server: Calls;
  readonly limits: Limits;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  /** Tags that are gone are not read any more, and nothing is delivered for them. */
  readonly roster: Pick<Roster, 'tags'>;
  /** The status of a tag is another one than at its last reading. */
  readonly answered: (item: Item, status: number) => void;
  /** The server fails every call that asks for this item: it is polled no more. */
  readonly failed: (item: Item, status: number, reason: string) => void;
  /** Whether nodes may be registered: the server does not hang up over that. */
  readonly registers: () => boolean;
  /** All that was `answered` by one call has been told. */
  readonly settled: () => void;
  /** A tag was read; the time of its reading. */
  readonly saw: (position: number, time: Timestamp) => void;
  /** Rounds left out so far, of one interval; 0 when none was for a minute. */
  readonly overrun: (interval: number, rounds: number) => void;
}

export interface Polling {
  /**
   * Polls these items, too, until the signal aborts. Resolves when each has been read once; rejects with a Fault when
   * that fails.
   */
  add(items: readonly Item[]): Promise<void>;
  /** Rejects with a Fault when a read fails; resolves after the signal aborted. */
  readonly over: Promise<void>;
}

/** A tag that is polled, and what was delivered of it last. */
interface Polled {
  readonly item: Item;
  /** The server's handle for the node, as long as it is good for something. */
  node: NodeId;
  time: Timestamp;
  status: number;
  number: number;
  /** The server fails over it. */
  failed?: true;
}

/** Polls whatever is added, until the signal aborts. */
export function polling(options: PollOptions): Polling {
  const { signal, roster, server, limits } = options;
  /** By interval, ms. */
  const groups = new Map<number, Polled[]>();
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  over.catch(() => {});
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();

  async function repeat(interval: number): Promise<void> {
    let left = 0;
    let lastMissed = 0;
    let due = nextTime(Date.now(), interval);
    for (;;) {
      // Never longer than an interval, whatever becomes of the clock.
      await pause(Math.min(interval, due - Date.now()), signal);
      if (signal.aborted) return;
      const group = (groups.get(interval) ?? []).filter(
        ({ item, failed }) => roster.tags[item.position] !== undefined && !failed,
      );
      groups.set(interval, group);
      if (group.length === 0) break;
      await round(group, options);
      const next = nextTime(Date.now(), interval);
      // A clock that was set back must not stop the polling, nor count as an overrun.
      const missed = Math.round((next - due) / interval) - 1;
      if (missed > 0 && missed < 1_000) {
        left += missed;
        lastMissed = performance.now();
        options.overrun(interval, left);
      } else if (left > 0 && performance.now() - lastMissed > FORGIVEN) {
        left = 0;
        options.overrun(interval, left);
      }
      due = next;
    }
    groups.delete(interval);
    if (left > 0) options.overrun(interval, 0);
  }

  async function join(interval: number, items: readonly Item[]): Promise<void> {
    const nodes = options.registers() ? await register(items, server, limits) : items.map(({ node }) => node);
    const fresh = items.map((item, i): Polled => {
      const node = nodes[i] as NodeId;
      return { item, node, time: Number.NaN, status: 0, number: Number.NaN };
    });
    await round(fresh, options);
    const group = groups.get(interval);
    groups.set(interval, [...(group ?? []), ...fresh]);
    if (group === undefined) repeat(interval).catch(reject);
  }

  return {
    over,
    async add(items) {
      const joining = new Map<number, Item[]>();
      for (const item of items) {
        const interval = Math.max(SHORTEST, item.tag.sampling);
        const some = joining.get(interval);
        if (some) some.push(item);
        else joining.set(interval, [item]);
      }
      await Promise.all([...joining].map(([interval, some]) => join(interval, some)));
    },
  };
}

/** The next instant that is a whole number of intervals, ms since 1970. */
export const nextTime = (time: number, interval: number) => (Math.floor(time / interval) + 1) * interval;

/** Reads all once. A value that stands still with its time is no news; a tag that cannot be read is told of once. */
async function round(
  group: readonly Polled[],
  { server, limits, sink, roster, answered, failed, settled, saw }: PollOptions,
): Promise<void> {
  const read = async (portion: readonly Polled[]) => {
    const values = await server.read(
      'polling',
      portion.map(({ node }) => node),
    );
    const builder = new BatchBuilder(portion.length);
    let news = false;
    for (const last of portion) {
      const { item } = last;
      values.next();
      if (roster.tags[item.position] === undefined) continue;
      const { status, time, number, kind } = values;
      // A server that forgot its handles (a download to the PLC) may still know the node.
      if (isUnreadable(status)) last.node = item.node;
      const changed = status !== last.status;
      if (changed) answered(item, status);
      news ||= changed;
      const same = !changed && time === last.time && number === last.number && kind !== Kind.Other;
      last.status = status;
      last.time = time;
      last.number = number;
      if (same || isUnreadable(status)) continue;
      values.push(builder, item.tag.index);
      saw(item.position, time);
    }
    if (builder.count > 0) sink.deliver(builder.take());
    if (news) settled();
  };
  await server.portions(group, limits.read, read, 1, {
    alone(last, fault) {
      const { status, failure: reason } = failure(fault);
      last.failed = true;
      failed(last.item, status, reason);
      settled();
    },
    asking: (portion) =>
      server.asking(
        'polling',
        portion.map(({ item }) => item.position),
      ),
  });
}

/** The server's handles for the nodes; the nodes themselves where it has none. */
async function register(items: readonly Item[], server: Calls, limits: Limits): Promise<NodeId[]> {
  const nodes = items.map(({ node }) => node);
  try {
    const registered: NodeId[] = [];
    await server.portions(nodes, limits.register, async (portion) => {
      const answered = server.asking(REGISTERING, []);
      const ids = await server
        .once('registering nodes', (session) => session.registerNodes([...portion]), 'long')
        .catch((error: Fault) => {
          if (serviceResult(error.cause ?? {}) !== undefined) answered();
          throw error;
        });
      answered();
      registered.push(...(ids.length === portion.length ? ids : portion));
    });
    return registered;
  } catch (error) {
    // Optional for a server; what it says of one unknown node it would say of all.
    if (serviceResult((error as { cause?: unknown }).cause ?? {}) === undefined && !tooMuch(error)) throw error;
    return nodes;
  }
}
