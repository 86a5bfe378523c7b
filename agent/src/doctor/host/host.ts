// A prepared IoT Edge host, looked over before the first deployment: docs/deployment.md, "A host for it".

import { type Look, type Section, unseen } from '../look.ts';
import { configToml } from './config.ts';
import { daemonJson } from './engine.ts';
import { folder, foldersOf } from './folders.ts';
import { packages } from './packages.ts';
import { timeSync } from './time-sync.ts';

export interface HostPlaces {
  /** Where the host's `/` is. */
  readonly root: string;
  readonly data: string;
  readonly edgeHub: string;
}

export function host({ root, data, edgeHub }: HostPlaces): Section {
  async function* look(): AsyncGenerator<Look> {
    yield* await packages(root);
    yield* await configToml(root);
    yield* await daemonJson(root);
    for (const each of foldersOf(data, edgeHub)) yield* await folder(root, each);
    yield await timeSync(root);
    yield unseen('the rest', 'routes to the cloud, the certificates of config.toml: sudo iotedge check');
  }
  return { title: root === '/' ? 'host' : `host  ${root}`, kind: 'host', look };
}
