// A session as the library has it, by the name under which the rooms of this adapter know it.

import type {
  ClientSession,
  ClientSessionPublishService,
  ClientSessionRawSubscriptionService,
} from 'node-opcua-client';

/** The session with the services that the library keeps below its own subscriptions. */
export type Session = ClientSession &
  ClientSessionRawSubscriptionService &
  ClientSessionPublishService & {
    performMessageTransaction(request: object, callback: (error: Error | null, response?: unknown) => void): void;
  };
