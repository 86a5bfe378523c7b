// What no package carries: the configuration blocks of the providers, and azapi, whose resources are few and generic.
// azapi's names are those of its documentation (registry.terraform.io/providers/Azure/azapi, version 2): body and the
// like are of any type there too, so what they say is not checked offline.

import type { Attribute, AttributeType, Block, NestedBlock, ProviderSchema } from './schema.ts';

const required = (name: string, type: AttributeType = 'string'): Attribute => ({ name, type, required: true });
const optional = (name: string, type: AttributeType = 'string'): Attribute => ({ name, type, optional: true });
const both = (name: string, type: AttributeType = 'string'): Attribute => ({
  name,
  type,
  optional: true,
  computed: true,
});
const computed = (name: string, type: AttributeType = 'string'): Attribute => ({ name, type, computed: true });
const STRINGS: AttributeType = ['list', 'string'];
const TAGS: AttributeType = ['map', 'string'];

const timeouts = (...actions: string[]): NestedBlock => ({
  name: 'timeouts',
  nesting: 'SINGLE',
  min: 0,
  max: 0,
  block: { attributes: actions.map((action) => optional(action)), blocks: [] },
});

const one = (name: string, attributes: readonly Attribute[], min = 0): NestedBlock => ({
  name,
  nesting: 'LIST',
  min,
  max: 1,
  block: { attributes, blocks: [] },
});

const flags = (name: string, ...names: string[]): NestedBlock =>
  one(
    name,
    names.map((flag) => optional(flag, 'bool')),
  );

/** azurerm's provider block: the features in use, and what signs in. */
const AZURERM: Block = {
  attributes: [
    ...['subscription_id', 'tenant_id', 'client_id', 'environment', 'metadata_host'].map((name) => optional(name)),
    ...['client_id_file_path', 'oidc_token_file_path', 'ado_pipeline_service_connection_id'].map((n) => optional(n)),
    ...['use_oidc', 'use_cli', 'use_msi', 'use_aks_workload_identity'].map((name) => optional(name, 'bool')),
    ...['storage_use_azuread', 'disable_terraform_partner_id'].map((name) => optional(name, 'bool')),
    optional('auxiliary_tenant_ids', STRINGS),
    optional('resource_provider_registrations'),
    optional('resource_providers_to_register', STRINGS),
  ],
  blocks: [
    {
      name: 'features',
      nesting: 'LIST',
      min: 1,
      max: 1,
      block: {
        attributes: [],
        blocks: [
          flags(
            'key_vault',
            'purge_soft_delete_on_destroy',
            'purge_soft_deleted_certificates_on_destroy',
            'purge_soft_deleted_keys_on_destroy',
            'purge_soft_deleted_secrets_on_destroy',
            'recover_soft_deleted_key_vaults',
            'recover_soft_deleted_certificates',
            'recover_soft_deleted_keys',
            'recover_soft_deleted_secrets',
          ),
          flags('log_analytics_workspace', 'permanently_delete_on_destroy'),
          flags('resource_group', 'prevent_deletion_if_contains_resources'),
          flags('application_insights', 'disable_generated_rule'),
          flags('storage', 'data_plane_available'),
        ],
      },
    },
  ],
};

const AZUREAD: Block = {
  attributes: [
    ...['tenant_id', 'client_id', 'environment', 'oidc_token_file_path'].map((name) => optional(name)),
    ...['use_oidc', 'use_cli', 'use_msi'].map((name) => optional(name, 'bool')),
  ],
  blocks: [],
};

const AZAPI_PROVIDER: Block = {
  attributes: [
    ...['subscription_id', 'tenant_id', 'client_id', 'environment', 'default_name', 'default_location'].map((name) =>
      optional(name),
    ),
    ...['use_oidc', 'use_cli', 'use_msi', 'enable_preflight', 'skip_provider_registration'].map((name) =>
      optional(name, 'bool'),
    ),
    optional('default_tags', TAGS),
  ],
  blocks: [],
};

const IDENTITY = one('identity', [
  required('type'),
  optional('identity_ids', STRINGS),
  computed('principal_id'),
  computed('tenant_id'),
]);

const COMMON: readonly Attribute[] = [
  computed('id'),
  required('type'),
  optional('locks', STRINGS),
  optional('response_export_values', 'dynamic'),
  optional('retry', 'dynamic'),
  computed('output', 'dynamic'),
];

const HEADERS: readonly Attribute[] = ['create', 'read', 'update', 'delete'].flatMap((action) => [
  optional(`${action}_headers`, TAGS),
  optional(`${action}_query_parameters`, ['map', STRINGS]),
]);

const AZAPI: ProviderSchema = {
  provider: AZAPI_PROVIDER,
  resources: {
    azapi_resource: {
      attributes: [
        ...COMMON,
        both('name'),
        both('parent_id'),
        both('location'),
        both('tags', TAGS),
        optional('body', 'dynamic'),
        optional('sensitive_body', 'dynamic'),
        optional('replace_triggers_external_values', 'dynamic'),
        optional('replace_triggers_refs', STRINGS),
        ...['schema_validation_enabled', 'ignore_casing', 'ignore_missing_property', 'ignore_null_property'].map(
          (name) => optional(name, 'bool'),
        ),
        ...HEADERS,
      ],
      blocks: [IDENTITY, timeouts('create', 'read', 'update', 'delete')],
    },
    azapi_update_resource: {
      attributes: [
        ...COMMON,
        both('name'),
        both('parent_id'),
        both('resource_id'),
        optional('body', 'dynamic'),
        optional('sensitive_body', 'dynamic'),
        ...['ignore_casing', 'ignore_missing_property'].map((name) => optional(name, 'bool')),
        ...HEADERS,
      ],
      blocks: [timeouts('create', 'read', 'update', 'delete')],
    },
    azapi_resource_action: {
      attributes: [
        ...COMMON,
        required('resource_id'),
        optional('action'),
        optional('method'),
        optional('when'),
        optional('body', 'dynamic'),
        optional('sensitive_body', 'dynamic'),
        computed('sensitive_output', 'dynamic'),
      ],
      blocks: [timeouts('create', 'read', 'update', 'delete')],
    },
  },
  dataSources: {
    azapi_resource: {
      attributes: [
        ...COMMON,
        both('name'),
        both('parent_id'),
        both('resource_id'),
        computed('location'),
        computed('tags', TAGS),
        computed('identity', ['list', ['object', { type: 'string', principal_id: 'string', tenant_id: 'string' }]]),
        optional('ignore_not_found', 'bool'),
      ],
      blocks: [timeouts('read')],
    },
    azapi_client_config: {
      attributes: ['id', 'tenant_id', 'subscription_id', 'object_id', 'subscription_resource_id'].map((name) =>
        computed(name),
      ),
      blocks: [timeouts('read')],
    },
  },
};

const NOTHING: Block = { attributes: [], blocks: [] };

/** The provider blocks that are written here; the types of all but azapi come from packages. */
export const BY_HAND = {
  azurerm: AZURERM,
  azuread: AZUREAD,
  random: NOTHING,
  time: NOTHING,
  azapi: AZAPI,
} as const;
