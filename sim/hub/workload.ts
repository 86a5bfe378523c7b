// The IoT Edge workload API on a unix socket: the trust bundle, and signing with the module's key
// (api-version 2018-06-28). Its faults are those of the field: errors, silence, closed connections, odd answers.

import { unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Identity, sign } from './token.ts';

/**
 * error         answers 500 with a JSON body, as the daemon does
 * hang          takes the request and never answers
 * close         closes the connection without an answer (the daemon's throttle: more than 10 at once)
 * content-type  answers 200 with the right body as text/plain
 * empty         answers 200 application/json without the expected member
 * wrong-key     signs with another key
 */
export type WorkloadFault = 'error' | 'hang' | 'close' | 'content-type' | 'empty' | 'wrong-key';

export interface Workload {
  /** `unix:///…` for IOTEDGE_WORKLOADURI. */
  readonly uri: string;
  /** Requests taken so far, in any state of fault. */
  readonly requests: { readonly trustBundle: number; readonly sign: number };
  /** The fault from now on, for all calls or for one of them; undefined ends it. Hanging requests stay hung. */
  fault(kind: WorkloadFault | undefined, call?: 'sign' | 'trust-bundle'): void;
  close(): Promise<void>;
}

/** Opens the API at `path`, a socket file of less than 108 bytes. */
export async function openWorkload(
  path: string,
  identity: Identity,
  generation: string,
  ca: string,
): Promise<Workload> {
  const requests = { trustBundle: 0, sign: 0 };
  const faults: { sign: WorkloadFault | undefined; 'trust-bundle': WorkloadFault | undefined } = {
    sign: undefined,
    'trust-bundle': undefined,
  };
  const signPath = `/modules/${encodeURIComponent(identity.moduleId)}/genid/${encodeURIComponent(generation)}/sign`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://workload');
    const body = await text(request);
    if (searchParams.get('api-version') !== '2018-06-28') return refuse(response, 400, 'api-version');
    if (request.method === 'GET' && pathname === '/trust-bundle') {
      requests.trustBundle += 1;
      return reply(response, { certificate: ca }, faults['trust-bundle']);
    }
    if (request.method === 'POST' && pathname === signPath) {
      requests.sign += 1;
      const asked = JSON.parse(body) as { keyId?: unknown; algo?: unknown; data?: unknown };
      if (typeof asked.data !== 'string') return refuse(response, 422, 'data');
      const key = faults.sign === 'wrong-key' ? Buffer.from('another key').toString('base64') : identity.key;
      return reply(response, { digest: sign(key, Buffer.from(asked.data, 'base64')) }, faults.sign);
    }
    refuse(response, 404, 'no such call');
  }

  const server: Server = createServer((request, response) => {
    answer(request, response).catch(() => request.destroy());
  });
  await unlink(path).catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    uri: `unix://${path}`,
    requests,
    fault(kind, call) {
      if (call !== 'trust-bundle') faults.sign = kind;
      if (call !== 'sign') faults['trust-bundle'] = kind;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function reply(response: ServerResponse, body: object, fault: WorkloadFault | undefined): void {
  if (fault === 'hang') return;
  if (fault === 'close') response.destroy();
  else if (fault === 'error') refuse(response, 500, 'the daemon cannot reach its key store');
  else if (fault === 'content-type')
    response.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(body));
  else if (fault === 'empty') response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}
