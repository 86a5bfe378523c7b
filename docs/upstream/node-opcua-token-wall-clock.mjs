// node-opcua 2.186.4: the age of a secure channel's token is reckoned with the wall clock. When the clock of a client (or
// a server) is set forward by more than 1.25 times the token's lifetime, every message that comes is refused for want of
// keys and the connection breaks, though the token is a few seconds old and its renewal is due by a timer.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-token-wall-clock.mjs
//
// Expected: keys before and after. Found: no keys after the clock was set.

import { TokenStack } from 'node-opcua-client';
import { end } from './server.mjs';

const stack = new TokenStack(1);
stack.pushNewToken({ tokenId: 1, createdAt: new Date(), revisedLifetime: 3_600_000 }, { derivedClientKeys: {} });
const told = () => (stack.getTokenDerivedKeys(1) === null ? 'no keys' : 'keys');
const before = told();
const shift = 2 * 3_600_000;
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length === 0 ? [performance.timeOrigin + performance.now() + shift] : given));
  }
};
const after = told();
end(after !== 'keys', `before: ${before}; two hours later by the wall clock, an instant later by any other: ${after}`);
