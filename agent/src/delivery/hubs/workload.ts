// The way in, looked at before the SDK walks it. azure-iot-device 1.18.4 has no deadline on the workload API (a silent
// daemon would cost a socket per attempt for ever), takes an answer without its content for one, and lets a malformed
// connection string escape as an uncaught exception. What is wrong is said here, in words an operator can act on.

import { get as httpGet, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import sdk from 'azure-iot-device';
import { Fault } from '../../model/fault.ts';
import { connectFault } from './network-fault.ts';

const NEEDED = [
  'IOTEDGE_WORKLOADURI',
  'IOTEDGE_DEVICEID',
  'IOTEDGE_MODULEID',
  'IOTEDGE_IOTHUBHOSTNAME',
  'IOTEDGE_AUTHSCHEME',
  'IOTEDGE_MODULEGENERATIONID',
] as const;

/** More than any trust bundle. */
const MOST_ANSWER_BYTES = 1_000_000;

/**
 * Rejects with a Fault when `ModuleClient.fromEnvironment` cannot succeed in this environment: `hub.configuration` when
 * variables, files or permissions are wrong, `hub.unreachable` when the workload API does not answer as it should.
 * @param signal ends the look; no socket outlives it
 */
export async function checkEnvironment(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const connectionString = environment.EdgeHubConnectionString || environment.IotHubConnectionString;
  if (connectionString) {
    try {
      sdk.SharedAccessKeyAuthenticationProvider.fromConnectionString(connectionString).stop();
    } catch (error) {
      // Without the cause's text: it may quote the key.
      throw new Fault('hub.configuration', 'the connection string in EdgeHubConnectionString is malformed', error);
    }
    return;
  }
  const missing = NEEDED.filter((name) => !environment[name]);
  if (missing.length > 0) {
    throw new Fault('hub.configuration', `not started by the IoT Edge runtime: ${missing.join(', ')} not set`);
  }
  if (environment.IOTEDGE_AUTHSCHEME!.toLowerCase() !== 'sastoken') {
    throw new Fault('hub.configuration', `IOTEDGE_AUTHSCHEME is ${environment.IOTEDGE_AUTHSCHEME}, not sasToken`);
  }
  const uri = environment.IOTEDGE_WORKLOADURI!;
  try {
    const { certificate } = (await ask(uri, '/trust-bundle?api-version=2018-06-28', signal)) as {
      certificate?: unknown;
    };
    if (typeof certificate === 'string' && certificate !== '') return;
  } catch (error) {
    throw connectFault(error, `the workload API at ${uri} does not answer`);
  }
  throw new Fault('hub.unreachable', `the workload API at ${uri} answered without a trust bundle`);
}

/** The JSON object that a GET is answered with. */
async function ask(uri: string, path: string, signal: AbortSignal): Promise<object> {
  const { protocol, pathname, hostname, port } = new URL(uri);
  const where = protocol === 'unix:' ? { socketPath: pathname } : { host: hostname, port };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // A connection of its own: one that is kept would be a socket more for the daemon, which counts them.
    httpGet({ ...where, path, signal, agent: false }, resolve).on('error', reject);
  });
  const { statusCode = 0, headers } = response;
  if (Number(headers['content-length'] ?? 0) > MOST_ANSWER_BYTES) response.destroy(new Error('too long an answer'));
  const body = await text(response);
  const type = headers['content-type'] ?? 'none';
  if (statusCode >= 300) throw new Fault('hub.unreachable', `the workload API at ${uri} answered ${statusCode}`);
  if (!type.includes('application/json')) {
    throw new Fault('hub.unreachable', `the workload API at ${uri} answered with content type ${type}`);
  }
  const answer: unknown = JSON.parse(body);
  return typeof answer === 'object' && answer !== null ? answer : {};
}
