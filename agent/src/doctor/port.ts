// Name, route and port of a hub, link by link.

import { connect } from 'node:net';
import { findRoute, resolveName } from '../adapters/reach.ts';
import { describe } from '../model/fault.ts';
import { broken, codeOf, duration, good, Late, type Look, within } from './look.ts';

const DEADLINE_MS = 5_000;

/** What an attempt to connect that failed means. */
export function judgeConnect(thrown: unknown, place: string): Look {
  if (thrown instanceof Late) {
    const mend = 'a firewall swallows the packets, or the address belongs to nobody: ask for the way to be opened';
    return broken('port', `${place} gives no sign: ${thrown.message}`, mend);
  }
  if (codeOf(thrown) === 'ECONNREFUSED') {
    const mend = 'is the hub running, and is this its port? Or a firewall refuses: some answer in the name of the host';
    return broken('port', `nobody listens at ${place} (ECONNREFUSED)`, mend);
  }
  return broken(
    'port',
    `${place} cannot be reached: ${describe(thrown)}`,
    'is there a way to it (ip route get ADDRESS)?',
  );
}

/** Yields name, route and port; ends after the first that is broken. */
export async function* reach(host: string, port: number, signal: AbortSignal): AsyncGenerator<Look> {
  const { finding, address } = await resolveName(host);
  yield finding;
  if (address === undefined) return;
  const route = await findRoute(address);
  yield route;
  if (route.verdict === 'broken') return;
  const begin = performance.now();
  try {
    const from = await within(DEADLINE_MS, signal, (ending) => open(address, port, ending));
    yield good('port', `${address}:${port} is open, reached from ${from} in ${duration(performance.now() - begin)}`);
  } catch (thrown) {
    yield judgeConnect(thrown, address === host ? `${host}:${port}` : `${host}:${port} (${address})`);
  }
}

/** Opens and closes a connection; the local address it had. */
function open(host: string, port: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      resolve(socket.localAddress ?? 'an unknown address');
      socket.destroy();
    });
  });
}
