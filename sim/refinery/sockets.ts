// Faults of the network, made on a server's own sockets: connections cut with a reset, and a black hole in which
// connections stay open while nothing arrives either way, new connections included.

import type { Server, Socket } from 'node:net';

export interface Wire {
  /** Open connections. */
  readonly connections: number;
  /** Resets every connection: no goodbye of the protocol, no FIN. */
  cut(): void;
  /** From now on nothing is read and nothing is sent; new connections are accepted and stay silent. */
  freeze(): void;
  /** What was held back goes on its way. */
  thaw(): void;
}

/** Takes charge of a server's connections; to be called before the first one. */
export function wire(server: Server): Wire {
  const sockets = new Set<Socket>();
  const waiting: Socket[] = [];
  let frozen = false;

  // The server's own listeners are called from here, so that a connection made in the black hole is kept from them.
  const accept = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const admit = (socket: Socket) => {
    for (const listener of accept) listener.call(server, socket);
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // a reset by the peer is its own business
    if (!frozen) return admit(socket);
    waiting.push(socket);
    stall(socket);
  });

  return {
    get connections() {
      return sockets.size;
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    freeze() {
      if (frozen) return;
      frozen = true;
      for (const socket of sockets) stall(socket);
    },
    thaw() {
      if (!frozen) return;
      frozen = false;
      for (const socket of waiting.splice(0)) if (!socket.destroyed) admit(socket);
      for (const socket of sockets) {
        socket.uncork();
        socket.resume();
      }
    },
  };
}

/** The kernel keeps the connection alive; its window fills and no reply leaves. */
function stall(socket: Socket): void {
  socket.pause();
  socket.cork();
}
