// UDP to a Modbus server. The socket is connected: the kernel drops what comes from any other address and port, and
// reports a port where nobody listens.

import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { describe, Fault } from '../../model/fault.ts';
import { type Channel, closing, type Listener } from './channel.ts';

export interface UdpAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Opens a socket; nothing is sent.
 * @param timeout ms until the name must be resolved
 * @throws Fault source.unreachable; source.closed when `signal` aborts. Nothing is left open then.
 */
export async function openUdp({ host, port }: UdpAddress, timeout: number, signal: AbortSignal): Promise<Channel> {
  const place = `${host}:${port}`;
  const calledOff = () => new Fault('source.closed', `connecting to ${place} was called off`);
  const unreachable = (what: string, cause?: unknown) =>
    new Fault('source.unreachable', `${place} cannot be reached: ${what}`, cause);
  if (signal.aborted) throw calledOff();
  const { address, family } = await new Promise<{ address: string; family: number }>((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const abort = () => {
      end();
      reject(calledOff());
    };
    const timer = setTimeout(() => {
      end();
      reject(unreachable(`its name was not resolved within ${timeout} ms`));
    }, timeout);
    signal.addEventListener('abort', abort);
    lookup(host)
      .finally(end)
      .then(resolve, (error: unknown) => reject(unreachable(describe(error), error)));
  });
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      socket.close();
      reject(unreachable(describe(error), error));
    };
    socket.once('error', fail);
    // Of an address there is nothing to be looked up: this settles at once.
    socket.connect(port, address, () => {
      socket.off('error', fail);
      resolve();
    });
  });
  return channelOf(socket);
}

function channelOf(socket: Socket): Channel {
  let listener: Listener | undefined;
  let open = true;
  const shut = () => {
    if (!open) return;
    open = false;
    socket.close();
  };
  const ended = (why: string) => {
    shut();
    listener?.ended(why);
  };
  socket.on('message', (bytes) => listener?.received(bytes));
  socket.on('error', (error) => ended(describe(error)));
  return {
    get open() {
      return open;
    },
    listen(to) {
      listener = to;
    },
    write(bytes) {
      // A refused port is reported to the send that follows, as an error of this callback.
      socket.send(bytes, (error) => {
        if (error) ended(describe(error));
      });
    },
    close: () =>
      closing((done) => {
        if (!open) return done();
        socket.once('close', done);
        shut();
      }),
  };
}
