// The HTTP server for operators and orchestrators: it shows, and changes nothing. It is reachable for whoever reaches
// the port, so it holds against slow, oversized and many requests, and against pages in a browser that rebind a name
// to this address.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import { describe, Fault } from '../model/fault.ts';
import type { Metrics } from './metrics.ts';
import { redactText } from './redact.ts';
import type { GatewayStatus } from './status.ts';

export { httpAddress } from './http-address.ts';

export interface HttpOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly status: () => GatewayStatus;
  readonly metrics: Metrics;
  /** True while the process does its work; otherwise why it does not. */
  readonly healthy: () => true | string;
}

export interface HttpServer {
  /** Where it listens, as host:port. */
  readonly address: string;
  /** Ends the server and every connection. Legal twice. */
  close(): Promise<void>;
}

/** What a client may cost (facts of slow-request attacks: a request must be complete in seconds, and small). */
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
const MAX_CONNECTIONS = 50;
/** A client that takes none of its answer for so long is cut, ms. */
const IDLE = 10_000;

/**
 * Answers a second, at most: requests beyond wait for their turn. Together with one request at a time for each
 * connection nobody waits longer than a quarter of a second, and acquisition, on the same thread, never for them.
 */
const PACE = 200;
/** A page is shown again until it is so old, ms, or so many times older than it took to make. */
const FRESH = 250;
const SHARE = 10;

/** Nothing here is for a browser to run, frame, store or hand to another page. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

interface Page {
  readonly code: number;
  readonly type?: string;
  readonly body: string;
}

type Pages = ReadonlyMap<string, () => Page | Promise<Page>>;

/** Starts listening. Rejects with a Fault `http.port` that names the address and how to change it. */
export async function listen(options: HttpOptions): Promise<HttpServer> {
  const { host, port } = options;
  const pages = pagesOf(options);
  const anyHost = !isLoopback(host);
  const turn = paced(1_000 / PACE);
  /** Connections with a request that is not answered. */
  const busy = new WeakSet<Socket>();
  const server = createServer(LIMITS, (request, response) => {
    const { socket } = request;
    // Pipelined: no client that shows or scrapes does it, and each of thousands would be kept with its answer.
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    turn(() => {
      if (!socket.destroyed) void answer(pages, anyHost, request, response);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portFault(host, port, error)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    address: `${address.includes(':') ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Calls what it is given, in order, `gap` ms apart; at once when nothing was for so long. */
function paced(gap: number): (work: () => void) => void {
  let next = 0;
  return (work) => {
    const now = performance.now();
    next = Math.max(now, next + gap);
    if (next === now) work();
    else setTimeout(work, next - now);
  };
}

/** Shows what was made last while it is fresh. A page that could not be made is made anew. */
function fresh(make: () => Page | Promise<Page>): () => Promise<Page> {
  let last: Promise<Page> | undefined;
  let until = Number.POSITIVE_INFINITY;
  return () => {
    if (last !== undefined && performance.now() < until) return last;
    const began = performance.now();
    until = Number.POSITIVE_INFINITY;
    const made = (async () => make())();
    last = made;
    made.then(
      () => {
        const now = performance.now();
        until = now + Math.max(FRESH, SHARE * (now - began));
      },
      () => {
        last = undefined;
      },
    );
    return made;
  };
}

function pagesOf({ status, metrics, healthy }: HttpOptions): Pages {
  const text = (code: number, line: string): Page => ({ code, body: `${line}\n` });
  return new Map<string, () => Page | Promise<Page>>([
    [
      '/',
      () =>
        text(
          200,
          'fieldgate\n\n/metrics  for Prometheus\n/status   JSON\n/healthz  200 while it works\n/readyz   200 while it runs',
        ),
    ],
    ['/metrics', fresh(async () => ({ code: 200, type: metrics.contentType, body: await metrics.text() }))],
    [
      '/healthz',
      () => {
        const health = healthy();
        return health === true ? text(200, 'ok') : text(503, redactText(health));
      },
    ],
    [
      '/readyz',
      () => {
        const { phase } = status();
        return phase === 'running' ? text(200, 'ready') : text(503, phase);
      },
    ],
    ['/status', fresh(() => ({ code: 200, type: 'application/json; charset=utf-8', body: statusText(status()) }))],
  ]);
}

async function answer(
  pages: Pages,
  anyHost: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const page = await pageFor(pages, anyHost, request).catch(
    (error): Page => ({ code: 500, body: `the page could not be made: ${redactText(describe(error))}\n` }),
  );
  const body = Buffer.from(page.body);
  response.writeHead(page.code, {
    ...HEADERS,
    'content-type': page.type ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    ...(page.code === 405 && { allow: 'GET, HEAD' }),
    // Nobody reads the rest of a request that was refused.
    ...(page.code >= 400 && page.code < 500 && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageFor(pages: Pages, anyHost: boolean, request: IncomingMessage): Promise<Page> {
  const { method, url = '/', headers } = request;
  if (!anyHost && headers.host !== undefined && !isLoopback(hostOf(headers.host)))
    return { code: 421, body: 'this server answers for its own address only\n' };
  if (method !== 'GET' && method !== 'HEAD') return { code: 405, body: 'GET and HEAD only\n' };
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    return { code: 413, body: 'a request has no body here\n' };
  const path = url.split('?', 1)[0] as string;
  return (await pages.get(path)?.()) ?? { code: 404, body: 'there is no such page\n' };
}

/** `127.0.0.1:9600` without its port, `[::1]:9600` without brackets. */
function hostOf(header: string): string {
  const [, bracketed, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(header.trim()) ?? [];
  return bracketed ?? name ?? '';
}

function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === 'localhost' || name === '::1';
}

function statusText(status: GatewayStatus): string {
  const plain = (_: string, value: unknown) => {
    if (value instanceof Map) return Object.fromEntries(value);
    return typeof value === 'string' ? redactText(value) : value;
  };
  return `${JSON.stringify(status, plain, 2)}\n`;
}

/** Why it does not listen, by the system's code. */
function portFault(host: string, port: number, error: NodeJS.ErrnoException): Fault {
  const where = `${host}:${port}`;
  const why: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use on ${host}, perhaps by another gateway`,
    EACCES: `port ${port} may not be opened by this user`,
    EADDRNOTAVAIL: `this machine has no address ${host}`,
    ENOTFOUND: `the name ${host} is not known`,
  };
  const reason = why[error.code ?? ''] ?? `the HTTP server cannot listen on ${where}: ${describe(error)}`;
  return new Fault('http.port', `${reason}; set FIELDGATE_HTTP to another address (now ${where}), or to off`, error);
}
