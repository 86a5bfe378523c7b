// Arguments and types that must not be written, and why: gone or renamed in azurerm 5.0 while 4.73 has the new name
// already, or a trap of this estate. From the provider's upgrade guide to 5.0 and docs of the types.

import { lineOf, type Source, typedBlocksOf } from './source.ts';

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

const GONE = 'is gone in azurerm 5.0:';

/** Type → argument → what to write instead. */
export const REMOVED_ARGUMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  azurerm_key_vault: {
    enable_rbac_authorization: `${GONE} write rbac_authorization_enabled`,
    contact: `${GONE} use azurerm_key_vault_certificate_contacts`,
  },
  azurerm_eventhub: {
    namespace_name: `${GONE} write namespace_id`,
    resource_group_name: `${GONE} namespace_id says it`,
  },
  azurerm_storage_container: {
    storage_account_name: `${GONE} write storage_account_id`,
  },
  azurerm_storage_account: {
    queue_properties: `${GONE} use azurerm_storage_account_queue_properties`,
    static_website: `${GONE} use azurerm_storage_account_static_website`,
  },
  azurerm_monitor_diagnostic_setting: { metric: `${GONE} write enabled_metric` },
  azurerm_federated_identity_credential: {
    parent_id: `${GONE} write user_assigned_identity_id`,
    resource_group_name: `${GONE} user_assigned_identity_id says it`,
  },
  azurerm_log_analytics_workspace: { local_authentication_disabled: `${GONE} write local_authentication_enabled` },
  azurerm_kusto_cluster: {
    virtual_network_configuration: `${GONE} reach the cluster by a private endpoint`,
    language_extensions: `${GONE} write language_extension`,
  },
  azurerm_container_registry: {
    trust_policy_enabled: `${GONE} content trust is no more`,
  },
  azurerm_iothub: {
    endpoint: 'undoes azurerm_iothub_endpoint_*: use those',
    route: 'undoes azurerm_iothub_route: use that',
    enrichment: 'undoes azurerm_iothub_enrichment: use that',
    file_upload: 'undoes azurerm_iothub_file_upload: use that',
  },
  azurerm_policy_set_definition: {
    management_group_id: `${GONE} use azurerm_management_group_policy_set_definition`,
  },
};

const REMOVED_TYPES: Readonly<Record<string, string>> = {
  azurerm_app_service: `${GONE} use azurerm_linux_web_app`,
  azurerm_app_service_plan: `${GONE} use azurerm_service_plan`,
  azurerm_function_app: `${GONE} use azurerm_function_app_flex_consumption`,
  azurerm_private_dns_a_record: 'changes in 5.0 without a common form: let the endpoint’s zone group make the record',
  azurerm_kusto_iothub_data_connection: 'needs a key of the hub: route to an Event Hub and connect that',
  terraform_remote_state: 'opens one trust zone to another: pass values, or read the resource with a data source',
};

export function removedIn(source: Source): Finding[] {
  const resources = [...typedBlocksOf(source, 'resource'), ...typedBlocksOf(source, 'data')];
  return resources.flatMap(({ file, type, name, body }) => {
    const line = lineOf(source, file, new RegExp(`^(?:resource|data)\\s+"${type}"\\s+"${name}"`));
    const found: Finding[] = [];
    const removed = REMOVED_TYPES[type];
    if (removed !== undefined) found.push({ file, line, what: `${type} ${removed}` });
    const dynamic = Object.keys((body.dynamic ?? {}) as object);
    for (const [argument, mend] of Object.entries(REMOVED_ARGUMENTS[type] ?? {})) {
      if (argument in body || dynamic.includes(argument))
        found.push({ file, line, what: `${type}.${argument} ${mend}` });
    }
    if ('provisioner' in body) {
      found.push({
        file,
        line,
        what: 'a provisioner runs on whoever applies: make it a resource, or a step of the workflow',
      });
    }
    return found;
  });
}
