// Memory after a start: reading a mapping of 50,000 tags and setting up its subscriptions leaves more garbage than
// the gateway will ever use again, and V8, which sees a heap that is hardly allocated to, would keep those pages for
// hours. One full collection when the start is over gives them back.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/** By then a start is over, ms: sources and hub are connected, or are waiting. */
export const SETTLED = 15_000;

/**
 * Collects everything in this thread's heap and returns free pages to the system. Stops the thread for some 200 ms
 * at 10,000 tags, once; what arrives meanwhile waits in sockets and in the servers' queues.
 */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
