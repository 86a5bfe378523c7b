// The sockets of one connection attempt. node-opcua lets errors of its own message handlers escape into the socket's
// event, where they would end the process, and gives no hold on a socket it is still connecting. Both are contained
// here: whatever goes wrong on reception breaks this connection and no other, and everything can be cut at once.

import type { OPCUAClientOptions } from 'node-opcua-client';
import { ClientTCP_transport } from 'node-opcua-transport';

type Factory = NonNullable<OPCUAClientOptions['transportFactory']>;

export interface Transports {
  readonly factory: Factory;
  /** The last error with which a connection could not be made: it keeps the code that node-opcua rewrites to text. */
  readonly error: unknown;
  /** Destroys every socket; whoever waits on one is told that it closed. */
  cut(): void;
}

/** @param broken told once when the handling of something received threw; the sockets are cut by then */
export function transports(broken: (error: unknown) => void): Transports {
  const all: ClientTCP_transport[] = [];
  let failure: unknown;
  const cut = () => {
    for (const transport of all) transport.dispose();
    all.length = 0;
  };
  return {
    factory: {
      create(settings) {
        const transport = new ClientTCP_transport(settings);
        all.push(transport);
        const connect = transport.connect.bind(transport);
        transport.connect = (url, callback) =>
          connect(url, (error) => {
            if (error) failure = error;
            callback(error);
          });
        // `_on_message_received` throws for an answer nobody asked for, and decoders throw on malformed bodies.
        const emit = transport.emit.bind(transport) as (...args: unknown[]) => boolean;
        transport.emit = (...args: unknown[]): boolean => {
          try {
            return emit(...args);
          } catch (error) {
            cut();
            broken(error);
            return true;
          }
        };
        return transport as ReturnType<Factory['create']>;
      },
    },
    get error() {
      return failure;
    },
    cut,
  };
}
