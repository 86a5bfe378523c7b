// The connection to a service: Microsoft's client for headers, signatures and tokens, with requests of our own beneath it.
// The package's own requests have no deadline and know no port; ours end after `deadline` whatever the peer does.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import azureCommon from 'azure-iot-common';
import azureHttp, { type Http, type RestApiClient } from 'azure-iot-http-base';
import { describe } from '../agent/src/model/fault.ts';
import { Trouble } from './trouble.ts';

export interface Access {
  /** `NAME.azure-devices.net`, or with a port for a local service. */
  readonly host: string;
  /** Of the token: each of the two services has one. */
  readonly scope: string;
  /** With a key, from the environment; without one the credentials of the machine are asked (Entra ID). */
  readonly connectionString?: string | undefined;
  /** PEM of a CA to trust instead of the machine's. */
  readonly ca?: string | undefined;
  /** Longest that a request may take, ms. */
  readonly deadline?: number | undefined;
}

export const HUB_SCOPE = 'https://iothubs.azure.net/.default';
export const PROVISIONING_SCOPE = 'https://azure-devices-provisioning.net/.default';

const DEADLINE = 30_000;
const TOKEN_DEADLINE = 60_000;
const TOKEN_LIFETIME_S = 3_600;
/** Bytes of an answer: a hundred configurations are far below. */
const MOST = 64_000_000;

/** What both packages ask of a client, and a way to say how the caller is let in. */
export interface Connection {
  readonly client: RestApiClient;
  readonly config: RestApiClient.TransportConfig & { readonly host: string };
}

/** No request is made here. @throws Trouble when the connection string is none, or for another host */
export async function connect(access: Access): Promise<Connection> {
  const config = await credentials(access);
  const requests = { buildRequest: builder(access), setOptions: () => {} };
  const client = new azureHttp.RestApiClient(config, 'fieldgate-fleet', requests as unknown as Http);
  return { client, config };
}

async function credentials({ host, scope, connectionString }: Access): Promise<Connection['config']> {
  if (connectionString !== undefined) {
    const fields = new Map(connectionString.split(';').map((part) => part.split(/=(.*)/s) as [string, string]));
    const [name, key] = [fields.get('SharedAccessKeyName'), fields.get('SharedAccessKey')];
    if (!name || !key)
      throw new Trouble('usage', 'the connection string has no SharedAccessKeyName or no SharedAccessKey');
    if (fields.get('HostName') !== host)
      throw new Trouble('usage', `the connection string is for ${fields.get('HostName')}, the plan says ${host}`);
    const expiry = Math.floor(Date.now() / 1_000) + TOKEN_LIFETIME_S;
    return { host, sharedAccessSignature: azureCommon.SharedAccessSignature.create(host, name, key, expiry) };
  }
  // Loaded when it is needed: the package is large, and a local service does without.
  const { DefaultAzureCredential } = await import('@azure/identity');
  const credential = new DefaultAzureCredential();
  const tokenCredential = {
    getToken: (scopes: string | string[]) =>
      credential.getToken(scopes, { abortSignal: AbortSignal.timeout(TOKEN_DEADLINE) }).catch((error: unknown) => {
        throw new Trouble('denied', `no token for ${host}: ${describe(error)}`, error);
      }),
  };
  return { host, tokenCredential, tokenScope: scope } as Connection['config'];
}

type Done = (error: Error | null, body?: string, response?: IncomingMessage) => void;

function builder({ ca, deadline = DEADLINE }: Access) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ...(ca !== undefined && { ca }) });
  return (method: string, path: string, headers: Record<string, string>, host: string, given: unknown, last?: Done) => {
    let done: Done | undefined = last ?? (given as Done);
    const finish: Done = (...outcome) => {
      done?.(...outcome);
      done = undefined;
    };
    const [hostname, port = 443] = host.split(':');
    const signal = AbortSignal.timeout(deadline);
    const request = httpsRequest({ hostname, port, method, path, headers, agent, signal }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', finish);
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MOST) request.destroy(new Error(`the answer is longer than ${MOST} bytes`));
        else parts.push(part);
      });
      response.on('end', () => {
        const failed = response.statusCode === undefined || response.statusCode >= 300;
        finish(failed ? new Error(`status ${response.statusCode}`) : null, Buffer.concat(parts).toString(), response);
      });
    });
    request.on('error', finish);
    return request;
  };
}

/** What became of a request: an answer's status, or none because no proper answer came. */
export function statusOf(thrown: unknown): number | undefined {
  const status = (thrown as { response?: { statusCode?: unknown } } | null)?.response?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
