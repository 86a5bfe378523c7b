// A link whose server fell silent gets a rival: a second link that takes the session over. Only when that succeeds is the
// first one given up, so a server that was merely busy loses nothing, and one behind a dead path is back within seconds.
// A server that speaks again before the session has moved keeps its first link. One that answers the rival and will not let
// the session move is asked no more as long as it is silent; its first link is given up sooner (SHUNNED).

import { Fault, type FaultCode } from '../../model/fault.ts';
import { aborted, pause } from '../pause.ts';
import type { Pulse } from './link/pulse.ts';

/** Between two attempts, ms. */
const AGAIN = 1_000;

/**
 * Silence after which a link is given up whose server answers the rival and keeps the session to itself, ms. Most servers
 * would not answer anybody while they are busy, but one that serves each client by itself may be busy with this one: it is given
 * longer than a PLC was seen to stand still (8 s), and no longer than its queues hold by default (BRIDGE, 10 s).
 */
export const SHUNNED = 9_000;

/** What another attempt may overcome. */
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
 * @param open makes a link and moves the session to it; calls `seize` at the last moment before it moves, and `refused` when
 * the server answers that it does not
 */
export async function takeOver<T>(
  pulse: Pulse,
  open: (signal: AbortSignal, seize: () => void, refused: () => void) => Promise<T>,
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
    let stays = false;
    const refused = () => {
      stays = true;
      pulse.shun();
    };
    try {
      return await open(stop.signal, seize, refused);
    } catch (error) {
      if (stays) {
        await aborted(AbortSignal.any([signal, revived]));
        continue;
      }
      const { code } = Fault.from(error, 'internal.unexpected', 'taking over');
      if (!PASSING.includes(code)) return undefined;
    } finally {
      revived.removeEventListener('abort', spoke);
    }
    await pause(AGAIN, signal);
  }
  return undefined;
}
