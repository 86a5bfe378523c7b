// The servers of a set that are not in use: each is connected to again and again until it stands by, and goes on
// standing by, however often the server in use changes.

import { Fault } from '../../../model/fault.ts';
import type { Sink } from '../../adapter.ts';
import { pause } from '../../pause.ts';
import type { Seat } from './seat.ts';

/** When a server that does not stand by is tried again, ms. */
const AGAIN = 2_000;
/** The same for one that refused, ms: nobody's account is to be locked by a wrong password tried all the time. */
const REFUSED = 60_000;

export interface Standby {
  /** The server, if it stands by: it is the caller's from now on. */
  take(): Seat | undefined;
  /** Resolves when nothing of it is left. */
  end(): Promise<void>;
}

/**
 * @param open connects; rejects with a Fault
 * @param after what has to end before
 * @param tell why the server does not stand by; undefined: it does
 */
export function standby(
  open: (signal: AbortSignal) => Promise<Seat>,
  sink: Sink,
  after: Promise<unknown>,
  tell: (fault: Fault | undefined) => void,
): Standby {
  const ending = new AbortController();
  const { signal } = ending;
  let seat: Seat | undefined;

  async function stand(): Promise<void> {
    await after;
    while (!signal.aborted) {
      let wait = AGAIN;
      const own = await open(signal).catch((error) => {
        const fault = Fault.from(error, 'internal.unexpected', 'standing by');
        if (fault.class === 'configuration') wait = REFUSED;
        if (!signal.aborted) tell(fault);
      });
      if (own !== undefined) {
        seat = own;
        const { promise: ended, resolve } = Promise.withResolvers<void>();
        const end = () => resolve();
        signal.addEventListener('abort', end);
        if (signal.aborted) end();
        tell(undefined);
        await Promise.race([own.run(sink), ended]).catch(
          (error) => seat === own && tell(Fault.from(error, 'internal.unexpected', 'standing by')),
        );
        signal.removeEventListener('abort', end);
        // Taken, it is somebody else's.
        if (seat !== own) return;
        seat = undefined;
        await own.close();
      }
      await pause(wait, signal);
    }
  }

  const over = stand();
  return {
    take() {
      const own = seat;
      if (own === undefined) return undefined;
      seat = undefined;
      ending.abort();
      return own;
    },
    async end() {
      ending.abort();
      await over;
    },
  };
}
