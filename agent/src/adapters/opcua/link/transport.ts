// The sockets of one connection attempt. node-opcua gives no hold on a socket that it is still connecting, and turns the
// code of a socket's error into text; both are kept here. Nor does it give up soon where packets are swallowed: TCP
// tries for minutes, ever more seldom, so that a path that is back would go unnoticed. And what its handlers throw when
// something is received (it asserts on the limits that a server acknowledges) would end the process: here it breaks this
// connection.

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { OPCUAClientOptions } from 'node-opcua-client';
import { ClientTCP_transport } from 'node-opcua-transport';

type Callback = Parameters<ClientTCP_transport['connect']>[1];
type Factory = NonNullable<OPCUAClientOptions['transportFactory']>;

export interface Transports {
  readonly factory: Factory;
  /** The last error with which a connection could not be made: it keeps the code that node-opcua rewrites to text. */
  readonly error: unknown;
  /** Bytes that came so far. */
  readonly received: number;
  /** Destroys every socket; whoever waits on one is told that it closed. */
  cut(): void;
}

/**
 * @param reach longest that TCP may take, and then the server's answer to the first message, ms
 * @param broken told once when the handling of something received threw; the sockets are cut by then
 */
export function transports(reach: number, broken: (error: unknown) => void): Transports {
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
          within(
            reach,
            transport,
            (done) => connect(url, done),
            (error) => {
              if (error) failure = error;
              callback(error);
            },
          );
        const installing = transport as unknown as { _install_socket(socket: EventEmitter): void };
        const install = installing._install_socket.bind(transport);
        installing._install_socket = (socket) => {
          guard(socket, (error) => {
            failure = error;
            cut();
            broken(error);
          });
          install(socket);
        };
        return transport as ReturnType<Factory['create']>;
      },
    },
    get error() {
      return failure;
    },
    get received() {
      return all.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    },
    cut,
  };
}

/** Whatever a handler of one of its events throws is told, and goes no further. */
function guard(emitter: EventEmitter, thrown: (error: unknown) => void): void {
  const emit = emitter.emit.bind(emitter);
  emitter.emit = (...event) => {
    try {
      return emit(...event);
    } catch (error) {
      thrown(error);
      return true;
    }
  };
}

/** Ends `connecting` with an error where nobody answers in `ms`: neither TCP, nor the server the first message. */
function within(
  ms: number,
  transport: ClientTCP_transport,
  connecting: (done: Callback) => void,
  callback: Callback,
): void {
  let over = false;
  const done: Callback = (error) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    callback(error);
  };
  const timer = setTimeout(() => {
    done(Object.assign(new Error(`nobody answered in ${ms} ms`), { code: 'ETIMEDOUT' }));
    transport.dispose();
  }, ms);
  connecting(done);
  (transport as unknown as { _socket?: Socket })._socket?.once('connect', () => over || timer.refresh());
}
