// A session beside the running gateway's, for one piece of work: opened with the same checks, closed at its end.

import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../../model/fault.ts';
import type { Choice } from '../../survey.ts';
import { type OpcUaOptions, TIMINGS } from '../source/options.ts';
import { type Calls, calls, type Limits, readServer } from './calls.ts';
import { openLink } from './link.ts';

/** A session that is open for a piece of work. */
export interface Visit {
  readonly server: Calls;
  readonly limits: Limits;
  readonly namespaces: readonly string[];
  /** At which of several servers it is. */
  readonly choice?: Choice;
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

/** A long piece of work over a link that may break: what was under way is done again over the next one. */
export interface Stay {
  /** Rejects with a Fault when the link breaks and cannot be made anew. @param work may begin more than once */
  use<T>(work: (visit: Visit) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** How often a server is tried that was there a moment ago, ms. */
const AGAIN = 1_000;

/**
 * @param open begins a visit
 * @param patience how long a server that is gone may take to come back, ms
 * @param told of every break
 */
export function staying(
  name: string,
  open: () => AsyncGenerator<Visit>,
  signal: AbortSignal,
  patience: number,
  told: (fault: Fault) => void,
): Stay {
  interface Held {
    readonly visits: AsyncGenerator<Visit>;
    readonly visit: Visit;
  }
  let first: Visit | undefined;
  let held: Promise<Held> | undefined;
  let lastGood = performance.now();

  const begin = async (): Promise<Held> => {
    const visits = open();
    const visit = (await visits.next()).value as Visit;
    first ??= visit;
    if (isDeepStrictEqual(visit.namespaces, first.namespaces)) return { visits, visit };
    await visits.return(undefined);
    throw new Fault('source.configuration', `${name}: the server came back with other namespaces; begin again`);
  };
  const leave = async (one: Promise<Held> | undefined) => {
    if (held === one) held = undefined;
    await one?.then(({ visits }) => visits.return(undefined)).catch(() => {});
  };

  return {
    async use(work) {
      for (;;) {
        held ??= begin();
        const mine = held;
        try {
          const result = await work((await mine).visit);
          lastGood = performance.now();
          return result;
        } catch (error) {
          const again = error instanceof Fault && (error.class === 'session' || error.class === 'transient');
          const late = performance.now() - lastGood > patience;
          const wasHeld = held === mine;
          await leave(mine);
          const stopped = () => Fault.from(signal.reason, 'source.closed', `${name}: stopped`);
          if (signal.aborted) throw stopped();
          if (!again || first === undefined || late) throw error;
          if (wasHeld) told(error);
          await pause(AGAIN, undefined, { signal }).catch(() => {
            throw stopped();
          });
        }
      }
    },
    end: () => leave(held),
  };
}
