// What the two transports of the SDK have in common, seen from module-client.ts: a constructor for the SDK, how far the
// attempt came, why it failed, and an end that leaves nothing behind.

import type { EventEmitter } from 'node:events';
import type { Progress } from './transport.ts';

/** The SDK's credential provider, as far as a transport needs it. */
export interface Credentials extends EventEmitter {
  stop(): void;
}

export interface Wire {
  /** The SDK's transport over these credentials, guarded. */
  transport(credentials: Credentials): object;
  readonly progress: () => Progress;
  /** What the library beneath gave as the first cause of a failure. */
  readonly cause: () => unknown;
  /** Resolves when a connection has ended that the SDK may still wait for. */
  readonly gone: Promise<void>;
  /** Ends every socket and timer at once, and those that are still to come. */
  discard(): void;
}
