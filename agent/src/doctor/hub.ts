// The chain to the hub, whichever it is. Where a gateway runs here, what it says of its connection comes last.

import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { HubConfig } from '../config/schema/hub.ts';
import { readSecret } from '../config/secret.ts';
import { describe, Fault } from '../model/fault.ts';
import { edgeHub } from './edge.ts';
import { refusedBy, trialIn } from './folder.ts';
import { broken, codeOf, good, type Look, odd } from './look.ts';
import type { Running } from './machine.ts';
import { reach } from './port.ts';
import { tls } from './tls.ts';

export interface HubSurroundings {
  readonly config: HubConfig;
  readonly gateway: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly running: Running | undefined;
}

export async function* hub(surroundings: HubSurroundings, signal: AbortSignal): AsyncGenerator<Look> {
  for await (const look of chain(surroundings, signal)) {
    yield look;
    if (look.verdict === 'broken') return;
  }
  const { running } = surroundings;
  if (running === undefined) return;
  const { state, reason } = running.hub;
  if (state === 'connected') yield good('connection', 'the gateway that runs here is connected');
  else {
    const what = `the gateway that runs here is not connected (${state})${reason === undefined ? '' : `: ${reason}`}`;
    yield odd('connection', what, 'its log and /status say more; every link above was found sound just now');
  }
}

function chain({ config, gateway, environment }: HubSurroundings, signal: AbortSignal): AsyncIterable<Look> {
  switch (config.type) {
    case 'iot-edge':
      return edgeHub(environment, config.transport, signal);
    case 'mqtt':
      return broker(config, gateway, signal);
    case 'jsonl':
      return file(config.path);
  }
}

/** Where a hub is, for people. */
export function placeOfHub(config: HubConfig): string {
  if (config.type === 'mqtt') return config.url;
  return config.type === 'jsonl' ? config.path : 'edgeHub';
}

const SOON_DAYS = 30;

async function* broker(
  config: Extract<HubConfig, { type: 'mqtt' }>,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<Look> {
  const { protocol, hostname, port } = new URL(config.url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'mqtts:';
  const at = Number(port) || (secure ? 8_883 : 1_883);
  for await (const look of reach(host, at, signal)) {
    yield look;
    if (look.verdict === 'broken') return;
  }
  if (secure) {
    let ca: string | undefined;
    try {
      ca = config.ca === undefined ? undefined : await readFile(config.ca, 'utf8');
    } catch (thrown) {
      yield broken(
        'tls',
        `${config.ca} cannot be read: ${describe(thrown)}`,
        'mend "ca" of the hub, or its permission',
      );
      return;
    }
    const by = config.ca ?? 'the list of public CAs ("ca" of the hub is not set)';
    const look = await tls({ host, port: at, ca, by, soon: SOON_DAYS }, signal);
    yield look;
    if (look.verdict === 'broken') return;
  } else {
    yield odd('tls', 'the broker is spoken to without encryption', 'mqtts:// where the broker offers it');
  }
  yield await login(config, gateway, signal);
}

/** Connects as the gateway does, under an id of its own: a broker ends the older of two with the same. */
async function login(
  { url, user, ca }: Extract<HubConfig, { type: 'mqtt' }>,
  gateway: string,
  signal: AbortSignal,
): Promise<Look> {
  const { mqttHub } = await import('../delivery/hubs/mqtt.ts');
  const connection = mqttHub({
    url,
    topic: 'unused',
    clientId: `fieldgate-${gateway}-doctor-${process.pid}`,
    connectDeadline: 8_000,
    ...(user !== undefined && { user: { name: user.name, password: () => readSecret(user, 'hub.configuration') } }),
    ...(ca !== undefined && { ca }),
  })();
  const who = user === undefined ? 'without a name' : `as ${user.name}`;
  try {
    await connection.connect(signal);
    return good('login', `the broker lets the gateway in ${who}`);
  } catch (thrown) {
    const refused = thrown instanceof Fault && thrown.code === 'hub.refused';
    const mend = refused
      ? 'user, password and the rights of the client id on the broker; its log says which'
      : 'the log of the broker says why';
    return broken('login', `the broker does not let the gateway in ${who}: ${describe(thrown)}`, mend);
  } finally {
    await connection.close();
  }
}

async function* file(path: string): AsyncGenerator<Look> {
  if (path === '-') {
    yield good('output', 'readings go to standard output');
    return;
  }
  try {
    const found = await stat(path);
    if (!found.isFile() && !found.isFIFO()) {
      yield broken('output', `${path} is neither a file nor a pipe`, 'mend "path" of the hub');
      return;
    }
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') yield broken('output', `${path}: ${describe(thrown)}`, 'mend "path" of the hub');
  }
  const folder = resolve(dirname(path));
  const code = await trialIn(folder);
  if (code !== undefined) yield refusedBy(code, folder, '');
  else yield good('output', `${path} can be written`);
}
