// The OPC UA adapter: one encrypted session, one subscription, every tag a monitored item. See adapters/adapter.ts
// for the contract. What node-opcua would do by itself (reconnect, retry, trust on first use) is switched off: the
// supervisor makes a new adapter for every attempt.

import { Fault } from '../../model/fault.ts';
import type { Adapter, Sink } from '../adapter.ts';
import { type Calls, calls, type Limits, readServer } from './calls.ts';
import { readFacts } from './facts.ts';
import { type Link, openLink } from './link.ts';
import { resolveNodes } from './nodes.ts';
import { type OpcUaOptions, type OpcUaTag, TIMINGS, type Timings } from './options.ts';
import { badReadings, type Item, refusal, type Subscription, subscribe } from './subscription.ts';

export type { OpcUaOptions, OpcUaTag, Timings } from './options.ts';

/** An adapter for one connection attempt. @param timings shorter ones for tests */
export function opcuaAdapter(options: OpcUaOptions, timings: Timings = TIMINGS): Adapter {
  let ready: { link: Link; server: Calls; limits: Limits; namespaces: readonly string[] } | undefined;
  let subscription: Subscription | undefined;
  let closed: Promise<void> | undefined;
  const closing = new AbortController();

  async function start(sink: Sink, { link, server, limits, namespaces }: NonNullable<typeof ready>): Promise<void> {
    const trouble = new Map<string, string>();
    const unreadable: { tag: OpcUaTag; status: number }[] = [];
    const items: Item[] = [];
    for (const [i, resolved] of (await resolveNodes(options.tags, namespaces, limits, server)).entries()) {
      const tag = options.tags[i] as OpcUaTag;
      if ('node' in resolved) items.push({ tag, node: resolved.node });
      else {
        trouble.set(tag.name, resolved.reason);
        unreadable.push({ tag, status: resolved.status });
      }
    }
    badReadings(unreadable, sink);
    const ranged = items.filter(({ tag }) => tag.wantsRange);
    const facts = await readFacts(
      ranged.map(({ node }) => node),
      limits,
      server,
    );
    for (const [i, { tag }] of ranged.entries()) sink.describe(tag.index, facts[i] ?? {});
    const refused = (tag: OpcUaTag, status: number) => {
      trouble.set(tag.name, refusal(status));
      badReadings([{ tag, status }], sink);
    };
    subscription = await subscribe(items, options.publishing, timings, limits, server, sink, refused, link.fail);
    sink.ready();
    sink.trouble(trouble);
  }

  return {
    async connect(signal) {
      const deadline = new AbortController();
      const late = () => {
        const message = `${options.name}: ${options.endpoint} was not connected in ${timings.connect} ms`;
        deadline.abort(new Fault('source.timeout', message));
      };
      const timer = setTimeout(late, timings.connect);
      const either = AbortSignal.any([signal, closing.signal, deadline.signal]);
      try {
        const link = await openLink(options, timings, either);
        try {
          const server = calls(link.session, options.name, timings.request);
          ready = { link, server, ...(await unless(either, link, readServer(server))) };
        } catch (error) {
          await link.close();
          throw error;
        }
      } catch (error) {
        throw Fault.from(error, 'internal.unexpected', options.name);
      } finally {
        clearTimeout(timer);
      }
    },
    async run(sink, signal) {
      if (!ready) throw new Fault('internal.unexpected', `${options.name}: run without connect`);
      const { link } = ready;
      // Nothing may reach the sink after run has ended.
      const guarded = whileOpen(sink);
      try {
        await unless(
          AbortSignal.any([signal, closing.signal]),
          link,
          start(guarded.sink, ready).then(() => link.lost),
        );
      } catch (error) {
        if (signal.aborted || closing.signal.aborted) return;
        throw Fault.from(error, 'internal.unexpected', options.name);
      } finally {
        guarded.end();
        subscription?.stop();
      }
    },
    close() {
      closed ??= (async () => {
        closing.abort(new Fault('source.closed', `${options.name}: closed`));
        subscription?.stop();
        await ready?.link.close();
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
      ready: () => open && sink.ready(),
      describe: (tag, facts) => open && sink.describe(tag, facts),
      gap: (gap) => open && sink.gap(gap),
      trouble: (parts) => open && sink.trouble(parts),
    },
    end() {
      open = false;
    },
  };
}
