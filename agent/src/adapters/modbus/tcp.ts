// TCP and TLS to a Modbus server.

import { readFile } from 'node:fs/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely, type TLSSocket } from 'node:tls';
import { describe, Fault } from '../../model/fault.ts';
import { type Channel, closing, type Listener } from './channel.ts';

/** Files are read at every connection, so that a renewed certificate needs no restart. */
export interface TlsFiles {
  /** PEM: who may sign the server's certificate; nobody else may. */
  readonly ca: string;
  /** PEM: the gateway's own certificate, with what leads from it to its root, and its key. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name in the server's certificate, when it is not the host. */
  readonly serverName?: string | undefined;
}

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  /** Modbus/TCP Security (MB-TCP-Security-v21): TLS 1.2 or later, with certificates on both sides. */
  readonly tls?: TlsFiles | undefined;
}

/**
 * Opens a connection.
 * @param timeout ms until it must stand, name resolution and TLS included
 * @throws Fault source.unreachable, source.untrusted, source.credentials; source.closed when `signal` aborts. Nothing
 *   is left open then.
 */
export async function openTcp(address: TcpAddress, timeout: number, signal: AbortSignal): Promise<Channel> {
  const { host, port, tls } = address;
  const place = `${host}:${port}`;
  const calledOff = () => new Fault('source.closed', `connecting to ${place} was called off`);
  const secure = tls && (await credentials(tls));
  if (signal.aborted) throw calledOff();
  const socket = begin(address, secure);
  await new Promise<void>((resolve, reject) => {
    const end = (fault?: Fault) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('connect', up).off('secureConnect', up).off('error', fail).off('close', lost);
      if (!fault) return resolve();
      // A socket that is destroyed while its name is looked up may still report an error.
      socket.on('error', () => {});
      socket.destroy();
      reject(fault);
    };
    const up = () => end();
    const fail = (error: Error) => end(refusal(socket, place, error));
    const lost = () => end(new Fault('source.unreachable', `${place} cannot be reached: it closed the connection`));
    const abort = () => end(calledOff());
    const timer = setTimeout(() => {
      end(new Fault('source.unreachable', `${place} cannot be reached: no connection within ${timeout} ms`));
    }, timeout);
    signal.addEventListener('abort', abort);
    socket
      .once(tls ? 'secureConnect' : 'connect', up)
      .once('error', fail)
      .once('close', lost);
  });
  return channelOf(socket);
}

type Credentials = { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };

async function credentials({ ca, certificate, key }: TlsFiles): Promise<Credentials> {
  const read = async (what: string, path: string): Promise<Buffer> =>
    readFile(path).catch((error: unknown) => {
      throw new Fault('source.credentials', `${what} ${path} cannot be read: ${describe(error)}`, error);
    });
  const trusted = await read('the CA file', ca);
  if (certificate === undefined || key === undefined) return { ca: trusted };
  return { ca: trusted, cert: await read('the certificate', certificate), key: await read('the key', key) };
}

function begin({ host, port, tls }: TcpAddress, secure: Credentials | undefined): Socket {
  const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (secure === undefined) return connect(options);
  const servername = tls?.serverName ?? (isIP(host) === 0 ? host : undefined);
  try {
    return connectSecurely({ ...options, ...secure, minVersion: 'TLSv1.2', ...(servername !== undefined && { servername }) }); // biome-ignore format: one line
  } catch (error) {
    const message = `the certificate or key of TLS to ${host}:${port} cannot be used: ${describe(error)}`;
    throw new Fault('source.credentials', message, error);
  }
}

function refusal(socket: Socket, place: string, error: Error): Fault {
  if ((socket as Partial<TLSSocket>).authorizationError) {
    const message = `the certificate of ${place} is not trusted: ${describe(error)}; look at tls.ca and tls.serverName`;
    return new Fault('source.untrusted', message, error);
  }
  return new Fault('source.unreachable', `${place} cannot be reached: ${describe(error)}`, error);
}

function channelOf(socket: Socket): Channel {
  let listener: Listener | undefined;
  let reason: string | undefined;
  const ended = (why: string) => {
    reason ??= why;
    socket.destroy();
    listener?.ended(reason);
  };
  socket.on('data', (chunk: Buffer) => listener?.received(chunk));
  socket.on('end', () => ended('the server closed the connection'));
  socket.on('error', (error) => ended(describe(error)));
  socket.on('close', () => ended('the connection was closed'));
  return {
    get open() {
      return !socket.destroyed;
    },
    listen(to) {
      listener = to;
    },
    write(bytes) {
      socket.write(bytes);
    },
    close: () =>
      closing((done) => {
        if (socket.closed) return done();
        socket.once('close', done);
        socket.destroy();
      }),
  };
}
