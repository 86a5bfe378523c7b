// The subscriptions of a source: one for each publishing interval that its tags need, every tag a monitored item.
// They live on the server and may outlive the link: after a reconnect they are taken up again (`resume`), what was
// sent into the dead link is asked for again, and the queues give what was sampled meanwhile.

import type { NotificationMessage, PublishResponse } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { Gap, GapReason } from '../../../model/gap.ts';
import { StatusCode } from '../../../model/status.ts';
import { now, TICKS_PER_MS } from '../../../model/time.ts';
import type { Outage, Sink } from '../../adapter.ts';
import { type Calls, type Coped, type Limits, REMEMBERED } from '../link/calls.ts';
import type { FailoverMode } from '../source/failover.ts';
import { serviceResult, withoutSubscriptions } from '../source/faults.ts';
import type { Item } from '../source/item.ts';
import { BRIDGE, type OpcUaOptions, type Timings } from '../source/options.ts';
import type { Roster } from '../source/roster.ts';
import { awaken } from './awaken.ts';
import { deleteSubscriptions, takeOver } from './handover.ts';
import { createItems, deleteItems, type Granted, grantedOf, type Placed, type Refused } from './items.ts';
import { catchUp, messageAgain } from './mend.ts';
import { type Counts, isTransfer, type Receiver, type Remarks, receiver, type Stretch } from './notifications.ts';
import { type Acknowledgement, type Publisher, startPublishing } from './publisher.ts';
import { sequence } from './sequence.ts';
import type { Standing, Taker } from './standing.ts';

/** Values in one message: bounds the size of a response after a pause, without a message per handful of values. */
const VALUES_PER_MESSAGE = 5_000;

/** Tags sampled more seldom than this come in messages of this interval, ms. */
const SLOW = 1_000;

/** The longest that any server is waited for, ms, whatever it says. */
const LONGEST = 3_600_000;

/** A duration that a server revised, if what it says is one, else what it was asked for; ms. */
const revised = (told: number, asked: number) => (told > 0 ? Math.min(LONGEST, told) : asked);

/** The link of the moment. */
interface Bound {
  readonly server: Calls;
  readonly limits: Limits;
  readonly sink: Sink;
  readonly fail: (fault: Fault) => void;
  publisher?: Publisher;
  /** What was had again before there is a publisher: the server need not keep it any more. */
  readonly taken: Acknowledgement[];
}

export interface Subscriptions {
  readonly receive: Receiver;
  /** What the server made of what it was asked for, over all items. */
  granted(): Granted;
  /** Positions of the tags whose deadband the server applies. */
  filtered(): ReadonlySet<number>;
  /** From now on readings go to this sink, and calls to this server. */
  bind(server: Calls, limits: Limits, sink: Sink, fail: (fault: Fault) => void): void;
  /** Creates items, with the subscriptions that they need. Resolves with those that the server does not take. */
  add(items: readonly Item[]): Promise<Refused[]>;
  /** Deletes the items at other positions than these: of tags that are gone, and of an `add` that failed. */
  prune(positions: ReadonlySet<number>): Promise<void>;
  /** Creates a subscription for something else than tags; its id. */
  open(publishing: number, taker: Taker): Promise<number>;
  /** Takes them over into the session of this link, which is not the one they were made in; false when they are gone. */
  transfer(): Promise<boolean>;
  /**
   * After a reconnect: whether all of them stand as they did. What can be had again of the messages sent meanwhile has
   * been delivered by then.
   */
  resume(): Promise<boolean>;
  /** Set: nothing of what is or may be sampled is sent. */
  readonly asleep: FailoverMode | undefined;
  /** Ends `asleep`; false when the server does not go along, and what stands is of no use. */
  wake(): Promise<boolean>;
  /** What stands on the server for tags. */
  placed(): Placed[];
  /**
   * They are given up. Of those that were taken up again and then never spoke, everything since is told as missing: a
   * server may say that it keeps them, and send nothing (asyncua 2.1 after TransferSubscriptions).
   */
  forsake(): void;
  /** Keeps them talking until `stop`; the first one that is made starts by itself. */
  start(): void;
  /** Revised publishing intervals, ms. */
  intervals(): number[];
  /** Deletes them on the server, as far as it answers. */
  discard(): Promise<void>;
  stop(): void;
}

export interface Memory {
  /** Most items in a call that this server was seen to take, and when (monotonic clock, ms). */
  most: number;
  seen: number;
  /** Items of the call under way; 0 when none is. */
  trying: number;
  readonly coped: Coped;
}

/** Before all is begun anew: a server that ended the link while it was given so many items is given half as many. */
export function reconsider(memory: Memory): void {
  if (memory.trying > 1) {
    memory.most = Math.ceil(memory.trying / 2);
    memory.seen = performance.now();
  } else if (performance.now() - memory.seen > REMEMBERED) memory.most = Number.POSITIVE_INFINITY;
  memory.trying = 0;
}

export interface Told extends Remarks {
  /** Readings between two others are known to be missing, and the gap was recorded; no positions: of all tags. */
  lacking(lack: Outage & Pick<Gap, 'tags'>, positions: readonly number[] | undefined, around: Stretch): void;
}

/** @param rest how they are made for a server that stands by */
export function subscriptions(
  options: OpcUaOptions,
  roster: Roster,
  timings: Timings,
  memory: Memory,
  counts: Counts,
  told: Told,
  rest?: FailoverMode,
): Subscriptions {
  let asleep = rest;
  const standing = new Map<number, Standing>();
  const receive = receiver(roster, told, counts);
  const bridge = options.bridge ?? BRIDGE;
  let bound: Bound | undefined;

  const link = (): Bound => {
    if (bound === undefined) throw new Fault('internal.unexpected', 'subscriptions without a link');
    return bound;
  };

  async function create(publishing: number, taker?: Taker): Promise<Standing> {
    const { server } = link();
    // A third of the session's timeout, because nothing but publishing keeps the session alive.
    const keepAlive = Math.min(timings.keepAlive, revised(server.session.timeout, timings.outlive) / 3);
    const count = Math.max(1, Math.floor(keepAlive / publishing));
    const lifetime = Math.max(timings.outlive, 3 * keepAlive, 3 * publishing);
    const created = await server.once('creating a subscription', (session) =>
      session.createSubscription({
        requestedPublishingInterval: publishing,
        requestedMaxKeepAliveCount: count,
        requestedLifetimeCount: Math.max(3 * count, Math.ceil(lifetime / publishing)),
        maxNotificationsPerPublish: VALUES_PER_MESSAGE,
        publishingEnabled: asleep !== 'hot',
        priority: 0,
      }),
    );
    const { subscriptionId: id, revisedPublishingInterval, revisedMaxKeepAliveCount } = created;
    const interval = revised(revisedPublishingInterval, publishing);
    let around: Stretch | undefined;
    const one: Standing = {
      id,
      taker,
      interval,
      silence: Math.min(LONGEST, 3 * Math.max(interval * revisedMaxKeepAliveCount, keepAlive)),
      items: [],
      ours: false,
      heard: performance.now(),
      taken: performance.now(),
      unproven: false,
      sequence: sequence({
        take(message) {
          const expected = one.ours && isTransfer(message);
          if (expected) one.ours = false;
          else return taker ? taker.take(message) : receive.take(message, link().sink, link().server.types);
        },
        again: (number) => republish(id, number),
        missing() {
          const { before, after } = receive.renew();
          around = { before: around?.before ?? before, after };
        },
        lost(messages) {
          counts.lost += messages;
          lost(one, around ?? receive.renew());
          around = undefined;
        },
      }),
    };
    standing.set(id, one);
    start();
    return one;
  }

  async function republish(subscriptionId: number, number: number): Promise<NotificationMessage | undefined> {
    const { server, publisher, taken } = link();
    const message = await messageAgain(subscriptionId, number, server);
    if (message === undefined) return undefined;
    if (publisher === undefined) taken.push({ subscriptionId, sequenceNumber: number });
    else publisher.acknowledge(subscriptionId, number);
    counts.republished += 1;
    return message;
  }

  /** Messages of a subscription are missing for good. */
  function lost(one: Standing, around: Stretch): void {
    tellLost(one, around, 'source-overflow');
    if (one.taker === undefined) catchUp(present(one), link(), roster, receive).catch(link().fail);
  }

  /**
   * At a link that ends for the silence of subscriptions, though its server is there: what those kept to themselves other
   * readings must not hide. It is had from the history with what the outage lacks.
   */
  function tellSilent({ code }: Fault): void {
    const all = [...standing.values()];
    const there = Math.max(link().server.answered, ...all.map(({ heard }) => heard));
    if (code === 'source.silent')
      for (const one of all) if (there - one.heard > one.silence / 2) tellLost(one, undefined, 'source-down');
  }

  /** @param around where the history is to be asked */
  function tellLost(one: Standing, around: Stretch | undefined, reason: GapReason): void {
    const to = now();
    // By the steady clock: the other one may have been set meanwhile.
    const from = to - (performance.now() - one.taken + one.interval) * TICKS_PER_MS;
    if (one.taker !== undefined) {
      one.taker.lost(from, to, reason);
      return;
    }
    const items = present(one);
    const all = items.length === roster.positions.length;
    const lack = { reason, ...(!all && { tags: items.map(({ tag }) => tag.name) }), from, to };
    link().sink.gap(lack);
    if (around) told.lacking(lack, all ? undefined : items.map(({ position }) => position), around);
  }

  function accept(response: PublishResponse): Promise<void> | undefined {
    const one = standing.get(response.subscriptionId);
    const time = performance.now();
    for (const other of standing.values()) {
      // One may die while others talk.
      if (other !== one && time - other.heard > other.silence)
        throw new Fault('source.silent', `subscription ${other.id} sent nothing in ${other.silence} ms`);
    }
    if (one === undefined) return undefined;
    one.heard = time;
    one.unproven = false;
    const turn = one.sequence.accept(response);
    const taken = () => {
      one.taken = performance.now();
    };
    if (turn === undefined) taken();
    else turn.then(taken, () => {});
    return turn;
  }

  /** A subscription for these items: one that stands already, a new one, or the first when the server has no more. */
  async function homeOf(publishing: number, homes: Map<number, Standing>): Promise<Standing> {
    const known = homes.get(publishing);
    if (known !== undefined) return known;
    try {
      const one = await create(publishing);
      homes.set(publishing, one);
      return one;
    } catch (error) {
      const first = [...standing.values()].find(({ taker }) => taker === undefined);
      const status = serviceResult((error as Fault).cause ?? {});
      if (first === undefined || status !== StatusCode.BadTooManySubscriptions)
        throw withoutSubscriptions(options.name, status, error);
      return first;
    }
  }

  async function fill(one: Standing, items: readonly Item[]): Promise<Refused[]> {
    const { server, limits } = link();
    const request = {
      subscriptionId: one.id,
      interval: one.interval,
      bridge,
      most: Math.min(limits.monitor, memory.most),
      enabled: asleep !== 'warm',
      trying: (count: number) => {
        memory.trying = count;
      },
    };
    const refused = await createItems(items, request, server, receive, (placed) => one.items.push(placed));
    memory.trying = 0;
    return refused;
  }

  const homes = new Map<number, Standing>();

  const placed = () => [...standing.values()].flatMap(({ items }) => items);
  const isPresent = ({ position }: Item) => roster.tags[position] !== undefined;
  const present = ({ items }: Standing) => items.map(({ item }) => item).filter(isPresent);

  function start(): void {
    if (bound === undefined || standing.size === 0 || bound.publisher !== undefined) return;
    const silence = Math.max(...[...standing.values()].map((one) => one.silence));
    const { fail } = bound;
    const ended = (fault: Fault) => {
      tellSilent(fault);
      fail(fault);
    };
    bound.publisher = startPublishing(bound.server.session, silence, accept, ended, bound.taken.splice(0));
  }

  return {
    receive,
    granted: () => grantedOf(standing.values()),
    filtered: () => new Set(placed().flatMap(({ filtered, item }) => (filtered ? item.position : []))),
    bind(server, limits, sink, fail) {
      bound = { server, limits, sink, fail, taken: [] };
    },
    async add(items) {
      const groups = new Map<number, Item[]>();
      for (const item of items) {
        const publishing = Math.max(roster.publishing, Math.min(SLOW, item.tag.sampling));
        const group = groups.get(publishing);
        if (group) group.push(item);
        else groups.set(publishing, [item]);
      }
      const refused: Refused[] = [];
      for (const [publishing, group] of groups) {
        let left: readonly Item[] = group;
        let one = await homeOf(publishing, homes);
        for (;;) {
          const answers = await fill(one, left);
          const full = answers.filter(({ status }) => status === StatusCode.BadTooManyMonitoredItems);
          refused.push(...answers.filter(({ status }) => status !== StatusCode.BadTooManyMonitoredItems));
          // A subscription that is full is followed by another one, as long as each takes some.
          if (full.length === 0) break;
          if (full.length === left.length && one.items.length === 0) {
            refused.push(...full);
            break;
          }
          left = full.map(({ item }) => item);
          homes.delete(publishing);
          const next = await homeOf(publishing, homes);
          if (next === one || next.items.length > 0) {
            refused.push(...full);
            break;
          }
          one = next;
        }
      }
      return refused;
    },
    async prune(positions) {
      const { server, limits } = link();
      const [first] = standing.values();
      for (const one of standing.values()) {
        const gone = one.items.filter(({ item }) => !positions.has(item.position));
        if (gone.length === 0) continue;
        await deleteItems(one.id, gone, Math.min(limits.monitor, memory.most), server);
        const without = new Set(gone);
        one.items = one.items.filter((placed) => !without.has(placed));
        // The first one stays: it keeps the session alive, and by its silence the others are judged.
        if (one.items.length > 0 || one === first) continue;
        standing.delete(one.id);
        for (const [publishing, home] of homes) if (home === one) homes.delete(publishing);
        await deleteSubscriptions([one.id], server);
      }
    },
    get asleep() {
      return asleep;
    },
    async wake() {
      const { server, limits } = link();
      const mode = asleep;
      // What is made from now on is made awake.
      asleep = undefined;
      const groups = [...standing.values()].map(({ id, items }) => ({ id, items: items.map((placed) => placed.id) }));
      return mode === undefined || awaken(mode, groups, Math.min(limits.monitor, memory.most), server);
    },
    placed,
    open: async (publishing, taker) => (await create(publishing, taker)).id,
    async transfer() {
      const moved = await takeOver([...standing.keys()], link().server);
      for (const one of standing.values()) one.ours = moved;
      return moved;
    },
    async resume() {
      try {
        for (const one of standing.values()) {
          await one.sequence.resume();
          one.heard = performance.now();
          one.unproven = true;
        }
        return true;
      } catch (error) {
        if (serviceResult((error as Fault).cause ?? {}) !== StatusCode.BadSubscriptionIdInvalid) throw error;
        return false;
      }
    },
    forsake() {
      for (const one of standing.values()) if (one.unproven) tellLost(one, receive.stretch(), 'source-down');
    },
    start,
    intervals: () => [...standing.values()].map(({ interval }) => interval),
    discard: () => deleteSubscriptions([...standing.keys()], link().server),
    stop() {
      bound?.publisher?.stop();
      bound = undefined;
    },
  };
}
