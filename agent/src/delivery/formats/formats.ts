// From the mapping's `format:` to the format: the one place that knows them all.

import type { HubConfig } from '../../config/schema/hub.ts';
import { columns } from './columns.ts';
import type { Format, TagOf } from './format.ts';
import { opcuaPubsub } from './opcua-pubsub.ts';
import { rows } from './rows.ts';

export interface FormatOptions {
  readonly gateway: string;
  readonly epoch: string;
  /** Resolves the tag column of a batch. */
  readonly tagOf: TagOf;
}

export function formatOf({ type, format }: Pick<HubConfig, 'type' | 'format'>, options: FormatOptions): Format {
  const { gateway, epoch, tagOf } = options;
  switch (format) {
    case 'columns':
      return columns(gateway, epoch, tagOf);
    case 'opcua-pubsub':
      return opcuaPubsub(gateway, epoch, tagOf);
    case 'rows':
      // A file keeps bodies and no properties, and MQTT 3.1.1 has none: the epoch must be known to prove completeness.
      return rows(gateway, tagOf, type === 'iot-edge' ? undefined : epoch);
  }
}
