// A server whose sessions stay on the channel on which they were activated first, as some small PLCs have it: a client
// that comes back over another one is refused.

import { ActivateSessionResponse, type StatusCode, StatusCodes } from 'node-opcua-client';
import type { OPCUAServer } from 'node-opcua-server';

interface Message {
  readonly request: { readonly requestHeader: { readonly authenticationToken: unknown } };
}
interface Channel {
  readonly channelId: number;
  send_response(type: string, response: object, message: Message, done: () => void): void;
}
type Inner = Record<'_on_ActivateSessionRequest', (message: Message, channel: Channel) => void>;

export interface Sticky {
  /** How often a session was not let to another channel. */
  readonly refusals: number;
}

/** Makes the server refuse; to be called before it starts. */
export function stick(server: OPCUAServer, status: StatusCode = StatusCodes.BadNotSupported): Sticky {
  const inner = server as unknown as Inner;
  const honest = inner._on_ActivateSessionRequest.bind(server);
  const homes = new Map<string, number>();
  let refusals = 0;
  inner._on_ActivateSessionRequest = (message, channel) => {
    const session = String(message.request.requestHeader.authenticationToken);
    const home = homes.get(session) ?? channel.channelId;
    homes.set(session, home);
    if (home === channel.channelId) return honest(message, channel);
    refusals += 1;
    const answer = new ActivateSessionResponse({ responseHeader: { serviceResult: status } });
    channel.send_response('MSG', answer, message, () => {});
  };
  return {
    get refusals() {
      return refusals;
    },
  };
}
