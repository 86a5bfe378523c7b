// A local IoT Hub and provisioning service, as far as the fleet tool asks them: HTTPS on localhost, signatures checked,
// 20 operations on configurations and 20 queries a minute and unit, 429 without Retry-After, answers in pages. Faults
// can be ordered for the next requests of a kind. Time is the caller's, so that a day of roll-out fits into a test.

import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certificatesOf } from '../hub/certificates.ts';
import { type Configuration, Configurations, Refused } from './configurations.ts';
import { type GatewayOptions, Gateways } from './gateways.ts';
import { parseQuery, QueryMistake } from './query.ts';

export type Operation = 'put' | 'get' | 'list' | 'delete' | 'test' | 'query' | 'enrol';

/**
 * hang         never answers, and does nothing
 * lost         does it, and the connection breaks before the answer
 * other-etag   somebody else changes the configuration first
 * other-content  keeps other content than was sent
 * empty        answers 200 with nothing
 * a number     answers with that status, and does nothing
 */
export type FaultKind = 'hang' | 'lost' | 'other-etag' | 'other-content' | 'empty' | number;

export interface ServiceOptions extends GatewayOptions {
  /** Folder of the certificates. */
  readonly folder: string;
  readonly port?: number;
  /** Of the hub: more units take more operations. */
  readonly units?: number;
  readonly now?: () => number;
  readonly metricsEvery?: number;
}

interface Entry {
  readonly operation: Operation;
  readonly id: string;
  readonly at: number;
  readonly status: number;
}

export interface LocalService {
  /** `localhost:PORT`. */
  readonly host: string;
  readonly caFile: string;
  readonly ca: string;
  readonly connectionString: string;
  readonly gateways: Gateways;
  readonly configurations: Configurations;
  readonly groups: ReadonlyMap<string, Record<string, unknown>>;
  /** Every request that was answered, with the service's time. */
  readonly entries: readonly Entry[];
  /** The next `times` requests of this kind go wrong. */
  fault(operation: Operation, kind: FaultKind, times?: number): void;
  close(): Promise<void>;
}

const MINUTE = 60_000;
const PER_MINUTE = 20;
const KEY_NAME = 'iothubowner';

export async function startService(options: ServiceOptions): Promise<LocalService> {
  const { folder, units = 1, now = Date.now, metricsEvery = MINUTE } = options;
  const certificates = await certificatesOf(folder);
  const gateways = new Gateways(now, options);
  const configurations = new Configurations(gateways, now, metricsEvery);
  const groups = new Map<string, Record<string, unknown>>();
  const entries: Entry[] = [];
  const faults: { operation: Operation; kind: FaultKind }[] = [];
  const key = randomBytes(32).toString('base64');
  const used = { configurations: [] as number[], queries: [] as number[] };

  /** Throttling counts what came within the last minute. */
  const admit = (which: keyof typeof used) => {
    const times = used[which].filter((at) => at > now() - MINUTE);
    used[which] = times;
    if (times.length >= PER_MINUTE * units)
      throw new Refused(429, 'ThrottlingException', 'Throttled. Wait 10 seconds and try again');
    times.push(now());
  };

  function answer(call: Call, body: unknown, headers: IncomingMessage['headers'], kind?: FaultKind): Answer {
    const { operation, id } = call;
    if (operation === 'enrol') return enrol(groups, call, body as Record<string, unknown>, headers['if-match']);
    if (operation === 'query') {
      admit('queries');
      configurations.settle();
      return query(gateways, (body as { query?: string }).query ?? '', headers);
    }
    admit('configurations');
    if (operation === 'test') {
      const { targetCondition = '', customMetricQueries = {} } = body as {
        targetCondition?: string;
        customMetricQueries?: Record<string, string>;
      };
      return { body: configurations.test(targetCondition, customMetricQueries) };
    }
    configurations.settle();
    if (operation === 'list') return { body: configurations.list() };
    if (operation === 'get') return { body: configurations.get(id) };
    if (operation === 'delete') {
      configurations.delete(id);
      return {};
    }
    if (kind === 'other-etag') configurations.touch(id);
    const spoil = kind === 'other-content' ? { modulesContent: { $edgeAgent: {} } } : undefined;
    configurations.put(id, body as Partial<Configuration>, headers['if-match'], spoil);
    return { body: configurations.get(id) };
  }

  const server = createServer({ key: certificates.key, cert: certificates.certificate }, async (request, response) => {
    const call = callOf(request);
    const text = await read(request).catch(() => undefined);
    if (text === undefined) return;
    const at = faults.findIndex(({ operation }) => operation === call?.operation);
    const kind = at < 0 ? undefined : faults.splice(at, 1)[0]!.kind;
    const finish = (status: number, body?: unknown, headers: Record<string, string> = {}) => {
      if (call !== undefined) entries.push({ ...call, at: now(), status });
      if (kind === 'lost') return void request.socket.destroy();
      const sent = body === undefined || kind === 'empty' ? '' : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(sent);
    };
    const refuse = (status: number, code: string, message: string) =>
      finish(status, { Message: `ErrorCode:${code};${message}`, ExceptionMessage: 'Tracking ID:0' });
    if (kind === 'hang') return;
    if (typeof kind === 'number') return refuse(kind, 'Ordered', 'ordered by the test');
    if (call === undefined) return refuse(404, 'NotFound', `${request.method} ${request.url}`);
    if (!signed(request.headers.authorization, key)) return refuse(401, 'IotHubUnauthorizedAccess', 'Unauthorized');
    try {
      const { body, headers } = answer(call, text === '' ? undefined : JSON.parse(text), request.headers, kind);
      finish(200, body, headers);
    } catch (error) {
      if (error instanceof Refused) return refuse(error.status, error.code, error.message);
      if (error instanceof QueryMistake) return refuse(400, 'InvalidQuery', error.message);
      return refuse(500, 'InternalError', String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  return {
    host,
    ca: certificates.ca,
    caFile: certificates.caFile,
    connectionString: `HostName=${host};SharedAccessKeyName=${KEY_NAME};SharedAccessKey=${key}`,
    gateways,
    configurations,
    groups,
    entries,
    fault(operation, kind, times = 1) {
      for (let i = 0; i < times; i++) faults.push({ operation, kind });
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Call {
  readonly operation: Operation;
  readonly method: string;
  readonly id: string;
}

interface Answer {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

function callOf({ method = '', url = '' }: IncomingMessage): Call | undefined {
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  if (!searchParams.has('api-version')) return undefined;
  const [, first, second] = pathname.split('/').map(decodeURIComponent);
  const call = (operation: Operation, id = ''): Call => ({ operation, method, id });
  if (first === 'enrollmentGroups' && second !== undefined) return call('enrol', second);
  if (method === 'POST' && pathname === '/devices/query') return call('query');
  if (first !== 'configurations') return undefined;
  if (method === 'POST' && second === 'testQueries') return call('test');
  if (second === undefined) return method === 'GET' ? call('list') : undefined;
  const byMethod: Record<string, Operation> = { GET: 'get', PUT: 'put', DELETE: 'delete' };
  const operation = byMethod[method];
  return operation && call(operation, second);
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** A shared access signature of the key, not expired. */
function signed(header: string | undefined, key: string): boolean {
  const [scheme, fields = ''] = (header ?? '').split(' ', 2);
  if (scheme !== 'SharedAccessSignature') return false;
  const parts = new Map(fields.split('&').map((part) => part.split(/=(.*)/s) as [string, string]));
  const made = createHmac('sha256', Buffer.from(key, 'base64')).update(`${parts.get('sr')}\n${parts.get('se')}`);
  return (
    decodeURIComponent(parts.get('sig') ?? '') === made.digest('base64') && Number(parts.get('se')) * 1_000 > Date.now()
  );
}

function query(gateways: Gateways, text: string, headers: IncomingMessage['headers']): Answer {
  const { from, where, select } = parseQuery(text);
  const rows = select(gateways.twins(from).filter(where));
  const size = Math.min(100, Number(headers['x-ms-max-item-count'] ?? 100));
  const start = Number(headers['x-ms-continuation'] ?? 0);
  const end = start + size;
  return { body: rows.slice(start, end), headers: end < rows.length ? { 'x-ms-continuation': String(end) } : {} };
}

function enrol(
  groups: Map<string, Record<string, unknown>>,
  { id, method }: Call,
  body: Record<string, unknown>,
  ifMatch: string | undefined,
): Answer {
  const old = groups.get(id);
  if (method === 'GET') {
    if (old === undefined) throw new Refused(404, 'EnrollmentGroupNotFound', id);
    return { body: old };
  }
  if (old !== undefined && ifMatch !== old.etag) throw new Refused(412, 'PreconditionFailed', 'another ETag');
  const kept = { ...body, etag: `"${randomBytes(8).toString('hex')}"`, createdDateTimeUtc: new Date().toISOString() };
  groups.set(id, kept);
  return { body: kept };
}
