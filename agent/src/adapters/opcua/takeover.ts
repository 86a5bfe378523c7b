// A link whose server fell silent gets a rival: a second link that takes the session over. Only when that succeeds is the
// first one given up, so a server that was merely busy loses nothing, and one behind a dead path is back within seconds.
// A server that speaks again before the session has moved keeps its first link.

import { Fault, type FaultCode } from '../../model/fault.ts';
import { pause } from '../pause.ts';
import type { Pulse } from './link/pulse.ts';

/** Between two attempts, ms. */
const AGAIN = 1_000;

/** What another attempt may overcome. A server that refuses to move a session will do so again. */
const PASSING: readonly FaultCode[] = [
  'source.unreachable',
  'source.timeout',
  'source.closed',
  'source.unready',
  'source.refused',
];

/**
 * Resolves with the link that has taken the place of the silent one; with undefined when there is no use in trying. Never
 * rejects. When the signal aborts nothing more is begun, and what is under way goes on to its end.
 * @param open makes a link and moves the session to it; calls `seize` at the last moment before it moves
 */
export async function takeOver<T>(
  pulse: Pulse,
  open: (signal: AbortSignal, seize: () => void) => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  while (await pulse.suspected(signal)) {
    const revived = pulse.revival();
    const stop = new AbortController();
    const spoke = () => stop.abort(new Fault('source.closed', 'the first link works again'));
    revived.addEventListener('abort', spoke);
    const seize = () => {
      pulse.look();
      stop.signal.throwIfAborted();
      revived.removeEventListener('abort', spoke);
    };
    try {
      return await open(stop.signal, seize);
    } catch (error) {
      const { code } = Fault.from(error, 'internal.unexpected', 'taking over');
      if (!PASSING.includes(code)) return undefined;
    } finally {
      revived.removeEventListener('abort', spoke);
    }
    await pause(AGAIN, signal);
  }
  return undefined;
}
