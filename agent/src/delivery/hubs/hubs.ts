// From the mapping's `hub:` to a factory of hubs: the one place that knows all kinds. Only the kind in use is loaded:
// the Azure SDK alone costs some 20 MB of memory.

import type { HubConfig } from '../../config/schema/hub.ts';
import { readSecret } from '../../config/secret.ts';
import type { HubFactory } from './hub.ts';
import type { IotEdgeOptions } from './iot-edge.ts';

export interface Names {
  readonly site: string;
  readonly gateway: string;
}

/** The factory for `config`. Opens nothing; files and secrets are read at every connect, so that they may change. */
export async function hubFactory(config: HubConfig, names: Names, edge: IotEdgeOptions = {}): Promise<HubFactory> {
  switch (config.type) {
    case 'iot-edge': {
      const { iotEdgeHub } = await import('./iot-edge.ts');
      return iotEdgeHub({ ...edge, transport: config.transport });
    }
    case 'mqtt': {
      const { mqttHub } = await import('./mqtt.ts');
      const { user } = config;
      return mqttHub({
        url: config.url,
        topic: config.topic.replaceAll('{site}', names.site).replaceAll('{gateway}', names.gateway),
        clientId: `fieldgate-${names.gateway}`,
        ...(user !== undefined && { user: { name: user.name, password: () => readSecret(user, 'hub.configuration') } }),
        ...(config.ca !== undefined && { ca: config.ca }),
      });
    }
    case 'jsonl': {
      const { jsonlHub } = await import('./jsonl.ts');
      return jsonlHub({ path: config.path });
    }
  }
}
