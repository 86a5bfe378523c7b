// Which release of the IoT Edge runtime and of the container engine the host has, from dpkg's own list.

import { broken, good, type Look, odd, unseen } from '../look.ts';
import { hidden, read } from './files.ts';

const PATH = '/var/lib/dpkg/status';
const ENGINES = ['moby-engine', 'docker-ce', 'docker.io'];
/** The release with long-term support; 1.5 ended 2026-11-10 (Azure IoT Edge, version history). */
const SERIES = '1.6';

/** Versions of the packages that are installed, by name. */
export function installed(status: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const paragraph of status.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
    const [name, version] = [field('Package'), field('Version')];
    if (name !== undefined && version !== undefined && field('Status') === 'install ok installed')
      found.set(name, version);
  }
  return found;
}

export function judgePackages(packages: ReadonlyMap<string, string>): Look[] {
  const edge = packages.get('aziot-edge');
  const engine = ENGINES.find((name) => packages.has(name));
  const looks: Look[] = [];
  if (edge === undefined) {
    looks.push(
      broken('aziot-edge', 'the package aziot-edge is not installed', `sudo apt install aziot-edge (${SERIES})`),
    );
  } else if (edge.startsWith(`${SERIES}.`)) looks.push(good('aziot-edge', edge));
  else {
    const what = `${edge}; ${SERIES} is the release with long-term support`;
    looks.push(odd('aziot-edge', what, 'update it: docs/deployment.md'));
  }
  if (engine === undefined) {
    const what = `no container engine: none of ${ENGINES.join(', ')}`;
    looks.push(broken('engine', what, 'sudo apt install moby-engine'));
  } else looks.push(good('engine', `${engine} ${packages.get(engine)}`));
  return looks;
}

export async function packages(root: string): Promise<Look[]> {
  const found = await read(root, PATH);
  if ('text' in found) return judgePackages(installed(found.text));
  if ('why' in found) return [hidden('aziot-edge', PATH, found.why)];
  return [unseen('aziot-edge', `the host has no ${PATH}: iotedge version says which release it is`)];
}
