// Storage, Event Hubs, Data Explorer, Key Vault and the registry: what azurerm's pages of these types say and its
// schema does not.

import { armId, type Check, cidr, each, isoDuration, oneOf, oneOfNumbers, pattern, range, uuid } from './check.ts';
import { NAMES } from './names.ts';
import { conflicts, exactlyOne, onlyWhen, type Rules, requires, requiresWhen } from './rule.ts';

const ALLOW = oneOf('Allow', 'Deny');
const DAYS = range(1, 365, 'days');
const TIERS = range(0, 99_999, 'days');
const CLUSTER = NAMES.azurerm_kusto_cluster!;
const DATABASE = NAMES.azurerm_kusto_database!;
/** Tables and mappings of Data Explorer, as the data connection takes them. */
const ENTITY = pattern(/^[A-Za-z\d\s_.-]{1,1024}$/, 'letters, digits, spaces, underscores, dashes and dots', 'a/b');
const KUSTO_IDENTITY = armId('Microsoft.Kusto/clusters/{}', 'Microsoft.ManagedIdentity/userAssignedIdentities/{}');
const KUSTO_SKUS = [
  ...['Dev(No SLA)_Standard_D11_v2', 'Dev(No SLA)_Standard_E2a_v4'],
  ...[
    'Standard_D11_v2',
    'Standard_D12_v2',
    'Standard_D13_v2',
    'Standard_D14_v2',
    'Standard_D16d_v5',
    'Standard_D32d_v4',
  ],
  ...['Standard_D32d_v5', 'Standard_DS13_v2+1TB_PS', 'Standard_DS13_v2+2TB_PS', 'Standard_DS14_v2+3TB_PS'],
  ...['Standard_DS14_v2+4TB_PS', 'Standard_E16a_v4', 'Standard_E16ads_v5', 'Standard_E16as_v4+3TB_PS'],
  ...['Standard_E16as_v4+4TB_PS', 'Standard_E16as_v5+3TB_PS', 'Standard_E16as_v5+4TB_PS', 'Standard_E16d_v4'],
  ...['Standard_E16d_v5', 'Standard_E16s_v4+3TB_PS', 'Standard_E16s_v4+4TB_PS', 'Standard_E16s_v5+3TB_PS'],
  ...['Standard_E16s_v5+4TB_PS', 'Standard_E2a_v4', 'Standard_E2ads_v5', 'Standard_E2d_v4', 'Standard_E2d_v5'],
  ...['Standard_E4a_v4', 'Standard_E4ads_v5', 'Standard_E4d_v4', 'Standard_E4d_v5', 'Standard_E64i_v3'],
  ...[
    'Standard_E80ids_v4',
    'Standard_E8a_v4',
    'Standard_E8ads_v5',
    'Standard_E8as_v4+1TB_PS',
    'Standard_E8as_v4+2TB_PS',
  ],
  ...['Standard_E8as_v5+1TB_PS', 'Standard_E8as_v5+2TB_PS', 'Standard_E8d_v4', 'Standard_E8d_v5'],
  ...['Standard_E8s_v4+1TB_PS', 'Standard_E8s_v4+2TB_PS', 'Standard_E8s_v5+1TB_PS', 'Standard_E8s_v5+2TB_PS'],
  ...['Standard_EC16ads_v5', 'Standard_EC16as_v5+3TB_PS', 'Standard_EC16as_v5+4TB_PS', 'Standard_EC8ads_v5'],
  ...['Standard_EC8as_v5+1TB_PS', 'Standard_EC8as_v5+2TB_PS', 'Standard_L16as_v3', 'Standard_L16s', 'Standard_L16s_v2'],
  ...['Standard_L16s_v3', 'Standard_L32as_v3', 'Standard_L32s_v3', 'Standard_L4s', 'Standard_L8as_v3', 'Standard_L8s'],
  ...['Standard_L8s_v2', 'Standard_L8s_v3'],
] as const;

const principals = (roles: Check) => ({
  cluster_name: CLUSTER,
  principal_type: oneOf('App', 'Group', 'User'),
  role: roles,
});

export const DATA: Rules = {
  azurerm_storage_account: {
    fields: {
      account_tier: oneOf('Standard', 'Premium'),
      account_replication_type: oneOf('LRS', 'GRS', 'RAGRS', 'ZRS', 'GZRS', 'RAGZRS'),
      account_kind: oneOf('BlobStorage', 'BlockBlobStorage', 'FileStorage', 'Storage', 'StorageV2'),
      access_tier: oneOf('Hot', 'Cool', 'Cold', 'Premium'),
      min_tls_version: oneOf('TLS1_2', 'TLS1_3'),
      'network_rules.default_action': ALLOW,
      'network_rules.bypass': each(oneOf('AzureServices', 'Logging', 'Metrics', 'None')),
      'blob_properties.change_feed_retention_in_days': range(1, 146_000, 'days'),
      'blob_properties.delete_retention_policy.days': DAYS,
      'blob_properties.container_delete_retention_policy.days': DAYS,
      'blob_properties.restore_policy.days': DAYS,
      'sas_policy.expiration_action': oneOf('Log', 'Block'),
      'immutability_policy.state': oneOf('Disabled', 'Locked', 'Unlocked'),
      queue_encryption_key_type: oneOf('Service', 'Account'),
      table_encryption_key_type: oneOf('Service', 'Account'),
      allowed_copy_scope: oneOf('AAD', 'PrivateLink'),
      dns_endpoint_type: oneOf('Standard', 'AzureDnsZone'),
      'routing.choice': oneOf('InternetRouting', 'MicrosoftRouting'),
    },
    relations: {
      '': [onlyWhen('nfsv3_enabled', 'is_hns_enabled', [true]), onlyWhen('sftp_enabled', 'is_hns_enabled', [true])],
      blob_properties: [requires('restore_policy', 'delete_retention_policy')],
    },
  },
  azurerm_storage_container: {
    fields: { container_access_type: oneOf('blob', 'container', 'private') },
    relations: {
      '': [
        exactlyOne('storage_account_id', 'storage_account_name'),
        requires('encryption_scope_override_enabled', 'default_encryption_scope'),
      ],
    },
  },
  azurerm_storage_management_policy: {
    fields: {
      'rule.filters.blob_types': each(oneOf('blockBlob', 'appendBlob')),
      'rule.actions.base_blob.tier_to_cool_after_days_since_modification_greater_than': TIERS,
      'rule.actions.base_blob.tier_to_cold_after_days_since_modification_greater_than': TIERS,
      'rule.actions.base_blob.tier_to_archive_after_days_since_modification_greater_than': TIERS,
      'rule.actions.base_blob.delete_after_days_since_modification_greater_than': TIERS,
      'rule.actions.snapshot.delete_after_days_since_creation_greater_than': TIERS,
      'rule.actions.version.delete_after_days_since_creation': TIERS,
    },
  },
  azurerm_eventhub_namespace: {
    fields: {
      sku: oneOf('Basic', 'Standard', 'Premium'),
      maximum_throughput_units: range(0, 40),
      minimum_tls_version: oneOf('1.2'),
      'network_rulesets.default_action': ALLOW,
    },
    relations: { '': [onlyWhen('maximum_throughput_units', 'auto_inflate_enabled', [true])] },
  },
  azurerm_eventhub: {
    fields: {
      partition_count: range(1, 1024),
      message_retention: range(1, 90, 'days'),
      status: oneOf('Active', 'Disabled', 'SendDisabled'),
      'retention_description.cleanup_policy': oneOf('Delete', 'Compact'),
      'capture_description.encoding': oneOf('Avro', 'AvroDeflate'),
      'capture_description.interval_in_seconds': range(60, 900, 'seconds'),
      'capture_description.size_limit_in_bytes': range(10_485_760, 524_288_000, 'bytes'),
      'capture_description.destination.name': oneOf('EventHubArchive.AzureBlockBlob'),
    },
    relations: {
      '': [
        exactlyOne('namespace_id', 'namespace_name'),
        exactlyOne('message_retention', 'retention_description'),
        conflicts('namespace_id', 'resource_group_name'),
      ],
      retention_description: [exactlyOne('retention_time_in_hours', 'tombstone_retention_time_in_hours')],
    },
  },
  azurerm_kusto_cluster: {
    fields: {
      'sku.name': oneOf(...KUSTO_SKUS),
      'sku.capacity': range(1, 1000),
      'optimized_auto_scale.minimum_instances': range(0, 1000),
      'optimized_auto_scale.maximum_instances': range(0, 1000),
      public_ip_type: oneOf('IPv4', 'DualStack'),
    },
  },
  azurerm_kusto_database: {
    fields: { cluster_name: CLUSTER, soft_delete_period: isoDuration, hot_cache_period: isoDuration },
  },
  azurerm_kusto_script: {
    fields: {
      database_id: armId('Microsoft.Kusto/clusters/{}/databases/{}', 'Microsoft.Kusto/Clusters/{}/Databases/{}'),
      principal_permissions_action: oneOf('RetainPermissionOnScriptCompletion', 'RemovePermissionOnScriptCompletion'),
      script_level: oneOf('Cluster', 'Database'),
    },
    relations: { '': [exactlyOne('script_content', 'url'), requires('url', 'sas_token')] },
  },
  azurerm_kusto_eventhub_data_connection: {
    fields: {
      cluster_name: CLUSTER,
      database_name: DATABASE,
      compression: oneOf('GZip', 'None'),
      consumer_group: pattern(
        /^(?:\$Default|[A-Za-z\d](?:[\w.-]{0,48}[A-Za-z\d])?)$/,
        'a consumer group of the Event Hub',
        '-a',
      ),
      table_name: ENTITY,
      mapping_rule_name: ENTITY,
      identity_id: KUSTO_IDENTITY,
      data_format: oneOf(
        ...['APACHEAVRO', 'AVRO', 'CSV', 'JSON', 'MULTIJSON', 'ORC', 'PARQUET', 'PSV', 'RAW', 'SCSV', 'SINGLEJSON'],
        ...['SOHSV', 'TSV', 'TSVE', 'TXT', 'W3CLOGFILE'],
      ),
      database_routing_type: oneOf('Multi', 'Single'),
    },
  },
  azurerm_kusto_database_principal_assignment: {
    fields: {
      ...principals(oneOf('Admin', 'Ingestor', 'Monitor', 'UnrestrictedViewer', 'User', 'Viewer')),
      database_name: DATABASE,
    },
  },
  azurerm_kusto_cluster_principal_assignment: {
    fields: principals(oneOf('AllDatabasesAdmin', 'AllDatabasesViewer', 'AllDatabasesMonitor')),
  },
  azurerm_key_vault: {
    fields: {
      sku_name: oneOf('standard', 'premium'),
      soft_delete_retention_days: range(7, 90, 'days'),
      'network_acls.default_action': ALLOW,
      'network_acls.bypass': oneOf('AzureServices', 'None'),
    },
    relations: { '': [conflicts('rbac_authorization_enabled', 'enable_rbac_authorization')] },
  },
  azurerm_container_registry: {
    fields: {
      sku: oneOf('Basic', 'Standard', 'Premium'),
      retention_policy_in_days: range(0, 365, 'days'),
      'network_rule_set.default_action': ALLOW,
      'network_rule_set.ip_rule.action': oneOf('Allow'),
      'network_rule_set.ip_rule.ip_range': cidr,
      network_rule_bypass_option: oneOf('AzureServices', 'None'),
      'encryption.identity_client_id': uuid,
    },
    relations: {
      '': [
        onlyWhen('data_endpoint_enabled', 'sku', ['Premium']),
        onlyWhen('georeplications', 'sku', ['Premium']),
        onlyWhen('retention_policy_in_days', 'sku', ['Premium']),
        onlyWhen('zone_redundancy_enabled', 'sku', ['Premium']),
        onlyWhen('quarantine_policy_enabled', 'sku', ['Premium']),
        requiresWhen('export_policy_enabled', [false], 'public_network_access_enabled'),
      ],
    },
  },
  azurerm_log_analytics_workspace: {
    fields: {
      sku: oneOf(
        'PerGB2018',
        'PerNode',
        'Premium',
        'Standalone',
        'Standard',
        'CapacityReservation',
        'LACluster',
        'Unlimited',
      ),
      retention_in_days: range(30, 730, 'days'),
      reservation_capacity_in_gb_per_day: oneOfNumbers(
        100,
        200,
        300,
        400,
        500,
        1000,
        2000,
        5000,
        10_000,
        25_000,
        50_000,
      ),
    },
    relations: { '': [onlyWhen('reservation_capacity_in_gb_per_day', 'sku', ['CapacityReservation'])] },
  },
};
