// The path to a server, a process of its own so that it can be stopped (SIGSTOP): then the kernel swallows packets.

import { type ChildProcess, fork } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';

/** What is done to the path, see `relay`. */
export type Deed = 'reset' | 'fin' | 'freeze' | 'away' | 'in' | 'close' | 'up';

export interface Path {
  /** On the loopback. */
  readonly port: number;
  readonly process: ChildProcess;
  /** Resolves when it is done. */
  tell(deed: Deed): Promise<void>;
}

const answer = (child: ChildProcess) => new Promise<unknown>((resolve) => child.once('message', resolve));

/** @param target the server's port on the loopback */
export async function openPath(target: number): Promise<Path> {
  const child = fork(import.meta.filename, [String(target)]);
  return {
    port: (await answer(child)) as number,
    process: child,
    async tell(deed) {
      child.send(deed);
      await answer(child);
    },
  };
}

function relay(target: number): void {
  const near = new Set<Socket>();
  let frozen = new Set<Socket>();
  let away = false;
  const server = createServer((socket) => {
    if (away) {
      socket.on('error', () => {}).end();
      return;
    }
    const peer = connect(target, '127.0.0.1');
    near.add(socket);
    for (const [one, other] of [
      [socket, peer],
      [peer, socket],
    ] as const) {
      one.on('error', () => {});
      one.on('data', (chunk) => frozen.has(socket) || other.write(chunk));
      one.on('close', () => {
        near.delete(socket);
        if (!frozen.has(socket)) other.destroy();
      });
    }
  });
  let port = 0;
  // The shortest queue, so that a stopped process soon takes no connection any more.
  const listen = () => server.listen({ port, host: '127.0.0.1', backlog: 1 });
  const deeds: Record<Deed, () => void> = {
    reset: () => {
      for (const socket of near) socket.resetAndDestroy();
    },
    fin: () => {
      for (const socket of near) socket.end();
    },
    /** Nothing passes any more, and nobody is told. */
    freeze: () => {
      frozen = new Set(near);
    },
    /** Takes connections and hangs up. */
    away: () => {
      away = true;
    },
    in: () => {
      away = false;
    },
    /** Takes no connection more. */
    close: () => server.close(),
    up: listen,
  };
  process.on('message', (deed: Deed) => {
    deeds[deed]();
    process.send?.('done');
  });
  server.once('listening', () => {
    port = (server.address() as { port: number }).port;
    process.send?.(port);
  });
  listen();
}

if (import.meta.main) relay(Number(process.argv[2]));
