// What is done about a message that did not come: the server is asked for it again, and where it is lost, for the values of
// now.

import { type NotificationMessage, RepublishRequest } from 'node-opcua-client';
import { BatchBuilder } from '../../../model/batch.ts';
import type { Fault } from '../../../model/fault.ts';
import { StatusCode } from '../../../model/status.ts';
import type { Sink } from '../../adapter.ts';
import { type Calls, type Limits, WITHOUT } from '../link/calls.ts';
import { serviceResult } from '../source/faults.ts';
import type { Item } from '../source/item.ts';
import type { Roster } from '../source/roster.ts';
import type { Receiver } from './notifications.ts';

/** The message of that number; undefined when the server does not have it. Rejects when the link or the subscription is gone. */
export async function messageAgain(
  subscriptionId: number,
  number: number,
  server: Calls,
): Promise<NotificationMessage | undefined> {
  const request = new RepublishRequest({ subscriptionId, retransmitSequenceNumber: number });
  try {
    const doing = 'asking for a lost message again';
    const { notificationMessage } = await server.ask<{ notificationMessage: NotificationMessage }>(doing, request);
    return notificationMessage;
  } catch (error) {
    const status = serviceResult((error as Fault).cause ?? {});
    // It does not keep it any more, or never kept any (the service is optional).
    if (status === undefined || status === StatusCode.BadSubscriptionIdInvalid) throw error;
    return undefined;
  }
}

/**
 * Reads items, because a value that changed only in a lost message would be wrong until it changes again. Delivers what is
 * newer than the last reading of its tag.
 */
export async function catchUp(
  items: readonly Item[],
  { server, limits, sink }: { readonly server: Calls; readonly limits: Limits; readonly sink: Sink },
  roster: Roster,
  receive: Receiver,
): Promise<void> {
  const read = async (portion: readonly Item[]) => {
    const values = await server.read(
      'reading all values again',
      portion.map(({ node }) => node),
    );
    const builder = new BatchBuilder(portion.length);
    for (const { tag, position } of portion) {
      values.next();
      if (values.time <= receive.latest(position) || roster.tags[position] === undefined) continue;
      values.push(builder, tag.index);
      receive.saw(position, values.time, values.status);
    }
    if (builder.count > 0) sink.deliver(builder.take());
  };
  await server.portions(items, limits.read, read, 1, WITHOUT);
}
