// What the gateway runs on: its user, memory and cores, and whether a gateway runs here already.

import { get, type IncomingMessage } from 'node:http';
import { availableParallelism, totalmem } from 'node:os';
import { json } from 'node:stream/consumers';
import { describe } from '../model/fault.ts';
import { type HttpAddress, httpAddress } from '../observe/http-address.ts';
import { bytes, codeOf, good, type Look, odd, within } from './look.ts';

/** Below this the gateway itself (docs/benchmarks.md) and a backlog's messages do not fit. */
const LITTLE_MEMORY = 256_000_000;
const STATUS_DEADLINE_MS = 3_000;

/** @param limit bytes that this process may have; @param cores that it may use */
export function judgeMachine(limit: number, cores: number, user: number | undefined): Look[] {
  const memory = `${bytes(limit)} of memory, ${cores} core${cores === 1 ? '' : 's'}`;
  const who =
    user === undefined ? [] : [good('user', user === 0 ? 'root (in the image it is 10001)' : `number ${user}`)];
  if (limit >= LITTLE_MEMORY) return [...who, good('memory', memory)];
  return [...who, odd('memory', memory, `give the container ${bytes(LITTLE_MEMORY)} or more (HostConfig.Memory)`)];
}

export function machine(): Look[] {
  // Without a limit of its own a container is told a number beyond all memory, or 0.
  const constrained = process.constrainedMemory();
  const limit = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  return judgeMachine(limit, availableParallelism(), process.getuid?.());
}

/** What of /status matters here. */
export interface Running {
  readonly gateway: string;
  readonly version: string;
  readonly hub: { readonly state: string; readonly reason?: string };
}

/** The gateway that listens where this one would; undefined when none answers. */
export async function runningGateway(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly look: Look; readonly running?: Running }> {
  let address: HttpAddress | 'off';
  try {
    address = httpAddress(env.FIELDGATE_HTTP);
  } catch (thrown) {
    return { look: { step: 'gateway', verdict: 'broken', what: describe(thrown), mend: 'mend that variable' } };
  }
  if (address === 'off') return { look: good('gateway', 'whether one runs here is not known: FIELDGATE_HTTP is off') };
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/status`;
  try {
    const { gateway, version, store } = await within(STATUS_DEADLINE_MS, signal, (ending) => status(url, ending));
    const running = { gateway, version, hub: store.forwarder.hub };
    return { look: good('gateway', `${running.gateway} runs here, release ${running.version}`), running };
  } catch (thrown) {
    if (codeOf(thrown) === 'ECONNREFUSED') {
      return { look: good('gateway', `none runs here: nobody listens on ${host}:${address.port}`) };
    }
    const mend = 'another program may have that port; FIELDGATE_HTTP names another for the gateway';
    return { look: odd('gateway', `${url} does not answer as a gateway does: ${describe(thrown)}`, mend) };
  }
}

interface Status {
  readonly gateway: string;
  readonly version: string;
  readonly store: { readonly forwarder: { readonly hub: Running['hub'] } };
}

async function status(url: string, signal: AbortSignal): Promise<Status> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { signal, agent: false }, resolve).on('error', reject);
  });
  return (await json(response)) as Status;
}
