// A wire that a test can disturb: a TCP relay between an adapter and its peer which can be cut, frozen or left
// dangling, and which counts the connections through it. Protocols do not notice it while it is whole.

import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Wire {
  readonly port: number;
  /** Connections that an adapter holds open at this moment. */
  readonly open: number;
  /** Connections since the wire was made. */
  readonly made: number;
  /** Ends every connection with a reset, as a rebooted PLC does. */
  cut(): void;
  /** Ends every connection with a FIN, as a server that is shut down in good order does. */
  hangUp(): void;
  /** From now on nothing passes and nothing is closed: a pulled cable. Bytes of `thaw` are not replayed. */
  freeze(): void;
  thaw(): void;
  /** The connections of now are dead from here on, and neither side is told; new ones work: half-open. */
  strand(): void;
  /** Nothing passes until `release`; then all of it does: a peer that is busy. */
  hold(): void;
  /** The same for the connections of now alone; new ones work: a peer that is busy with one of its clients. */
  stall(): void;
  release(): void;
  /** From now on connections are accepted and ended without a word: what a relay does whose peer does not listen yet. */
  turnAway(): void;
  letIn(): void;
  /** Refuses connections from now on, and resets those that are open. */
  stop(): Promise<void>;
}

/** A relay to `target` on the loopback; without a target it accepts connections and never says anything. */
export async function wire(target?: number): Promise<Wire> {
  const near = new Set<Socket>();
  const far = new Set<Socket>();
  const stranded = new Set<Socket>();
  let frozen = false;
  let held = false;
  let away = false;
  let made = 0;

  const server: Server = createServer((socket) => {
    made++;
    near.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      near.delete(socket);
      stranded.delete(socket);
    });
    if (away) {
      socket.end();
      return;
    }
    if (target === undefined) {
      socket.resume();
      socket.on('end', () => socket.end());
      return;
    }
    const peer = connect(target, '127.0.0.1');
    far.add(peer);
    peer.on('error', () => stranded.has(socket) || socket.destroy());
    peer.on('close', () => {
      far.delete(peer);
      if (!frozen && !stranded.has(socket)) socket.end();
    });
    socket.on('close', () => peer.destroy());
    const dead = () => frozen || stranded.has(socket);
    socket.on('data', (bytes) => dead() || peer.write(bytes));
    peer.on('data', (bytes) => dead() || socket.write(bytes));
    if (held) for (const one of [socket, peer]) one.pause();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');

  const cut = () => {
    for (const socket of near) socket.resetAndDestroy();
    for (const socket of far) socket.destroy();
  };
  return {
    port: address.port,
    get open() {
      return near.size;
    },
    get made() {
      return made;
    },
    cut,
    hangUp() {
      for (const socket of near) socket.end();
    },
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
    },
    strand() {
      for (const socket of near) stranded.add(socket);
    },
    hold() {
      held = true;
      for (const socket of [...near, ...far]) socket.pause();
    },
    stall() {
      for (const socket of [...near, ...far]) socket.pause();
    },
    release() {
      held = false;
      for (const socket of [...near, ...far]) socket.resume();
    },
    turnAway() {
      away = true;
    },
    letIn() {
      away = false;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
    },
  };
}
