// The change-over at a server that stood by (OPC 10000-4 table "Redundancy Failover actions"): what stands on it is
// switched on, by as few calls as there are.

import {
  MonitoringMode,
  SetMonitoringModeRequest,
  type SetMonitoringModeResponse,
  SetPublishingModeRequest,
  type SetPublishingModeResponse,
} from 'node-opcua-client';
import type { Fault } from '../../../model/fault.ts';
import { isBad } from '../../../model/status.ts';
import type { Calls } from '../link/calls.ts';
import type { FailoverMode } from '../source/failover.ts';
import { serviceResult } from '../source/faults.ts';

/**
 * Whether all of it is on. Rejects with a Fault when the server does not answer.
 * @param groups subscriptions with the server's ids of their items
 * @param most items in one call
 */
export async function awaken(
  mode: FailoverMode,
  groups: readonly { readonly id: number; readonly items: readonly number[] }[],
  most: number,
  server: Calls,
): Promise<boolean> {
  try {
    if (mode === 'hot') return await publish(groups, server);
    for (const { id, items } of groups) if (!(await sample(id, items, most, server))) return false;
    return true;
  } catch (error) {
    // A server that knows no such service says so; one that says nothing is gone.
    if (serviceResult((error as Fault).cause ?? {}) === undefined) throw error;
    return false;
  }
}

async function publish(groups: readonly { readonly id: number }[], server: Calls): Promise<boolean> {
  if (groups.length === 0) return true;
  const request = new SetPublishingModeRequest({
    publishingEnabled: true,
    subscriptionIds: groups.map(({ id }) => id),
  });
  const { results } = await server.ask<SetPublishingModeResponse>('switching publishing on', request);
  return results?.length === groups.length && results.every(({ value }) => !isBad(value));
}

async function sample(subscriptionId: number, items: readonly number[], most: number, server: Calls): Promise<boolean> {
  let all = true;
  await server.portions(items, most, async (portion) => {
    const request = new SetMonitoringModeRequest({
      subscriptionId,
      monitoringMode: MonitoringMode.Reporting,
      monitoredItemIds: [...portion],
    });
    const { results } = await server.ask<SetMonitoringModeResponse>('switching sampling on', request);
    all &&= results?.length === portion.length && results.every(({ value }) => !isBad(value));
  });
  return all;
}
