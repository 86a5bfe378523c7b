// The chain to edgeHub: what the runtime set for the module, the workload API, the gateway's host and port, TLS by the
// trust bundle. It does not log in: edgeHub would end the connection of the gateway that runs, whose identity is this one.

import { addressKind, resolveName } from '../adapters/reach.ts';
import { broken, good, type Look, odd, unseen } from './look.ts';
import { reach } from './port.ts';
import { tls } from './tls.ts';
import { workload } from './workload.ts';

const NEEDED = [
  'IOTEDGE_WORKLOADURI',
  'IOTEDGE_DEVICEID',
  'IOTEDGE_MODULEID',
  'IOTEDGE_IOTHUBHOSTNAME',
  'IOTEDGE_AUTHSCHEME',
  'IOTEDGE_MODULEGENERATIONID',
] as const;
/** By the transport of the mapping; left to itself the gateway begins with MQTT. */
const PORTS = { auto: 8_883, mqtt: 8_883, amqp: 5_671, 'amqp-ws': 443 } as const;
/** The runtime renews edgeHub's certificate by itself. */
const SOON_DAYS = 5;

export function judgeEnvironment(environment: NodeJS.ProcessEnv): Look {
  const missing = NEEDED.filter((name) => !environment[name]);
  if (missing.length === NEEDED.length) {
    const mend =
      'run it inside the module: docker exec fieldgate fieldgate doctor /config/fieldgate.yaml. Without IoT Edge, hub: { type: mqtt } or jsonl';
    return broken('environment', 'not started by the IoT Edge runtime: no IOTEDGE_ variable is set', mend);
  }
  if (missing.length > 0) {
    return broken('environment', `${missing.join(', ')} not set`, 'the runtime sets them: make the container anew');
  }
  const { IOTEDGE_DEVICEID: device, IOTEDGE_MODULEID: module, IOTEDGE_AUTHSCHEME: scheme = '' } = environment;
  if (scheme.toLowerCase() !== 'sastoken') {
    return broken('environment', `IOTEDGE_AUTHSCHEME is ${scheme}, not sasToken`, 'that runtime is not IoT Edge 1.x');
  }
  return good('environment', `device ${device}, module ${module}`);
}

/** Whether the IoT Hub's name leads into the site's network or over the internet. */
export function judgeHubName(name: string, address: string | undefined, direct: boolean): Look {
  const step = 'hub name';
  const dns = 'name servers that know the private endpoint: "dns" in /etc/docker/daemon.json (docs/deployment.md)';
  if (address === undefined) {
    const what = `${name} cannot be resolved here`;
    if (direct) return broken(step, what, dns);
    return odd(step, `${what}; only edgeHub has to, which runs in the same engine`, dns);
  }
  const kind = addressKind(address);
  if (kind !== 'public')
    return good(step, `${name} is ${address}, a ${kind === 'private' ? 'private endpoint' : kind}`);
  return odd(step, `${name} is ${address}, a public address: not the private endpoint`, `if the hub has one: ${dns}`);
}

export async function* edgeHub(
  environment: NodeJS.ProcessEnv,
  transport: keyof typeof PORTS,
  signal: AbortSignal,
): AsyncGenerator<Look> {
  if (environment.EdgeHubConnectionString || environment.IotHubConnectionString) {
    yield unseen('environment', 'a connection string is set, as for development; nothing further is looked at');
    return;
  }
  const set = judgeEnvironment(environment);
  yield set;
  if (set.verdict === 'broken') return;
  const { looks, bundle } = await workload(environment, signal);
  yield* looks;
  if (bundle === undefined) return;

  const hubName = environment.IOTEDGE_IOTHUBHOSTNAME ?? '';
  const [host, port] = placeOf(environment.IOTEDGE_GATEWAYHOSTNAME || hubName, PORTS[transport]);
  const named = await resolveName(hubName);
  yield judgeHubName(hubName, named.address, host === hubName);
  for await (const look of reach(host, port, signal)) {
    yield look;
    if (look.verdict === 'broken') return;
  }
  yield await tls({ host, port, ca: bundle, by: 'the trust bundle', soon: SOON_DAYS }, signal);
}

/** `host` or `host:port`. */
function placeOf(text: string, usual: number): [host: string, port: number] {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return [host, port === undefined ? usual : Number(port)];
}
