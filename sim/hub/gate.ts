// The hub's port on the network, apart from what speaks behind it: a relay that can close the port, cut connections,
// or go silent as a dead machine does (connections stand, nothing is read, nothing is answered).

import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Gate {
  readonly port: number;
  /** Connections from outside that stand now, also silent ones. */
  readonly connections: number;
  /** Closes the port and cuts all connections. Settles when the port refuses. */
  shut(): Promise<void>;
  /** Opens the port again, the same one. */
  open(): Promise<void>;
  /** From now on nothing is read or answered, on standing and on new connections alike. */
  silence(): void;
  /** Ends the silence; what was kept waiting flows again. */
  resume(): void;
  /** Cuts all connections; the port stays open. */
  cut(): void;
  /** From now on a new connection is cut when `bytes` have gone out by it; undefined ends that. */
  cutAfter(bytes: number | undefined): void;
}

/** Opens `port` (0: any) on localhost; every connection is relayed to the unix socket `inner`. */
export async function openGate(port: number, inner: string): Promise<Gate> {
  const pairs = new Set<{ outside: Socket; inside: Socket }>();
  let silent = false;
  let allowance: number | undefined;
  let server: Server | undefined;

  function relay(outside: Socket): void {
    outside.setNoDelay(true);
    const inside = connect(inner);
    const pair = { outside, inside };
    pairs.add(pair);
    let left = allowance ?? Number.POSITIVE_INFINITY;
    for (const [socket, other] of [[outside, inside] as const, [inside, outside] as const]) {
      socket.on('data', (chunk: Buffer) => {
        if (socket === inside) left -= chunk.length;
        if (left < 0) {
          // The rest of the chunk goes out first, so that every byte is once the last one.
          outside.write(chunk.subarray(0, Math.max(0, chunk.length + left)), () => outside.destroy());
          inside.destroy();
        } else if (!other.write(chunk)) socket.pause();
      });
      socket.on('drain', () => {
        if (!silent) other.resume();
      });
      socket.on('end', () => other.end());
      // A cut connection is what this gate is for; 'close' follows and clears away.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (left >= 0) other.destroy();
        if (outside.destroyed) pairs.delete(pair);
      });
      if (silent) socket.pause();
    }
  }

  function cut(): void {
    for (const { outside, inside } of pairs) {
      outside.destroy();
      inside.destroy();
    }
  }

  async function listen(at: number): Promise<number> {
    const fresh = createServer({ allowHalfOpen: true }, relay);
    await new Promise<void>((resolve, reject) => {
      fresh.once('error', reject);
      fresh.listen(at, '127.0.0.1', resolve);
    });
    server = fresh;
    return (fresh.address() as { port: number }).port;
  }

  const kept = await listen(port);
  return {
    port: kept,
    get connections() {
      return pairs.size;
    },
    async shut() {
      const closing = server;
      server = undefined;
      cut();
      if (closing !== undefined) await new Promise<void>((resolve) => closing.close(() => resolve()));
    },
    async open() {
      if (server === undefined) await listen(kept);
    },
    silence() {
      silent = true;
      for (const { outside, inside } of pairs) {
        outside.pause();
        inside.pause();
      }
    },
    resume() {
      silent = false;
      for (const { outside, inside } of pairs) {
        outside.resume();
        inside.resume();
      }
    },
    cut,
    cutAfter(bytes) {
      allowance = bytes;
    },
  };
}
