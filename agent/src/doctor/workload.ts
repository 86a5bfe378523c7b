// The workload API of the IoT Edge runtime, through which a module gets its identity: its socket, the roots it trusts,
// and whether it signs for this module.

import { stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe } from '../model/fault.ts';
import { broken, codeOf, duration, good, Late, type Look, within } from './look.ts';

const DEADLINE_MS = 5_000;
const VERSION = 'api-version=2018-06-28';
const LOG = 'sudo iotedge system logs -- -f on the host says why; sudo iotedge system restart often cures it';

/** What was heard of the API, and the roots when they came. */
export interface Heard {
  readonly looks: readonly Look[];
  /** PEM; undefined when a look is broken. */
  readonly bundle?: string;
}

/** @param environment with the IOTEDGE_* variables, all of them there */
export async function workload(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Heard> {
  const uri = environment.IOTEDGE_WORKLOADURI ?? '';
  const url = URL.parse(uri);
  if (url === null) return { looks: [broken('workload', `IOTEDGE_WORKLOADURI is no address: ${uri}`, LOG)] };
  const looks: Look[] = [];
  if (url.protocol === 'unix:') {
    const socket = await socketFile(url.pathname);
    if (socket.verdict === 'broken') return { looks: [socket] };
    looks.push(socket);
  }
  try {
    const begin = performance.now();
    const trust = (await ask(url, 'GET', `/trust-bundle?${VERSION}`, undefined, signal)) as { certificate?: unknown };
    if (typeof trust.certificate !== 'string' || !trust.certificate.includes('BEGIN CERTIFICATE')) {
      return {
        looks: [
          ...looks,
          broken(
            'workload',
            'the workload API knows no trust bundle',
            `trust_bundle_cert of /etc/aziot/config.toml; ${LOG}`,
          ),
        ],
      };
    }
    const module = encodeURIComponent(environment.IOTEDGE_MODULEID ?? '');
    const generation = encodeURIComponent(environment.IOTEDGE_MODULEGENERATIONID ?? '');
    const body = { keyId: 'primary', algo: 'HMACSHA256', data: Buffer.from('fieldgate doctor').toString('base64') };
    const path = `/modules/${module}/genid/${generation}/sign?${VERSION}`;
    const signed = (await ask(url, 'POST', path, body, signal)) as { digest?: unknown };
    if (typeof signed.digest !== 'string') {
      return { looks: [...looks, broken('workload', 'the workload API signs nothing: its answer has no digest', LOG)] };
    }
    const what = `answers and signs for module ${environment.IOTEDGE_MODULEID} in ${duration(performance.now() - begin)}`;
    return { looks: [...looks, good('workload', what)], bundle: trust.certificate };
  } catch (thrown) {
    return { looks: [...looks, judgeWorkload(thrown, uri)] };
  }
}

/** What a call that failed means. */
export function judgeWorkload(thrown: unknown, uri: string): Look {
  const code = codeOf(thrown);
  if (code === 'EACCES' || code === 'EPERM') {
    const mend = `the socket must be open to the user of the container (10001): ls -l on the host; ${LOG}`;
    return broken('workload', `this user may not open ${uri} (${code})`, mend);
  }
  if (code === 'ECONNREFUSED') {
    return broken('workload', `nobody listens on ${uri}: the socket was left behind`, LOG);
  }
  if (thrown instanceof Late) return broken('workload', `${uri} takes the call and is silent: ${thrown.message}`, LOG);
  return broken('workload', `${uri}: ${describe(thrown)}`, LOG);
}

async function socketFile(path: string): Promise<Look> {
  try {
    const found = await stat(path);
    if (found.isSocket()) return good('socket', `${path} is there`);
    return broken('socket', `${path} is no socket`, 'the runtime binds it into the container: make the container anew');
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') {
      const mend = 'does aziot-edged run (sudo iotedge system status)? It makes the socket when it starts the module';
      return broken('socket', `${path} is not there`, mend);
    }
    return judgeWorkload(thrown, path);
  }
}

async function ask(
  url: URL,
  method: string,
  path: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<object> {
  const where = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port };
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
  return within(DEADLINE_MS, signal, async (ending) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ ...where, method, path, headers, signal: ending, agent: false }, resolve)
        .on('error', reject)
        .end(sent);
    });
    const answer = await text(response);
    if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${path} was answered ${response.statusCode}`);
    return JSON.parse(answer) as object;
  });
}
