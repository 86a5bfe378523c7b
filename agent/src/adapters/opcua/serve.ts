// One link at work: what stands on the server is taken up again, or the tags are looked up and subscribed anew; then
// tags that cannot be read are tried again, gaps are filled from the history, polled tags are polled, until the link
// ends.

import { Fault } from '../../model/fault.ts';
import { now } from '../../model/time.ts';
import type { Outage, Sink } from '../adapter.ts';
import { pause } from '../pause.ts';
import { type ChangeOver, changeOver, settle, tellUnbridged } from './changeover.ts';
import { events } from './events/events.ts';
import { heed } from './heed.ts';
import { bridges, type Estate, type Kept } from './kept.ts';
import { type Connection, readNamespaces } from './link/calls.ts';
import { type Polling, polling, REGISTERING } from './poll.ts';
import { report } from './report.ts';
import { setAside, sift, withhold } from './sift.ts';
import type { Hold } from './source/failover.ts';
import { serviceResult } from './source/faults.ts';
import { type Item, isPolled, undamped } from './source/item.ts';
import type { OpcUaOptions, OpcUaTag, Timings } from './source/options.ts';
import { isUnreadable, patience, refusal } from './source/unreadable.ts';
import { resolveNodes } from './space/nodes.ts';
import { readableAgain } from './subscriptions/revive.ts';
import { readStill } from './subscriptions/still.ts';
import { reconsider, subscriptions } from './subscriptions/subscriptions.ts';

/**
 * Works until the signal aborts; rejects with a Fault when the link is of no use any more.
 * @param first whether the outage before is known to the supervisor; otherwise nothing may have been lost in it
 * @param hold the server stands by until this says otherwise
 */
export async function serve(
  connection: Connection,
  options: OpcUaOptions,
  timings: Timings,
  kept: Kept,
  to: Sink,
  first: boolean,
  signal: AbortSignal,
  hold?: Hold,
): Promise<void> {
  if (hold?.mode === 'cold') await hold.used;
  if (signal.aborted) return;
  const { link, server, limits } = connection;
  let { namespaces } = connection;
  const { roster, texts, meaning } = kept;
  const sink = texts.over(to);
  const ask = { server, limits, sink, signal };
  server.types.onFailure = (type, reason) => {
    kept.unreadable.note(`values of type ${type}`, reason);
    kept.unreadable.tell(sink);
  };
  const note = (about: string, text: string | undefined) => {
    kept.unreadable.note(about, text);
    kept.unreadable.tell(sink);
  };
  const eventsLink = { server, namespaces, sink, note };
  kept.suspects.renew();
  kept.courtesies.renew();
  const previous = kept.estate?.subscriptions.receive;
  /** What came before this link, and first by it. */
  const ending = previous?.renew();
  const resumed = await takeUp();
  if (!resumed && !first) throw new Fault('source.closed', `${options.name}: the subscriptions are gone`);
  kept.unreadable.renew(!resumed);
  kept.courtesies.tell();
  withhold(kept);
  if (!resumed) await clearUp();
  const estate = kept.estate ?? begin();
  const polls = startPolling(estate);
  let awake = !hold?.waiting;
  if (resumed && awake) await polls.add(estate.items.filter(isPolled));
  let turn = Promise.resolve();
  let version = await follow(estate);
  if (signal.aborted) return;
  kept.estate = estate;
  kept.debris = undefined;
  const upkeep = hold?.waiting ? tend() : undefined;
  if (hold?.waiting) {
    await Promise.race([hold.used, upkeep]);
    if (signal.aborted) return;
  }
  const { known } = kept;
  const taken = await wake();
  await listen(estate);
  tellRangeless();
  sink.granted(report(estate.subscriptions, estate.events, kept.mended));
  if (taken?.whole && known !== undefined) tellUnbridged(estate, options.events?.name, known, sink);
  const outage = sink.ready(known === undefined ? resumed && bridges(estate) : taken?.whole);
  if (outage !== undefined) want(outage);
  await Promise.all([
    upkeep ?? tend(),
    refresh(estate),
    listenAgain(estate),
    units(estate),
    meaning.keepUp(() => estate.items, ask, tellRangeless),
    watchNamespaces(estate),
    fill(estate),
    keepTexts(estate),
  ]);

  function tend(): Promise<unknown> {
    return Promise.all([
      retry(estate),
      sift(kept, timings.retry, (positions) => inTurn(() => add(estate, positions, false)), sink, signal),
      keepUp(estate),
      polls.over,
    ]);
  }

  /** The server is used from now on, if it stood by. */
  async function wake(): Promise<ChangeOver | undefined> {
    let taken: ChangeOver | undefined;
    await inTurn(async () => {
      if (estate.subscriptions.asleep !== undefined)
        taken = await changeOver(kept, estate, known, roster.version === version);
      kept.known = undefined;
      if (!awake) await polls.add(estate.items.filter(isPolled));
      awake = true;
    });
    return taken;
  }

  /** Whether everything stands on the server as it stood before. Rejects when the link breaks; then nothing has changed. */
  async function takeUp(): Promise<boolean> {
    const old = kept.estate;
    if (old === undefined) return false;
    const { session } = link;
    old.subscriptions.bind(server, limits, sink, link.fail);
    // What is had again of the events comes before anybody listens anew.
    old.events?.bind(eventsLink);
    // One that has come at the end moves no index.
    const same = old.namespaces.every((uri, i) => uri === namespaces[i]);
    let stands = same;
    if (stands && session !== old.session) {
      stands = await old.subscriptions.transfer();
      if (stands) kept.estate = { ...old, session };
    }
    if (stands && (await old.subscriptions.resume())) {
      kept.estate = { ...old, session, namespaces };
      old.subscriptions.start();
      return true;
    }
    old.subscriptions.forsake();
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
    reconsider(memory);
    const rest = hold?.waiting && !kept.restless ? hold.mode : undefined;
    const all = subscriptions(options, roster, timings, memory, kept.counts, heed(kept), rest);
    all.bind(server, limits, sink, link.fail);
    kept.debris = all;
    const told = options.events && { events: events(options.events) };
    return { session: link.session, namespaces, subscriptions: all, items: [], ...told };
  }

  /** Has the server tell its events, and repeat its conditions; why it does not is told as trouble. */
  async function listen({ events, subscriptions }: Estate): Promise<void> {
    if (events === undefined) return;
    events.bind(eventsLink);
    const name = options.events?.name ?? '';
    if (kept.courtesies.events.manner(name) === 'not') return;
    const answered = kept.courtesies.events.asking('watching for events', [name]);
    if (!events.stands) await events.begin(() => subscriptions.open(options.publishing, events));
    await events.refresh();
    answered();
  }

  async function listenAgain(estate: Estate): Promise<void> {
    for (let attempt = 1; estate.events?.stands === false && !signal.aborted; attempt++) {
      await pause(patience(timings.retry, attempt), signal);
      try {
        if (!signal.aborted) await listen(estate);
      } catch (error) {
        // Whether the link is broken others will tell.
        if (!(error instanceof Fault)) throw error;
      }
    }
  }

  /** What is missing after an outage: between the last reading of each tag before it and the first after it. */
  function want(outage: Outage): void {
    const { receive } = estate.subscriptions;
    const { after } = receive === previous && ending !== undefined ? ending : receive.stretch();
    const before = (position: number) =>
      known?.latest[position] ?? ending?.before(position) ?? Number.NEGATIVE_INFINITY;
    kept.history.want(outage, undefined, before, after, estate.events !== undefined);
  }

  /**
   * Brings what stands in line with the tags as they are now: items of those gone are deleted, new ones are added.
   * Says which version of the tags that was.
   */
  async function follow(estate: Estate): Promise<number> {
    const { version } = roster;
    const isPresent = ({ position }: Item) => roster.tags[position] !== undefined;
    for (const item of estate.items) if (!isPresent(item)) texts.forget(item);
    estate.items = estate.items.filter(isPresent);
    const known = new Set(kept.unreadable.positions);
    for (const { position } of estate.items) known.add(position);
    const fresh = roster.positions.filter((position) => !known.has(position));
    try {
      await add(estate, fresh, true);
    } catch (error) {
      const status = serviceResult((error as Fault).cause ?? {});
      if (estate !== kept.estate || status === undefined) throw error;
      // Those that stand are not to suffer: these are tried again as others are that cannot be read.
      for (const position of fresh) kept.unreadable.set(position, status, (error as Fault).message);
    }
    return version;
  }

  /** Tags that come and go while the link stands. */
  async function keepUp(estate: Estate): Promise<void> {
    while (!signal.aborted) {
      await roster.changed(version, signal);
      if (signal.aborted) return;
      await inTurn(async () => {
        version = await follow(estate);
      });
      tellRangeless();
      sink.granted(report(estate.subscriptions, estate.events, kept.mended));
      await units(estate);
    }
  }

  /** One after the other, so that no tag is added twice. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** Looks tags up and subscribes or polls them; those that cannot be read are noted. */
  async function add(estate: Estate, positions: readonly number[], described: boolean): Promise<void> {
    await estate.subscriptions.prune(new Set(estate.items.map(({ position }) => position)));
    const present = positions.filter((position) => roster.tags[position] !== undefined);
    const tags = present.map((position) => roster.tags[position] as OpcUaTag);
    const found: Item[] = [];
    for (const [i, resolved] of (await resolveNodes(tags, namespaces, limits, server, present)).entries()) {
      const position = present[i] as number;
      if ('node' in resolved) found.push({ tag: tags[i] as OpcUaTag, node: resolved.node, position });
      else if (resolved.failed) setAside(kept, position, resolved.status, resolved.reason);
      else kept.unreadable.set(position, resolved.status, resolved.reason);
    }
    if (described) kept.unreadable.tell(sink);
    await meaning.ranges(found, ask);
    await texts.learn(found, limits, server, false);
    const items = found.map((item) => (texts.has(item.tag.index) ? undamped(item) : item));
    const refused = await estate.subscriptions.add(items.filter((item) => !isPolled(item)));
    for (const { item, status, failure } of refused) {
      if (failure === undefined) kept.unreadable.set(item.position, status, refusal(status));
      else setAside(kept, item.position, status, failure);
    }
    const without = new Set(refused.map(({ item }) => item));
    const fresh = items.filter((item) => !without.has(item));
    for (const { position } of fresh) kept.unreadable.clear(position);
    estate.items = estate.items.concat(fresh);
    if (fresh.length > 0 && !awake) estate.slept = now();
    if (awake) await polls.add(fresh.filter(isPolled));
  }

  function startPolling(estate: Estate): Polling {
    return polling({
      server,
      limits,
      sink,
      signal,
      roster,
      saw: estate.subscriptions.receive.saw,
      answered({ position }, status) {
        if (isUnreadable(status)) kept.unreadable.set(position, status, refusal(status));
        else kept.unreadable.clear(position);
      },
      failed({ position }, status, reason) {
        estate.items = estate.items.filter((item) => item.position !== position);
        setAside(kept, position, status, reason);
      },
      registers: () => !kept.suspects.ended(REGISTERING),
      settled: () => kept.unreadable.tell(sink),
      overrun(interval, rounds) {
        // Told at every doubling: each telling is a line in the log.
        if ((rounds & (rounds - 1)) !== 0) return;
        const text = `the server needs longer than that to answer: ${rounds} rounds or more were left out`;
        kept.unreadable.note(`polling every ${interval} ms`, rounds === 0 ? undefined : text);
        kept.unreadable.tell(sink);
      },
    });
  }

  /**
   * What has had no reading by this link is read once, after the queues have come: the supervisor marked it as lost, it may
   * be other than known, and a server may send nothing for an item before its value changes.
   */
  async function refresh({ subscriptions, items }: Estate): Promise<void> {
    const overlap = taken?.overlap;
    if (overlap === undefined && resumed && !first) return;
    const messages = 2 * Math.max(0, ...subscriptions.intervals());
    if (overlap !== undefined && known !== undefined) await settle(estate, overlap, kept, known, sink, signal);
    else await pause(resumed ? messages : Math.max(messages, timings.keepAlive), signal);
    if (signal.aborted) return;
    const subscribed = items.filter((item) => !isPolled(item));
    const answered = ({ position }: Item, status: number) => {
      if (isUnreadable(status)) kept.unreadable.set(position, status, refusal(status), true);
    };
    const among = { server, limits, sink, roster, courtesy: kept.courtesies.values, answered };
    await readStill(subscribed, among, subscriptions.receive, overlap && known);
    kept.unreadable.tell(sink);
  }

  async function retry(estate: Estate): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      await pause(patience(timings.retry, attempt), signal);
      if (signal.aborted) return;
      const withheld = kept.suspects.withheld();
      const positions = new Set(kept.unreadable.positions.filter((position) => !withheld.has(position)));
      if (positions.size === 0) {
        attempt = 0;
        continue;
      }
      try {
        await lookAtNamespaces(estate);
        await inTurn(async () => {
          const standing = estate.items.filter((item) => positions.has(item.position) && !isPolled(item));
          const revived = await readableAgain(standing, namespaces, limits, server, kept.courtesies.values);
          estate.items = estate.items.filter(({ position }) => !revived.has(position));
          for (const { position } of estate.items) positions.delete(position);
          if (positions.size > 0) await add(estate, [...positions], false);
        });
        kept.unreadable.tell(sink);
      } catch (error) {
        // Those that work are not to suffer; whether the link is broken others will tell.
        if (!(error instanceof Fault)) throw error;
      }
    }
  }

  /** A namespace that has come is known from now on; where one has moved, ids mean other nodes, and all is looked up anew. */
  async function lookAtNamespaces(estate: Estate): Promise<void> {
    const found = await readNamespaces(server);
    if (found === undefined) return;
    if (namespaces.every((uri, i) => uri === found[i])) {
      namespaces = found;
      estate.namespaces = found;
    } else link.fail(new Fault('source.closed', `${options.name}: the namespaces of the server have changed`));
  }

  async function watchNamespaces(estate: Estate): Promise<void> {
    for (;;) {
      await pause(timings.recheck, signal);
      if (signal.aborted) return;
      await lookAtNamespaces(estate).catch((error: unknown) => {
        if (!(error instanceof Fault)) throw error;
      });
    }
  }

  /** Texts may be others after an outage, and whenever the server says so. */
  async function keepTexts(estate: Estate): Promise<void> {
    if (resumed) texts.doubt(estate.items);
    const again = async (items: readonly Item[]) => {
      await texts.learn(items, limits, server, true);
      kept.unreadable.tell(sink);
    };
    await texts.keep(() => estate.items, again, signal);
  }

  async function units(estate: Estate): Promise<void> {
    await meaning.units(estate.items, ask);
    kept.unreadable.tell(sink);
  }

  function tellRangeless(): void {
    kept.unreadable.note('deadband in percent', meaning.lacks(estate.items, estate.subscriptions.filtered()));
    kept.unreadable.tell(sink);
  }

  function fill(estate: Estate): Promise<void> {
    const recorded = () => estate.items.filter(({ tag }) => tag.history === true);
    return kept.history.run(recorded, server, limits, sink, signal);
  }
}
