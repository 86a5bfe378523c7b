// Why servers of a redundant set cannot be used: each with its own reason, in the order of the mapping, told alike by the
// commands, the log and `/status`. Pure.

import { Fault, type FaultCode, type Refused } from '../../../model/fault.ts';
import { healthOf } from './chooser.ts';

/** A server of the set, and what kept it from being used. */
export interface Refusal {
  readonly endpoint: string;
  readonly fault: Fault;
}

/** The same for people and programs: the reason without the names that stand beside it. @param name of the source */
export function refused(name: string, { endpoint, fault: { code, message } }: Refusal): Refused {
  const own = message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
  return { endpoint, code, reason: own.replaceAll(endpoint, 'it') };
}

/** @param refusals of every server of the set, in the order of the mapping */
export function noneOf(name: string, refusals: readonly Refusal[]): Fault {
  const servers = refusals.map((one) => refused(name, one));
  const numbered = servers.map((one, i) => ({ ...one, which: `${i + 1}. ${one.endpoint}` }));
  const each = [...Map.groupBy(numbered, ({ reason }) => reason)].map(
    ([reason, group]) => `${group.map(({ which }) => which).join(', ')}: ${reason}`,
  );
  const worst = foremost(refusals.map(({ fault }) => fault));
  const message = `${name}: none of its ${servers.length} servers can be used: ${each.join('; ')}`;
  return new Fault(worst?.code ?? 'source.unreachable', message, worst, servers);
}

/** Why a server that lets us in is no good, by its ServiceLevel; undefined: it has data. */
export function withoutData(level: number | undefined): string | undefined {
  const health = healthOf(level);
  if (health === 'maintenance') return `it is in maintenance (ServiceLevel ${level})`;
  return health === 'no-data' ? `it has no data (ServiceLevel ${level})` : undefined;
}

/** A server that is off, or takes nobody yet: it is to be noticed soon that it is back. */
const PASSING: readonly FaultCode[] = ['source.unreachable', 'source.unready'];

/**
 * The one whose code says when to try again: a login that was refused goes first, so that nobody's account is locked while
 * another server is off.
 */
function foremost(faults: readonly Fault[]): Fault | undefined {
  return (
    faults.find(({ code }) => code === 'source.credentials') ??
    faults.find(({ code }) => PASSING.includes(code)) ??
    faults[0]
  );
}
