// IoT Hub and the Device Provisioning Service: what azurerm's pages of these types say and its schema does not.

import { type Check, each, isoDuration, items, name, oneOf, pattern, range, uuid } from './check.ts';
import { NAMES } from './names.ts';
import { conflicts, exactlyOne, onlyWhen, type Rules, requires, requiresWhen } from './rule.ts';

const AUTHENTICATION = oneOf('keyBased', 'identityBased');
const SOURCE = oneOf(
  'DeviceConnectionStateEvents',
  'DeviceJobLifecycleEvents',
  'DeviceLifecycleEvents',
  'DeviceMessages',
  'DigitalTwinChangeEvents',
  'Invalid',
  'TwinChangeEvents',
);
const ONE_ENDPOINT: Check = { ...items(1, 1), wrong: [['a', 'b']] };
const HUB_NAME = NAMES.azurerm_iothub!;

/** All six parts in any order, each once, with separators between. */
const fileNameFormat: Check = {
  judge: (value) => {
    const parts = ['{iothub}', '{partition}', '{YYYY}', '{MM}', '{DD}', '{HH}', '{mm}'];
    const missing = parts.filter((part) => String(value).split(part).length !== 2);
    return missing.length === 0 ? undefined : `must hold each of ${parts.join(' ')} once; wrong: ${missing.join(' ')}`;
  },
  wrong: ['{iothub}/{YYYY}/{MM}', '{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}/{mm}'],
};

const KEYLESS = [
  exactlyOne('endpoint_uri', 'connection_string'),
  conflicts('identity_id', 'connection_string'),
  requiresWhen('authentication_type', ['identityBased'], 'endpoint_uri'),
  onlyWhen('identity_id', 'authentication_type', ['identityBased']),
];

export const IOT: Rules = {
  azurerm_iothub: {
    fields: {
      'sku.name': oneOf('B1', 'B2', 'B3', 'F1', 'S1', 'S2', 'S3'),
      'sku.capacity': range(1, 200, 'units'),
      event_hub_partition_count: range(2, 128),
      event_hub_retention_in_days: range(1, 7, 'days'),
      min_tls_version: oneOf('1.2'),
      'cloud_to_device.max_delivery_count': range(1, 100),
      'cloud_to_device.default_ttl': isoDuration,
      'cloud_to_device.feedback.time_to_live': isoDuration,
      'cloud_to_device.feedback.max_delivery_count': range(1, 100),
      'cloud_to_device.feedback.lock_duration': isoDuration,
      'file_upload.authentication_type': AUTHENTICATION,
      'file_upload.sas_ttl': isoDuration,
      'file_upload.default_ttl': isoDuration,
      'file_upload.lock_duration': isoDuration,
      'file_upload.max_delivery_count': range(1, 100),
      'fallback_route.source': SOURCE,
      'network_rule_set.default_action': oneOf('Allow', 'Deny'),
      'network_rule_set.ip_rule.action': oneOf('Allow'),
    },
  },
  azurerm_iothub_consumer_group: {
    fields: { iothub_name: HUB_NAME, eventhub_endpoint_name: oneOf('events') },
  },
  azurerm_iothub_route: {
    fields: { iothub_name: HUB_NAME, source: SOURCE, endpoint_names: ONE_ENDPOINT },
  },
  azurerm_iothub_fallback_route: {
    fields: { iothub_name: HUB_NAME, source: SOURCE, endpoint_names: ONE_ENDPOINT },
  },
  azurerm_iothub_enrichment: {
    fields: {
      iothub_name: HUB_NAME,
      key: name(1, 64, /^[\w.-]+$/, 'letters, digits, dots, underscores and dashes', 'a b'),
    },
  },
  azurerm_iothub_endpoint_eventhub: {
    fields: {
      authentication_type: AUTHENTICATION,
      endpoint_uri: pattern(
        /^sb:\/\/[^/]+\/?$/,
        'sb://NAMESPACE.servicebus.windows.net',
        'https://a.servicebus.windows.net',
      ),
      subscription_id: uuid,
    },
    relations: { '': [...KEYLESS, requires('endpoint_uri', 'entity_path'), requires('entity_path', 'endpoint_uri')] },
  },
  azurerm_iothub_endpoint_storage_container: {
    fields: {
      authentication_type: AUTHENTICATION,
      container_name: NAMES.azurerm_storage_container!,
      file_name_format: fileNameFormat,
      batch_frequency_in_seconds: range(60, 720, 'seconds'),
      max_chunk_size_in_bytes: range(10_485_760, 524_288_000, 'bytes'),
      encoding: oneOf('Avro', 'AvroDeflate', 'JSON'),
      subscription_id: uuid,
    },
    relations: { '': KEYLESS },
  },
  azurerm_iothub_file_upload: {
    fields: {
      authentication_type: AUTHENTICATION,
      container_name: NAMES.azurerm_storage_container!,
      default_ttl: isoDuration,
      lock_duration: isoDuration,
      sas_ttl: isoDuration,
      max_delivery_count: range(1, 100),
    },
    relations: { '': [onlyWhen('identity_id', 'authentication_type', ['identityBased'])] },
  },
  azurerm_iothub_shared_access_policy: {
    fields: { iothub_name: HUB_NAME },
  },
  azurerm_iothub_dps: {
    fields: {
      'sku.name': oneOf('S1'),
      'sku.capacity': range(1, 200, 'units'),
      allocation_policy: oneOf('Hashed', 'GeoLatency', 'Static'),
      'linked_hub.allocation_weight': range(0, 1000),
      'ip_filter_rule.action': oneOf('Accept', 'Reject'),
      'ip_filter_rule.target': oneOf('all', 'serviceApi', 'deviceApi'),
    },
  },
  azurerm_iothub_dps_certificate: {
    fields: { iot_dps_name: NAMES.azurerm_iothub_dps! },
  },
  azurerm_iot_security_solution: {
    fields: {
      events_to_export: each(oneOf('RawEvents')),
      disabled_data_sources: each(oneOf('TwinData')),
    },
  },
};
