// Monitored items: sampled as each tag wants, in queues sized so that nothing sampled between two messages is lost,
// nor while a broken link is mended. The trigger is the default, StatusValue: a new source timestamp alone is no news
// (OPC 10000-4 section 7.22.2); a tag that must be confirmed while it stands still has a heartbeat. Oldest values are
// discarded first, so that what survives an overflow is the present.

import {
  AttributeIds,
  DataChangeFilter,
  DataChangeTrigger,
  DeadbandType,
  type MonitoredItemCreateRequestOptions,
  type MonitoredItemCreateResult,
  MonitoringMode,
  type NodeId,
  TimestampsToReturn,
} from 'node-opcua-client';
import { StatusCode } from '../../model/status.ts';
import type { Calls } from './calls.ts';
import type { Receiver } from './notifications.ts';
import type { OpcUaTag } from './options.ts';

/** A queue for tags sampled as fast as the server can (sampling 0) is sized as if it were sampled this often, ms. */
const FASTEST = 20;

/** The longest queue that is asked for: 10 s of a signal sampled every 10 ms. */
const LONGEST = 1_000;

/** Calls under way at once: a server that has nothing else to do works while the next call is written. */
const WIDTH = 4;

/** A tag whose node is known. */
export interface Item {
  readonly tag: OpcUaTag;
  readonly node: NodeId;
  /** Where the tag stands in the source. */
  readonly position: number;
}

export interface Refused {
  readonly item: Item;
  readonly status: number;
}

/** What a server made of what it was asked for, over all items of a subscription. */
export interface Granted {
  items: number;
  /** Items sampled slower than asked, and the slowest of them, ms. */
  slower: number;
  slowest: number;
  /** Items with a queue too short for what is sampled between two messages, and the shortest of them. */
  short: number;
  shortest: number;
  /** Items with a queue of 1: what is dropped from it is not marked, so that an outage cannot be known to be bridged. */
  unmarked: number;
  /** Items whose deadband the server applies, and those that it left to the gateway. */
  deadbands: number;
  unfiltered: number;
}

export const nothingGranted = (): Granted => ({
  items: 0,
  slower: 0,
  slowest: 0,
  short: 0,
  shortest: Infinity,
  unmarked: 0,
  deadbands: 0,
  unfiltered: 0,
});

/** A server that knows no deadband, or none for this node, says one of these; the gateway applies it then. */
const NO_FILTER: readonly number[] = [
  StatusCode.BadFilterNotAllowed,
  StatusCode.BadMonitoredItemFilterInvalid,
  StatusCode.BadMonitoredItemFilterUnsupported,
  StatusCode.BadDeadbandFilterInvalid,
];

export interface ItemRequest {
  readonly subscriptionId: number;
  /** Revised publishing interval, ms. */
  readonly interval: number;
  /** How long an outage the queues should hold, ms. */
  readonly bridge: number;
  /** Most items in one call. */
  readonly most: number;
  /** Told before each call how many items it has. */
  readonly trying: (items: number) => void;
}

/**
 * Creates the items; adds to `granted`. Resolves with those that the server does not take. The handles of items that
 * stand are known to `receive` before their first value comes.
 */
export async function createItems(
  items: readonly Item[],
  request: ItemRequest,
  server: Calls,
  receive: Receiver,
  granted: Granted,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  const again: Item[] = [];
  await create(items, true, (item, result) => {
    const status = result.statusCode.value;
    if (status === 0) note(item, result, request, granted);
    else if (item.tag.deadband !== undefined && NO_FILTER.includes(status)) again.push(item);
    else refused.push({ item, status });
  });
  await create(again, false, (item, result) => {
    const status = result.statusCode.value;
    if (status !== 0) refused.push({ item, status });
    else {
      note(item, result, request, granted);
      granted.unfiltered += 1;
      granted.deadbands -= 1;
    }
  });
  return refused;

  async function create(
    items: readonly Item[],
    filtered: boolean,
    done: (item: Item, result: MonitoredItemCreateResult) => void,
  ): Promise<void> {
    const { subscriptionId, most, trying } = request;
    const send = async (portion: readonly Item[]) => {
      trying(portion.length);
      const handles = portion.map(({ position }) => receive.handle(position));
      const itemsToCreate = portion.map((item, i) => wish(item, handles[i] as number, filtered, request));
      try {
        const timestampsToReturn = TimestampsToReturn.Both;
        const { results } = await server.once('creating monitored items', (session) =>
          session.createMonitoredItems({ subscriptionId, timestampsToReturn, itemsToCreate }),
        );
        for (const [i, item] of portion.entries()) {
          const result = results?.[i];
          if (result === undefined) continue;
          if (result.statusCode.value !== 0) receive.release(handles[i] as number);
          done(item, result);
        }
      } catch (error) {
        // The portion is tried again in parts under new handles: a server that was merely slow may have made these.
        for (const handle of handles) receive.forget(handle);
        throw error;
      }
    };
    await server.portions(items, most, send, WIDTH);
  }
}

function wish(
  { node, tag }: Item,
  clientHandle: number,
  filtered: boolean,
  { interval, bridge }: ItemRequest,
): MonitoredItemCreateRequestOptions {
  const filter = filtered ? filterOf(tag) : undefined;
  return {
    itemToMonitor: { nodeId: node, attributeId: AttributeIds.Value },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: {
      clientHandle,
      samplingInterval: tag.sampling,
      discardOldest: true,
      queueSize: queueSize(tag.sampling, interval, bridge),
      ...(filter && { filter }),
    },
  };
}

function filterOf({ deadband }: OpcUaTag): DataChangeFilter | undefined {
  if (deadband === undefined) return undefined;
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: deadband.kind === 'percent' ? DeadbandType.Percent : DeadbandType.Absolute,
    deadbandValue: deadband.size,
  });
}

/**
 * What is sampled between two messages twice, because a message may come late, or what is sampled while a link is
 * mended; at least 2, because the server marks an overflow only in a queue longer than 1 (OPC 10000-4 section 7.21).
 */
export function queueSize(sampling: number, publishing: number, bridge: number): number {
  const every = sampling || FASTEST;
  return Math.min(LONGEST, Math.max(2, 2 * Math.ceil(publishing / every), Math.ceil(bridge / every)));
}

function note(
  { tag }: Item,
  { revisedSamplingInterval, revisedQueueSize }: MonitoredItemCreateResult,
  { interval }: ItemRequest,
  granted: Granted,
): void {
  granted.items += 1;
  if (tag.deadband !== undefined) granted.deadbands += 1;
  if (revisedQueueSize < 2) granted.unmarked += 1;
  if (revisedSamplingInterval > Math.max(tag.sampling, FASTEST) * 1.01) {
    granted.slower += 1;
    granted.slowest = Math.max(granted.slowest, revisedSamplingInterval);
  }
  const needed = Math.ceil(interval / Math.max(revisedSamplingInterval, tag.sampling || FASTEST));
  if (revisedQueueSize < needed) {
    granted.short += 1;
    granted.shortest = Math.min(granted.shortest, revisedQueueSize);
  }
}
