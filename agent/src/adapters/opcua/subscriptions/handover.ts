// Whole subscriptions, by their ids: taken over from the session that they were made in, or deleted.

import {
  DeleteSubscriptionsRequest,
  TransferSubscriptionsRequest,
  type TransferSubscriptionsResponse,
} from 'node-opcua-client';
import { isBad } from '../../../model/status.ts';
import type { Calls } from '../link/calls.ts';
import { serviceResult } from '../source/faults.ts';

/** Into the session of this link (OPC 10000-4 section 5.14.7); false when not all came. Rejects when nobody answers. */
export async function takeOver(subscriptionIds: number[], server: Calls): Promise<boolean> {
  const request = new TransferSubscriptionsRequest({ subscriptionIds, sendInitialValues: false });
  try {
    const doing = 'taking over the subscriptions';
    const { results } = await server.ask<TransferSubscriptionsResponse>(doing, request);
    return results?.length === subscriptionIds.length && results.every(({ statusCode }) => !isBad(statusCode.value));
  } catch (error) {
    if (serviceResult((error as Error).cause ?? {}) === undefined) throw error;
    return false;
  }
}

/** A server that does not delete them lets them end with their lifetime. */
export async function deleteSubscriptions(subscriptionIds: number[], server: Calls): Promise<void> {
  if (subscriptionIds.length === 0) return;
  const request = new DeleteSubscriptionsRequest({ subscriptionIds });
  await server.ask('deleting old subscriptions', request).catch(() => {});
}
