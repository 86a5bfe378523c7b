// /etc/docker/daemon.json: the name server that knows the private endpoints, and bounded logs.

import { addressKind } from '../../adapters/reach.ts';
import { describe } from '../../model/fault.ts';
import { broken, good, type Look, odd } from '../look.ts';
import { hidden, read } from './files.ts';

const PATH = '/etc/docker/daemon.json';
const TEMPLATE = 'deploy/iot-edge/host/daemon.json is a template; then sudo systemctl restart docker';

interface Daemon {
  readonly dns?: unknown;
  readonly 'log-driver'?: unknown;
  readonly 'log-opts'?: { readonly 'max-size'?: unknown; readonly 'max-file'?: unknown };
}

export function judgeDaemon(source: string): Look[] {
  let daemon: Daemon;
  try {
    daemon = JSON.parse(source) as Daemon;
    if (typeof daemon !== 'object' || daemon === null) throw new SyntaxError('it is no object');
  } catch (thrown) {
    return [broken('daemon.json', `${PATH} is no JSON: ${describe(thrown)}`, TEMPLATE)];
  }
  return [nameServers(daemon.dns), logs(daemon)];
}

function nameServers(dns: unknown): Look {
  const servers = Array.isArray(dns) ? dns.map(String) : [];
  if (servers.length === 0) {
    const what = 'no "dns": modules ask the name server of the host, and where that is a local stub, a public one';
    return odd('dns', what, `the address of the site's name server that knows the private endpoints; ${TEMPLATE}`);
  }
  const strange = servers.filter((server) => addressKind(server) === 'public');
  if (strange.length === 0) return good('dns', servers.join(', '));
  return odd('dns', `${strange.join(', ')} is a public name server, which knows no private endpoint`, TEMPLATE);
}

function logs({ 'log-driver': driver = 'json-file', 'log-opts': options }: Daemon): Look {
  const size = options?.['max-size'];
  // The driver "local" has bounds of its own, 5 files of 20 MB (docs.docker.com, "Local file logging driver").
  if (driver === 'local' || driver === 'journald' || size !== undefined) {
    return good('logs', `${driver}${size === undefined ? '' : `, ${options?.['max-file'] ?? 1} files of ${size}`}`);
  }
  return odd('logs', `${driver} without "max-size": logs grow until the disk is full`, TEMPLATE);
}

export async function daemonJson(root: string): Promise<Look[]> {
  const found = await read(root, PATH);
  if ('text' in found) return judgeDaemon(found.text);
  if ('why' in found) return [hidden('daemon.json', PATH, found.why)];
  const what = `${PATH} is not there: the engine has no name server of its own and no bound for logs`;
  return [odd('daemon.json', what, TEMPLATE)];
}
