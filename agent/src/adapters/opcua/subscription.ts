// The subscription of a source: one, with all its tags as monitored items, sampled as each tag wants and sent once
// per publishing interval. Queues are sized so that nothing sampled between two messages is lost.
//
// The trigger is the default, StatusValue: a new source timestamp alone is no news (OPC 10000-4 section 7.22.2); a
// tag that must be confirmed while it stands still has a heartbeat. Oldest values are discarded first, so that what
// survives an overflow is the present.

import {
  AttributeIds,
  type MonitoredItemCreateRequestOptions,
  MonitoringMode,
  type NodeId,
  TimestampsToReturn,
} from 'node-opcua-client';
import { BatchBuilder } from '../../model/batch.ts';
import type { Fault } from '../../model/fault.ts';
import { statusName } from '../../model/status.ts';
import { now } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import type { Calls, Limits } from './calls.ts';
import { type Receiver, receiver } from './notifications.ts';
import type { OpcUaTag, Timings } from './options.ts';
import { startPublishing } from './publisher.ts';
import { pushReading, timeOf } from './values.ts';

/** Values in one message: bounds the size of a response after a pause, without a message per handful of values. */
const VALUES_PER_MESSAGE = 5_000;

/** A queue for tags sampled as fast as the server can (sampling 0) is sized as if it were sampled this often, ms. */
const FASTEST = 20;

/** A tag whose node is known. */
export interface Item {
  readonly tag: OpcUaTag;
  readonly node: NodeId;
}

export interface Subscription {
  /** Ends publishing; the subscription itself goes with the session. */
  stop(): void;
}

/**
 * Creates the subscription and its monitored items and delivers from then on.
 * @param refused told of every item that the server does not take: its tag and the StatusCode
 * @param fail told once when the subscription has ended or the server is silent
 */
export async function subscribe(
  items: readonly Item[],
  publishing: number,
  timings: Timings,
  limits: Limits,
  server: Calls,
  sink: Sink,
  refused: (tag: OpcUaTag, status: number) => void,
  fail: (fault: Fault) => void,
): Promise<Subscription> {
  // A third of the session's timeout, because nothing but publishing keeps the session alive.
  const keepAlive = Math.min(timings.keepAlive, server.session.timeout / 3);
  const created = await server.once('creating a subscription', (session) =>
    session.createSubscription({
      requestedPublishingInterval: publishing,
      requestedMaxKeepAliveCount: Math.max(1, Math.floor(keepAlive / publishing)),
      requestedLifetimeCount: Math.ceil((12 * Math.max(keepAlive, publishing)) / publishing),
      maxNotificationsPerPublish: VALUES_PER_MESSAGE,
      publishingEnabled: true,
      priority: 0,
    }),
  );
  const interval = created.revisedPublishingInterval;
  const tags = items.map(({ tag }) => tag);
  const receive = receiver(tags, sink, () => {
    catchUp(items, receive, limits, server, sink).catch(fail);
  });
  const silence = 3 * Math.max(interval * created.revisedMaxKeepAliveCount, keepAlive);
  const publisher = startPublishing(server.session, silence, receive.receive, fail);
  try {
    await monitor(items, created.subscriptionId, interval, limits, server, receive, refused);
  } catch (error) {
    publisher.stop();
    throw error;
  }
  return publisher;
}

async function monitor(
  items: readonly Item[],
  subscriptionId: number,
  publishing: number,
  limits: Limits,
  server: Calls,
  receive: Receiver,
  refused: (tag: OpcUaTag, status: number) => void,
): Promise<void> {
  await server.portions(items, limits.monitor, async (portion, from) => {
    const handles = portion.map((_, i) => receive.handle(from + i));
    const itemsToCreate = portion.map((item, i) => request(item, handles[i] as number, publishing));
    try {
      const timestampsToReturn = TimestampsToReturn.Both;
      const { results } = await server.once('creating monitored items', (session) =>
        session.createMonitoredItems({ subscriptionId, timestampsToReturn, itemsToCreate }),
      );
      for (const [i, { tag }] of portion.entries()) {
        const status = results?.[i]?.statusCode.value ?? 0;
        if (status !== 0) refused(tag, status);
      }
    } catch (error) {
      // The portion is tried again in parts under new handles: a server that was merely slow may have made these.
      for (const handle of handles) receive.forget(handle);
      throw error;
    }
  });
}

function request({ node, tag }: Item, clientHandle: number, publishing: number): MonitoredItemCreateRequestOptions {
  return {
    itemToMonitor: { nodeId: node, attributeId: AttributeIds.Value },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: {
      clientHandle,
      samplingInterval: tag.sampling,
      discardOldest: true,
      queueSize: queueSize(tag.sampling, publishing),
    },
  };
}

/**
 * Twice what is sampled between two messages, because a message may come late; at least 2, because the server marks
 * an overflow only in a queue longer than 1 (OPC 10000-4 section 7.21).
 */
export function queueSize(sampling: number, publishing: number): number {
  return Math.max(2, 2 * Math.ceil(publishing / (sampling || FASTEST)));
}

/**
 * After a message was lost: reads every item, because a value that changed only then would be wrong until it changes
 * again. Delivers what is newer than the last reading of its tag.
 */
async function catchUp(
  items: readonly Item[],
  receive: Receiver,
  limits: Limits,
  server: Calls,
  sink: Sink,
): Promise<void> {
  await server.portions(items, limits.read, async (portion, from) => {
    const nodes = portion.map(({ node }) => ({ nodeId: node, attributeId: AttributeIds.Value }));
    const values = await server.once('reading all values again', (session) => session.read(nodes));
    const builder = new BatchBuilder(portion.length);
    for (const [i, { tag }] of portion.entries()) {
      const value = values[i];
      if (!value || timeOf(value) <= receive.latest(from + i)) continue;
      pushReading(builder, tag.index, value);
    }
    if (builder.count > 0) sink.deliver(builder.take());
  });
}

/** Bad readings, without a value, for tags that cannot be read at all. */
export function badReadings(tags: readonly { tag: OpcUaTag; status: number }[], sink: Sink): void {
  if (tags.length === 0) return;
  const builder = new BatchBuilder(tags.length);
  const time = now();
  for (const { tag, status } of tags) builder.add(tag.index, time, status, null);
  sink.deliver(builder.take());
}

/** What is said of a tag whose item the server refused. */
export const refusal = (status: number) => `${statusName(status)}: the server does not monitor this node`;
