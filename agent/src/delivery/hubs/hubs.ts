// From the mapping's `hub:` to a factory of hubs: the one place that knows all kinds.

import { readFile } from 'node:fs/promises';
import type { HubConfig } from '../../config/schema.ts';
import { Fault } from '../../model/fault.ts';
import type { HubFactory } from './hub.ts';
import { type IotEdgeOptions, iotEdgeHub } from './iot-edge.ts';
import { jsonlHub } from './jsonl.ts';
import { mqttHub } from './mqtt.ts';

export interface Names {
  readonly site: string;
  readonly gateway: string;
}

/** The factory for `config`. Opens nothing; files and secrets are read at every connect, so that they may change. */
export function hubFactory(config: HubConfig, names: Names, edge: IotEdgeOptions = {}): HubFactory {
  switch (config.type) {
    case 'iot-edge':
      return iotEdgeHub(edge);
    case 'mqtt':
      return mqttHub({
        url: config.url,
        topic: config.topic.replaceAll('{site}', names.site).replaceAll('{gateway}', names.gateway),
        clientId: `fieldgate-${names.gateway}`,
        ...(config.user !== undefined && { user: { name: config.user.name, password: () => password(config.user!) } }),
        ...(config.ca !== undefined && { ca: config.ca }),
      });
    case 'jsonl':
      return jsonlHub({ path: config.path });
  }
}

/** The secret that a reference leads to, without the newline that editors leave at the end of a file. */
async function password(user: {
  passwordFile?: string | undefined;
  passwordEnv?: string | undefined;
}): Promise<string> {
  if (user.passwordFile !== undefined) return (await readFile(user.passwordFile, 'utf8')).replace(/\r?\n$/, '');
  const value = process.env[user.passwordEnv!];
  if (value === undefined) throw new Fault('hub.configuration', `environment variable ${user.passwordEnv} is not set`);
  return value;
}
