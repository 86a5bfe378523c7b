// A session for a command at one server of a redundant set: the first of the mapping that lets us in and has data, as the
// gateway would choose among servers that it does not know yet. One that says it has none (ServiceLevel 0 or 1) is asked
// where no other can be.

import { AttributeIds } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { Choice } from '../../survey.ts';
import { type Visit, visiting } from '../link/visit.ts';
import { SERVICE_LEVEL } from '../redundancy/chooser.ts';
import { noneOf, type Refusal, refused, withoutData } from '../redundancy/refusals.ts';
import type { OpcUaOptions } from '../source/options.ts';

/** A session that is open, at a server of the set. */
interface Opened {
  readonly endpoint: string;
  readonly visits: AsyncGenerator<Visit>;
  readonly visit: Visit;
  /** Why another would be better; undefined: it has data. */
  readonly poor: Fault | undefined;
  readonly level: number;
}

/**
 * Yields one visit and ends it when the caller has done with it. Rejects with a Fault; with what kept each, where none of
 * several can be used.
 */
export async function* visitingAny(
  options: OpcUaOptions,
  endpoints: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Visit> {
  const { name } = options;
  if (endpoints.length === 1) {
    yield* visiting({ ...options, endpoint: endpoints[0] as string }, signal);
    return;
  }
  const refusals: Refusal[] = [];
  let best: Opened | undefined;
  try {
    for (const endpoint of endpoints) {
      try {
        const next = await open({ ...options, endpoint }, signal);
        if (next.poor !== undefined) refusals.push({ endpoint, fault: next.poor });
        const worse = best === undefined || next.level > best.level ? best : next;
        if (worse !== next) best = next;
        await worse?.visits.return(undefined);
        if (best?.poor === undefined) break;
      } catch (error) {
        if (signal.aborted) throw error;
        refusals.push({ endpoint, fault: Fault.from(error, 'internal.unexpected', name) });
      }
    }
    if (best === undefined) throw noneOf(name, refusals);
    yield { ...best.visit, choice: choiceOf(name, best.endpoint, refusals) };
  } finally {
    await best?.visits.return(undefined);
  }
}

async function open(options: OpcUaOptions, signal: AbortSignal): Promise<Opened> {
  const visits = visiting(options, signal);
  const visit = (await visits.next()).value as Visit;
  try {
    const node = { nodeId: SERVICE_LEVEL, attributeId: AttributeIds.Value };
    const said = await visit.server.once('asking for its ServiceLevel', (session) => session.read(node));
    const told: unknown = said.value?.value;
    // A server without one is taken as healthy: it has nothing worse to say.
    const level = typeof told === 'number' ? told : 255;
    const why = withoutData(level);
    const poor = why === undefined ? undefined : new Fault('source.unready', why);
    return { endpoint: options.endpoint, visits, visit, level, poor };
  } catch (error) {
    await visits.return(undefined);
    throw error;
  }
}

function choiceOf(name: string, endpoint: string, refusals: readonly Refusal[]): Choice {
  const told = refusals.map((one) => refused(name, one));
  const remark = told.find((one) => one.endpoint === endpoint)?.reason;
  return {
    endpoint,
    ...(remark !== undefined && { remark }),
    passedOver: told.filter((one) => one.endpoint !== endpoint),
  };
}
