// One link at work: what stands on the server is taken up again, or the tags are looked up and subscribed anew; then
// tags that cannot be read are tried again, gaps are filled from the history, polled tags are polled, until the link
// ends.

import { BatchBuilder } from '../../model/batch.ts';
import { Fault } from '../../model/fault.ts';
import type { Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import type { Connection } from './calls.ts';
import { readFacts } from './facts.ts';
import type { Granted, Item } from './items.ts';
import { bridges, type Estate, type Kept } from './kept.ts';
import { resolveNodes } from './nodes.ts';
import type { OpcUaOptions, OpcUaTag, Timings } from './options.ts';
import { isUnreadable, pause, poll } from './poll.ts';
import { subscriptions } from './subscriptions.ts';
import { patience, refusal } from './unreadable.ts';

/**
 * Works until the signal aborts; rejects with a Fault when the link is of no use any more.
 * @param first whether the outage before is known to the supervisor; otherwise nothing may have been lost in it
 */
export async function serve(
  connection: Connection,
  options: OpcUaOptions,
  timings: Timings,
  kept: Kept,
  sink: Sink,
  first: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { link, server, limits, namespaces } = connection;
  const polled: Promise<void>[] = [];
  const previous = kept.estate?.subscriptions.receive;
  const resumed = await takeUp();
  if (!resumed && !first) throw new Fault('source.closed', `${options.name}: the subscriptions are gone`);
  kept.unreadable.renew(!resumed);
  if (!resumed) await clearUp();
  const estate = kept.estate ?? begin();
  if (!resumed)
    await add(
      estate,
      options.tags.map((_, position) => position),
      true,
    );
  else if (!(await startPolling(estate, estate.items.filter(isPolled)))) return;
  kept.estate = estate;
  kept.debris = undefined;
  kept.unreadable.tell(sink);
  sink.granted(report(estate.subscriptions.granted, estate.subscriptions.intervals()));
  const outage = sink.ready(resumed && bridges(estate));
  if (outage !== undefined) want(outage, undefined);
  await Promise.all([refresh(estate), retry(estate), fill(estate), stayAlive(estate), ...polled]);

  /** Whether everything stands on the server as it stood before. Rejects when the link breaks; then nothing has changed. */
  async function takeUp(): Promise<boolean> {
    const old = kept.estate;
    if (old === undefined) return false;
    const { session } = link;
    old.subscriptions.bind(server, limits, sink, link.fail);
    const same = namespaces.length === old.namespaces.length && namespaces.every((uri, i) => uri === old.namespaces[i]);
    let stands = same;
    if (stands && session !== old.session) {
      stands = await old.subscriptions.transfer();
      if (stands) kept.estate = { ...old, session };
    }
    if (stands && (await old.subscriptions.resume())) {
      old.subscriptions.receive.renew();
      old.subscriptions.start();
      return true;
    }
    old.subscriptions.stop();
    kept.estate = undefined;
    kept.debris = old.subscriptions;
    return false;
  }

  /** Deletes what the session has of former links, as far as the server goes along. */
  async function clearUp(): Promise<void> {
    const { debris } = kept;
    if (debris === undefined) return;
    debris.bind(server, limits, sink, link.fail);
    await debris.discard();
    debris.stop();
    kept.debris = undefined;
  }

  function begin(): Estate {
    const { memory } = kept;
    // The server that ended the link while it was given so many items is given half as many.
    if (memory.trying > 1) memory.most = Math.ceil(memory.trying / 2);
    memory.trying = 0;
    const lacking = (positions: readonly number[] | undefined, from: Timestamp, to: Timestamp) => {
      const tags = positions?.map((position) => (options.tags[position] as OpcUaTag).name);
      kept.history.want(
        { reason: 'source-overflow', ...(tags && { tags }), from, to },
        positions,
        () => from,
        () => to,
      );
    };
    const all = subscriptions(options, timings, memory, lacking);
    all.bind(server, limits, sink, link.fail);
    kept.debris = all;
    return { session: link.session, namespaces, subscriptions: all, items: [] };
  }

  /** What is missing after an outage: between the last reading of each tag before it and the first after it. */
  function want(outage: NonNullable<ReturnType<Sink['ready']>>, positions: readonly number[] | undefined): void {
    const { receive } = estate.subscriptions;
    kept.history.want(
      outage,
      positions,
      (position) =>
        previous === undefined || previous === receive ? Number.NEGATIVE_INFINITY : previous.latest(position),
      (position) => receive.first(position),
    );
  }

  /** Looks tags up and subscribes or polls them; those that cannot be read are noted. */
  async function add(estate: Estate, positions: readonly number[], described: boolean): Promise<void> {
    const tags = positions.map((position) => options.tags[position] as OpcUaTag);
    const found: Item[] = [];
    for (const [i, resolved] of (await resolveNodes(tags, namespaces, limits, server)).entries()) {
      const position = positions[i] as number;
      if ('node' in resolved) found.push({ tag: tags[i] as OpcUaTag, node: resolved.node, position });
      else kept.unreadable.set(position, resolved.status, resolved.reason);
    }
    if (described) kept.unreadable.tell(sink);
    const ranged = found.filter(({ tag }) => tag.wantsRange);
    const nodes = ranged.map(({ node }) => node);
    const facts = await readFacts(nodes, limits, server);
    for (const [i, { tag }] of ranged.entries()) sink.describe(tag.index, facts[i] ?? {});
    const refused = await estate.subscriptions.add(found.filter((item) => !isPolled(item)));
    for (const { item, status } of refused) kept.unreadable.set(item.position, status, refusal(status));
    const without = new Set(refused.map(({ item }) => item));
    const fresh = found.filter((item) => !without.has(item));
    for (const { position } of fresh) kept.unreadable.clear(position);
    estate.items.push(...fresh);
    await startPolling(estate, fresh.filter(isPolled));
  }

  /** False when the signal aborted before every tag was read once. */
  async function startPolling(estate: Estate, items: readonly Item[]): Promise<boolean> {
    if (items.length === 0) return true;
    const polling = poll(items, {
      server,
      limits,
      sink,
      signal,
      saw: estate.subscriptions.receive.saw,
      answered({ position }, status) {
        if (isUnreadable(status)) kept.unreadable.set(position, status, refusal(status));
        else kept.unreadable.clear(position);
        kept.unreadable.tell(sink);
      },
      overrun(interval, rounds) {
        // Told at every doubling: each telling is a line in the log.
        if ((rounds & (rounds - 1)) !== 0) return;
        const text = `the server needs longer than that to answer: ${rounds} rounds or more were left out`;
        kept.unreadable.note(`polling every ${interval} ms`, rounds === 0 ? undefined : text);
        kept.unreadable.tell(sink);
      },
    });
    polled.push(polling.over);
    await polling.begun;
    return !signal.aborted;
  }

  /** The supervisor marked every tag as lost: one that stands still since is read once, after the queues have come. */
  async function refresh({ subscriptions, items }: Estate): Promise<void> {
    if (!resumed || !first) return;
    await pause(2 * Math.max(0, ...subscriptions.intervals()), signal);
    if (signal.aborted) return;
    const still = items.filter((item) => !isPolled(item) && subscriptions.receive.first(item.position) === Infinity);
    await server.portions(still, limits.read, async (portion) => {
      const nodes = portion.map(({ node }) => node);
      const values = await server.read('reading what stands still', nodes);
      const builder = new BatchBuilder(portion.length);
      for (const { tag, position } of portion) {
        values.next();
        if (subscriptions.receive.first(position) === Infinity) values.push(builder, tag.index);
      }
      if (builder.count > 0) sink.deliver(builder.take());
    });
  }

  async function retry(estate: Estate): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      await pause(patience(timings.retry, attempt), signal);
      if (signal.aborted) return;
      const polledNow = new Set(estate.items.map(({ position }) => position));
      const positions = kept.unreadable.positions.filter((position) => !polledNow.has(position));
      if (positions.length === 0) {
        attempt = 0;
        continue;
      }
      try {
        await add(estate, positions, false);
        kept.unreadable.tell(sink);
      } catch (error) {
        // Those that work are not to suffer; whether the link is broken others will tell.
        if (!(error instanceof Fault)) throw error;
      }
    }
  }

  function fill({ items }: Estate): Promise<void> {
    const recorded = () => items.filter(({ tag }) => tag.history === true);
    return kept.history.run(recorded, server, limits, sink, signal);
  }

  /** Where nothing is subscribed, nobody else would notice that the server is gone, and the session would end. */
  async function stayAlive({ subscriptions, items }: Estate): Promise<void> {
    if (subscriptions.intervals().length > 0) return;
    const [item] = items;
    while (item !== undefined && !signal.aborted) {
      await pause(timings.keepAlive, signal);
      if (!signal.aborted) await server.read('asking whether the server is there', [item.node]);
    }
  }
}

const isPolled = ({ tag }: Item) => tag.mode === 'poll';

/** What the server made of what it was asked for, in flat figures. */
function report(granted: Granted, intervals: readonly number[]): Record<string, number> {
  const { items, slower, slowest, short, shortest, unmarked, deadbands, unfiltered } = granted;
  return {
    subscriptions: intervals.length,
    monitoredItems: items,
    ...(intervals.length > 0 && { publishingMs: Math.min(...intervals) }),
    ...(slower > 0 && { sampledSlower: slower, slowestSamplingMs: slowest }),
    ...(short > 0 && { queuesTooShort: short, shortestQueue: shortest }),
    ...(unmarked > 0 && { queuesOfOne: unmarked }),
    ...(deadbands > 0 && { deadbandsAtServer: deadbands }),
    ...(unfiltered > 0 && { deadbandsHere: unfiltered }),
  };
}
