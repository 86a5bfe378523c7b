// A session beside the running gateway's, for one piece of work: opened with the same checks, closed at its end.

import { Fault } from '../../model/fault.ts';
import { type Calls, calls, type Limits, readServer } from './calls.ts';
import { openLink } from './link.ts';
import { type OpcUaOptions, TIMINGS } from './options.ts';

/** A session that is open for a piece of work. */
export interface Visit {
  readonly server: Calls;
  readonly limits: Limits;
  readonly namespaces: readonly string[];
}

/** Yields one visit and ends it when the caller has done with it. Rejects with a Fault. */
export async function* visiting(options: OpcUaOptions, signal: AbortSignal): AsyncGenerator<Visit> {
  const deadline = new AbortController();
  const late = () =>
    deadline.abort(new Fault('source.timeout', `${options.name}: not connected in ${TIMINGS.connect} ms`));
  const timer = setTimeout(late, TIMINGS.connect);
  const link = await openLink(options, TIMINGS, AbortSignal.any([signal, deadline.signal])).finally(() =>
    clearTimeout(timer),
  );
  const stop = () => link.fail(Fault.from(signal.reason, 'source.closed', `${options.name}: stopped`));
  signal.addEventListener('abort', stop, { once: true });
  try {
    const server = calls(link.session, options.name, TIMINGS.request);
    yield { server, ...(await readServer(server)) };
  } finally {
    signal.removeEventListener('abort', stop);
    await link.close();
  }
}

/** The same at the first of several servers that lets us in. Rejects with the Fault of the last. */
export async function* visitingAny(
  options: OpcUaOptions,
  endpoints: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Visit> {
  for (const [i, endpoint] of endpoints.entries()) {
    const visits = visiting({ ...options, endpoint }, signal);
    let visit: Visit;
    try {
      visit = (await visits.next()).value as Visit;
    } catch (error) {
      if (signal.aborted || i === endpoints.length - 1) throw error;
      continue;
    }
    try {
      yield visit;
    } finally {
      await visits.return(undefined);
    }
    return;
  }
}
