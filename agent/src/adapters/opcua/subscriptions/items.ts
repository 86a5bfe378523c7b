// Monitored items: sampled as each tag wants, in queues sized so that nothing sampled between two messages is lost,
// nor while a broken link is mended. The trigger is the default, StatusValue: a new source timestamp alone is no news
// (OPC 10000-4 section 7.22.2); a tag that must be confirmed while it stands still has a heartbeat. Oldest values are
// discarded first, so that what survives an overflow is the present.

import {
  AttributeIds,
  type CreateMonitoredItemsResponse,
  DataChangeFilter,
  DataChangeTrigger,
  DeadbandType,
  DeleteMonitoredItemsRequest,
  type MonitoredItemCreateRequestOptions,
  type MonitoredItemCreateResult,
  MonitoringMode,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { Fault } from '../../../model/fault.ts';
import { isBad, StatusCode } from '../../../model/status.ts';
import type { Calls } from '../link/calls.ts';
import { failure, serviceResult } from '../source/faults.ts';
import type { Item } from '../source/item.ts';
import type { OpcUaTag } from '../source/options.ts';
import type { Session } from '../source/session.ts';
import type { Receiver } from './notifications.ts';

/** A queue for tags sampled as fast as the server can (sampling 0) is sized as if it were sampled this often, ms. */
const FASTEST = 20;

/** The longest queue that is asked for: 10 s of a signal sampled every 10 ms. */
const LONGEST = 1_000;

/** Calls under way at once: a server that has nothing else to do works while the next call is written. */
const WIDTH = 4;

export interface Refused {
  readonly item: Item;
  readonly status: number;
  /** The whole call failed for this item, and why. */
  readonly failure?: string;
}

/** An item that stands on the server, and what it was given. */
export interface Placed {
  readonly item: Item;
  /** The server's id of it. */
  readonly id: number;
  /** Revised sampling interval, ms. */
  readonly sampling: number;
  /** Revised length of its queue. */
  readonly queue: number;
  /** The server applies the deadband. */
  readonly filtered: boolean;
}

/** What a server made of what it was asked for, over many items. */
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

/** @param groups items with the publishing interval of their subscription, ms */
export function grantedOf(groups: Iterable<{ readonly interval: number; readonly items: Iterable<Placed> }>): Granted {
  const granted = { ...NOTHING };
  for (const { interval, items } of groups) for (const placed of items) note(placed, interval, granted);
  return granted;
}

const NOTHING: Granted = {
  items: 0,
  slower: 0,
  slowest: 0,
  short: 0,
  shortest: Infinity,
  unmarked: 0,
  deadbands: 0,
  unfiltered: 0,
};

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
  /** Whether they are sampled from the beginning. */
  readonly enabled: boolean;
  /** Told before each call how many items it has. */
  readonly trying: (items: number) => void;
}

/**
 * Creates the items. Resolves with those that the server does not take. The handles of items that stand are known to
 * `receive` before their first value comes; after a failure none of them is.
 * @param stands told of every item that stands, those of a failure too
 */
export async function createItems(
  items: readonly Item[],
  request: ItemRequest,
  server: Calls,
  receive: Receiver,
  stands: (placed: Placed) => void,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  const given: number[] = [];
  const again: Item[] = [];
  await create(items, true, (item, result) => {
    const status = result.statusCode.value;
    if (!isBad(status)) stands(placedAs(item, result, item.tag.deadband !== undefined));
    else if (item.tag.deadband !== undefined && NO_FILTER.includes(status)) again.push(item);
    else refused.push({ item, status });
  });
  await create(again, false, (item, result) => {
    const status = result.statusCode.value;
    if (!isBad(status)) stands(placedAs(item, result, false));
    else refused.push({ item, status });
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
      let answer: Promise<CreateMonitoredItemsResponse> | undefined;
      const itemsToCreate = portion.map((item, i) => wish(item, handles[i] as number, filtered, request));
      try {
        const timestampsToReturn = TimestampsToReturn.Both;
        const create = (session: Session) => {
          answer = session.createMonitoredItems({ subscriptionId, timestampsToReturn, itemsToCreate });
          return answer;
        };
        const { results } = await server.once('creating monitored items', create, 'long');
        for (const [i, item] of portion.entries()) {
          const handle = handles[i] as number;
          const result = results?.[i];
          if (result === undefined) {
            // Of one that the answer leaves out nobody knows anything: it is not to be taken for one that stands.
            receive.forget(handle);
            refused.push({ item, status: StatusCode.BadUnknownResponse });
            continue;
          }
          if (isBad(result.statusCode.value)) receive.release(handle);
          else given.push(handle);
          done(item, result);
        }
      } catch (error) {
        // The portion is tried again in parts under new handles: a server that was merely slow may have made these.
        for (const handle of handles) receive.forget(handle);
        answer?.then(
          ({ results }) => withdraw(results ?? []),
          () => {},
        );
        throw error;
      }
    };
    /** The server made them after all, too late: they would be sampled for nobody, and count against its limits. */
    const withdraw = (results: readonly MonitoredItemCreateResult[]) => {
      const monitoredItemIds = results.filter((one) => !isBad(one.statusCode.value)).map((one) => one.monitoredItemId);
      const remove = new DeleteMonitoredItemsRequest({ subscriptionId, monitoredItemIds });
      if (monitoredItemIds.length > 0) server.ask('deleting monitored items', remove).catch(() => {});
    };
    try {
      await server.portions(items, most, send, WIDTH, {
        alone: (item, fault) => refused.push({ item, ...failure(fault) }),
        asking: (portion) =>
          server.asking(
            'monitoring',
            portion.map(({ position }) => position),
          ),
      });
    } catch (error) {
      for (const handle of given) receive.forget(handle);
      throw error;
    }
  }
}

function wish(
  { node, tag }: Item,
  clientHandle: number,
  filtered: boolean,
  { interval, bridge, enabled }: ItemRequest,
): MonitoredItemCreateRequestOptions {
  const filter = filtered ? filterOf(tag) : undefined;
  return {
    itemToMonitor: { nodeId: node, attributeId: AttributeIds.Value },
    monitoringMode: enabled ? MonitoringMode.Reporting : MonitoringMode.Disabled,
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

const placedAs = (item: Item, result: MonitoredItemCreateResult, filtered: boolean): Placed => ({
  item,
  id: result.monitoredItemId,
  sampling: result.revisedSamplingInterval,
  queue: result.revisedQueueSize,
  filtered,
});

function note({ item: { tag }, sampling, queue, filtered }: Placed, interval: number, granted: Granted): void {
  granted.items += 1;
  if (filtered) granted.deadbands += 1;
  else if (tag.deadband !== undefined) granted.unfiltered += 1;
  if (queue < 2) granted.unmarked += 1;
  if (sampling > Math.max(tag.sampling, FASTEST) * 1.01) {
    granted.slower += 1;
    granted.slowest = Math.max(granted.slowest, sampling);
  }
  const needed = Math.ceil(interval / Math.max(sampling, tag.sampling || FASTEST));
  if (queue < needed) {
    granted.short += 1;
    granted.shortest = Math.min(granted.shortest, queue);
  }
}

/** Deletes items of a subscription, as far as the server goes along: what it still samples is nobody's. */
export async function deleteItems(
  subscriptionId: number,
  items: readonly Placed[],
  most: number,
  server: Calls,
): Promise<void> {
  try {
    await server.portions(items, most, async (portion) => {
      const monitoredItemIds = portion.map(({ id }) => id);
      const request = new DeleteMonitoredItemsRequest({ subscriptionId, monitoredItemIds });
      await server.ask('deleting monitored items', request, 'long');
    });
  } catch (error) {
    if (serviceResult((error as Fault).cause ?? {}) === undefined) throw error;
  }
}
