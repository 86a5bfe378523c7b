// How old the keys of a secure channel are. The library reckons with the wall clock and takes no message any more once a
// token looks a quarter older than its lifetime: a gateway whose clock is set forward by more than that would lose
// every link. Here a token ages by the steady clock; when it is renewed, a timer of the library decides.

import type { OPCUAClient } from 'node-opcua-client';

interface Emitter {
  on(event: 'secure_channel_created', listener: (channel: Emitter) => void): void;
  on(event: 'security_token_created', listener: (token: object) => void): void;
}

/** Call before the client connects. */
export function ageSteadily(client: OPCUAClient): void {
  (client as unknown as Emitter).on('secure_channel_created', (channel) =>
    channel.on('security_token_created', (token) => {
      const born = performance.now();
      const createdAt = () => new Date(Date.now() - (performance.now() - born));
      Object.defineProperty(token, 'createdAt', { get: createdAt, set() {}, configurable: true });
    }),
  );
}
