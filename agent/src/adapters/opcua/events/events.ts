// The events of a source: alarms, conditions and whatever else its server tells, in a subscription of their own. Each
// becomes a reading of the source's events tag. What it promises:
//
// E1  Every event that the server sends is delivered, in its order; a queue that overflowed is a gap record.
// E2  After each connect, and when the server asks for it or lost some, it repeats the conditions that are of interest
//     (ConditionRefresh, OPC 10000-9 section 4.5); what comes of that is marked.
// E3  A server that refuses the filter gets a simpler one, and the gateway filters itself; one that takes "of this type"
//     for "of exactly this type" is given the subtypes too.

import {
  AttributeIds,
  CallMethodRequest,
  DataType,
  EventFilterResult,
  EventNotificationList,
  MonitoringMode,
  type NodeId,
  type NotificationMessage,
  resolveNodeId,
  StatusChangeNotification,
  TimestampsToReturn,
} from 'node-opcua-client';
import { BatchBuilder } from '../../../model/batch.ts';
import { Fault } from '../../../model/fault.ts';
import type { GapReason } from '../../../model/gap.ts';
import { isBad, StatusCode, statusName } from '../../../model/status.ts';
import { now, type Timestamp } from '../../../model/time.ts';
import type { Sink } from '../../adapter.ts';
import type { Calls } from '../link/calls.ts';
import { serviceResult } from '../source/faults.ts';
import type { EventsOptions } from '../source/options.ts';
import { parseNode } from '../space/nodes.ts';
import { ended } from '../subscriptions/notifications.ts';
import { type Extent, fieldsOf, readEvent } from './fields.ts';
import { eventFilter, FLOW, type Wanted } from './filter.ts';
import { subtypesOf } from './types.ts';

/** The link of the moment. */
export interface EventsLink {
  readonly server: Calls;
  readonly namespaces: readonly string[];
  readonly sink: Sink;
  /** Says what is wrong with something, or that nothing is. */
  readonly note: (about: 'events' | 'conditions', text: string | undefined) => void;
}

export interface Events {
  /** Whether the server has taken the item. */
  readonly stands: boolean;
  /** What the server made of what it was asked for, where that is less. */
  readonly granted: Readonly<Record<string, number>>;
  /** From now on events go to this sink, and calls to this server. */
  bind(link: EventsLink): void;
  /**
   * Has the server watch for events, in the subscription that `open` makes; says by `note` why not, also where the server
   * gives no answer: no tag is to suffer for that. Rejects when the connection fails.
   */
  begin(open: () => Promise<number>): Promise<void>;
  /** Takes a message of the subscription. @throws Fault when the server ended it */
  take(message: NotificationMessage): void;
  /** Messages are missing for good. */
  lost(from: Timestamp, to: Timestamp, reason: GapReason): void;
  /** Has the server repeat its conditions; says by `note` why not. Rejects when the connection fails. */
  refresh(): Promise<void>;
}

/** As many as an alarm flood of some minutes makes; a server that has less room says so by its overflow event. */
const QUEUE = 10_000;

/** What a filter is made of, from the best to what any server takes. */
const ATTEMPTS: readonly { readonly extent: Extent; readonly filtered: boolean }[] = [
  { extent: 'all', filtered: true },
  { extent: 'all', filtered: false },
  { extent: 'base', filtered: false },
];

/** A filter that a server does not know is answered by one of these. */
const BAD_FILTER: readonly number[] = [
  StatusCode.BadEventFilterInvalid,
  StatusCode.BadContentFilterInvalid,
  StatusCode.BadMonitoredItemFilterInvalid,
  StatusCode.BadMonitoredItemFilterUnsupported,
  StatusCode.BadFilterNotAllowed,
  StatusCode.BadFilterOperandInvalid,
  StatusCode.BadFilterOperatorInvalid,
  StatusCode.BadFilterOperatorUnsupported,
  StatusCode.BadFilterElementInvalid,
  StatusCode.BadFilterLiteralInvalid,
  StatusCode.BadFilterOperandCountMismatch,
  StatusCode.BadStructureMissing,
  StatusCode.BadNotSupported,
  StatusCode.BadServiceUnsupported,
];

/** A refresh that the server began and did not end is over after this time, ms; so often it may be asked for. */
const REFRESH = 60_000;
const REFRESH_AGAIN = 10_000;

const CONDITION_TYPE = resolveNodeId('i=2782');
const CONDITION_REFRESH = resolveNodeId('i=3875');

export function events(options: EventsOptions): Events {
  const builder = new BatchBuilder();
  let link: EventsLink | undefined;
  let subscriptionId: number | undefined;
  let stands = false;
  let granted: Record<string, number> = {};
  /** The client handle of the item that counts. */
  let handle = 1;
  let fields = fieldsOf(options.fields, options.conditions, 'all');
  /** Types to be told apart here, where the server does not filter; undefined: it does, or all are wanted. */
  let only: ReadonlyMap<string, NodeId> | undefined;
  let refreshing = Number.NEGATIVE_INFINITY;
  let asked = Number.NEGATIVE_INFINITY;
  let again: NodeJS.Timeout | undefined;
  let latest: Timestamp | undefined;

  const bound = (): EventsLink => {
    if (link === undefined) throw new Fault('internal.unexpected', 'events without a link');
    return link;
  };

  function resolve(text: string): NodeId | undefined {
    const { namespaces, note } = bound();
    const found = parseNode(text, namespaces);
    if ('node' in found) return found.node;
    note('events', found.reason);
    return undefined;
  }

  async function create(id: number, notifier: NodeId, where: Wanted, attempt: (typeof ATTEMPTS)[number]) {
    const { server } = bound();
    const asks = fieldsOf(options.fields, options.conditions, attempt.extent);
    const filter = eventFilter(
      asks.map(({ clause }) => clause),
      attempt.filtered ? where : undefined,
    );
    const creating = server.once('watching for events', (session) =>
      session.createMonitoredItems({
        subscriptionId: id,
        timestampsToReturn: TimestampsToReturn.Neither,
        itemsToCreate: [
          {
            itemToMonitor: { nodeId: notifier, attributeId: AttributeIds.EventNotifier },
            monitoringMode: MonitoringMode.Reporting,
            requestedParameters: {
              clientHandle: handle,
              samplingInterval: 0,
              queueSize: QUEUE,
              discardOldest: true,
              filter,
            },
          },
        ],
      }),
    );
    const { results } = await creating.catch((error: unknown) => {
      // A server that was merely slow may have made the item: what comes of it would come twice.
      handle += 1;
      throw error;
    });
    const [result] = results ?? [];
    const status = result?.statusCode.value ?? StatusCode.BadUnexpectedError;
    const answer = result?.filterResult instanceof EventFilterResult ? result.filterResult : undefined;
    const refused = status === 0 ? whereRefused(answer) : undefined;
    const queue = result?.revisedQueueSize ?? 0;
    if (refused === undefined) return { asks, status, answer, queue };
    // It would send nothing at all.
    const request = { subscriptionId: id, monitoredItemIds: [result?.monitoredItemId ?? 0] };
    await server.once('taking an item back', (session) => session.deleteMonitoredItems(request)).catch(answerOf);
    return { asks, status: refused, answer, queue };
  }

  /** Events that tell of the flow of events; true when it is one. */
  function flows(type: NodeId | undefined): boolean {
    if (type?.namespace !== 0) return false;
    switch (type.value) {
      case FLOW.refreshStart:
        refreshing = performance.now();
        return true;
      case FLOW.refreshEnd:
        refreshing = Number.NEGATIVE_INFINITY;
        return true;
      case FLOW.refreshRequired:
        refreshSoon();
        return true;
      case FLOW.overflow:
        overflowed(latest ?? now(), now());
        return true;
      default:
        return false;
    }
  }

  function overflowed(from: Timestamp, to: Timestamp, reason: GapReason = 'source-overflow'): void {
    flush();
    bound().sink.gap({ reason, tags: [options.name], from, to });
    refreshSoon();
  }

  function flush(): void {
    if (builder.count > 0) bound().sink.deliver(builder.take());
  }

  /** However often a server asks for it. */
  function refreshSoon(): void {
    const of = link;
    again ??= setTimeout(
      () => {
        again = undefined;
        // Another link refreshes by itself; whether this one is broken others will tell.
        if (link === of) refresh().catch(() => {});
      },
      Math.max(0, asked + REFRESH_AGAIN - performance.now()),
    );
    again.unref();
  }

  /** What a server that is there does not do is said. */
  async function noted(about: 'events' | 'conditions', work: () => Promise<void>): Promise<void> {
    const { note } = bound();
    try {
      await work();
    } catch (error) {
      const { code, cause, message } = error as Fault;
      if (code !== 'source.timeout' && serviceResult(cause ?? {}) === undefined) throw error;
      note(about, message);
    }
  }

  async function repeat(): Promise<void> {
    if (!options.conditions || !stands) return;
    const { server, note } = bound();
    asked = performance.now();
    const request = new CallMethodRequest({
      objectId: CONDITION_TYPE,
      methodId: CONDITION_REFRESH,
      inputArguments: [{ dataType: DataType.UInt32, value: subscriptionId as number }],
    });
    let status: number;
    try {
      const { statusCode } = await server.once('asking for the conditions', (session) => session.call(request), 'long');
      status = statusCode.value;
    } catch (error) {
      status = answerOf(error);
    }
    // In progress already: what was asked for comes.
    const fails = isBad(status) && status !== StatusCode.BadRefreshInProgress;
    const way = 'alarms that stood before are not known until they change; conditions: false ends this message';
    const text = `${statusName(status)}: the server does not repeat its conditions; ${way}`;
    note('conditions', fails ? text : undefined);
  }

  async function begin(open: () => Promise<number>): Promise<void> {
    const { note, server } = bound();
    const notifier = resolve(options.notifier);
    const types = options.types.map(resolve);
    if (notifier === undefined || types.includes(undefined)) return;
    const derived = await subtypesOf(types as NodeId[], server);
    const where = { severityFrom: options.severityFrom, types: types as NodeId[], derived: [...derived.values()] };
    let refused: number = StatusCode.BadEventFilterInvalid;
    try {
      subscriptionId ??= await open();
    } catch (error) {
      note('events', `${statusName(answerOf(error))}: the server gives no subscription for events`);
      return;
    }
    const id = subscriptionId;
    for (const attempt of ATTEMPTS) {
      const { asks, status, answer, queue } = await create(id, notifier, where, attempt);
      if (status !== 0) {
        refused = status;
        // Whatever it says of an item with a where clause, it may take the one without.
        if (attempt.filtered || BAD_FILTER.includes(status)) continue;
        break;
      }
      granted = {
        ...(queue < QUEUE && { eventQueue: queue }),
        ...(!attempt.filtered && (where.types.length > 0 || where.severityFrom > 1) && { eventsFilteredHere: 1 }),
      };
      fields = asks;
      only = attempt.filtered || where.types.length === 0 ? undefined : derived;
      stands = true;
      note('events', unknownFields(asks, answer));
      return;
    }
    note('events', `${statusName(refused)}: the server does not tell events of ${options.notifier}`);
  }

  const refresh = () => noted('conditions', repeat);

  return {
    get stands() {
      return stands;
    },
    get granted() {
      return granted;
    },
    bind(next) {
      clearTimeout(again);
      again = undefined;
      refreshing = Number.NEGATIVE_INFINITY;
      link = next;
    },
    begin: (open) => noted('events', () => begin(open)),
    take({ notificationData }) {
      const { namespaces } = bound();
      for (const notification of notificationData ?? []) {
        if (notification instanceof StatusChangeNotification) ended(notification.status.value);
        if (!(notification instanceof EventNotificationList)) continue;
        for (const { clientHandle, eventFields } of notification.events ?? []) {
          if (clientHandle !== handle) continue;
          const { time, type, severity, value } = readEvent(fields, eventFields, namespaces);
          if (flows(type)) continue;
          // Servers apply a where clause as they understand it.
          if (severity < options.severityFrom && options.severityFrom > 1) continue;
          if (only !== undefined && !(type !== undefined && only.has(type.toString()))) continue;
          // A server whose clock is ahead lost none in the future.
          latest = Math.min(time, now());
          const refresh = performance.now() - refreshing < REFRESH && value.ConditionId !== undefined;
          builder.add(options.index, time, StatusCode.Good, refresh ? { ...value, Refresh: true } : value);
        }
      }
      flush();
    },
    lost: overflowed,
    refresh,
  };
}

/** With what the server answered badly. @throws the error when it did not answer */
function answerOf(error: unknown): number {
  const status = serviceResult((error as Fault).cause ?? {});
  if (status === undefined) throw error;
  return status;
}

/**
 * Why a server that took the item does not understand its where clause: Eclipse Milo takes And and Or, says in the answer
 * that it does not know them, and then finds that no event fits.
 */
function whereRefused(answer: EventFilterResult | undefined): number | undefined {
  const results = answer?.whereClauseResult?.elementResults ?? [];
  return results?.find(({ statusCode }) => isBad(statusCode.value))?.statusCode.value;
}

/** Fields of the mapping that the server does not know. */
function unknownFields(asks: ReturnType<typeof fieldsOf>, answer: EventFilterResult | undefined): string | undefined {
  const results = answer?.selectClauseResults ?? [];
  const unknown = asks.filter(({ wanted }, i) => wanted && isBad(results[i]?.value ?? 0)).map(({ name }) => name);
  return unknown.length === 0 ? undefined : `no event of the server has the field ${unknown.join(', ')}`;
}
