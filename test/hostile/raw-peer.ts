// A peer on a plain socket: it takes connections, keeps every byte that it is sent, and answers what a test says. And a
// relay to a real server without security that changes the messages on their way to the client, one frame at a time.

import { connect, createServer, type Server, type Socket } from 'node:net';

export interface RawPeer {
  readonly endpoint: string;
  /** Everything that clients sent. */
  wire(): Buffer;
  /** Connections so far. */
  readonly made: number;
  stop(): Promise<void>;
}

/** @param talk is given every connection, with the first bytes that came on it */
export async function rawPeer(talk: (socket: Socket, hello: Buffer) => void): Promise<RawPeer> {
  const sockets = new Set<Socket>();
  const chunks: Buffer[] = [];
  let made = 0;
  const server = createServer((socket) => {
    made += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.once('data', (hello) => talk(socket, Buffer.from(hello)));
  });
  return {
    endpoint: await listening(server),
    wire: () => Buffer.concat(chunks),
    get made() {
      return made;
    },
    stop: () => closed(server, sockets),
  };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `opc.tcp://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function closed(server: Server, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

export interface Relay {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * @param tamper is given every frame that the server sends, and sends in its place what it likes
 */
export async function relay(port: number, tamper: (frame: Buffer, near: Socket) => void): Promise<Relay> {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    sockets.push(near, far);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    near.pipe(far);
    let rest: Buffer = Buffer.alloc(0);
    far.on('data', (bytes) => {
      rest = Buffer.concat([rest, Buffer.from(bytes)]);
      while (rest.length >= 8 && rest.length >= rest.readUInt32LE(4)) {
        const size = rest.readUInt32LE(4);
        tamper(Buffer.from(rest.subarray(0, size)), near);
        rest = rest.subarray(size);
      }
    });
  });
  return { endpoint: await listening(server), stop: () => closed(server, sockets) };
}

/** A message as UASC wraps it: type and chunk mark, size, then the rest (OPC 10000-6 section 6.7.2). */
export function frame(mark: string, rest: Buffer, size = rest.length + 8): Buffer {
  const head = Buffer.alloc(8);
  head.write(mark, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, rest]);
}

export const uint32 = (...numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeUInt32LE(number >>> 0, 4 * i);
  return bytes;
};

/** Protocol version, the four limits of an Acknowledge (OPC 10000-6 section 7.1.2.4). */
export const acknowledge = (receive = 65_536, send = 65_536, message = 0, chunks = 0): Buffer =>
  frame('ACKF', uint32(0, receive, send, message, chunks));

/** Sends `bytes` one at a time. */
export function drip(socket: Socket, bytes: Buffer, every: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at === bytes.length) clearInterval(timer);
    else socket.write(bytes.subarray(at, ++at));
  }, every);
}

/** Sends the same again and again as fast as it is taken. */
export function flood(socket: Socket, piece: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece)) {}
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}
