// Names as Azure takes them: length and characters of each type, from "Naming rules and restrictions for Azure
// resources" (learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules) and, where the provider
// is narrower, from the provider's page of the type.

import { type Check, name, pattern } from './check.ts';

const WORD =
  'letters, digits, dots, underscores and dashes, starting with a letter or digit, not ending in a dot or dash';
/** What most of Microsoft.Network takes. */
const network = (low: number): Check =>
  name(low, 80, /^[A-Za-z\d](?:[\w.-]*\w)?$/, WORD, '-starts-with-dash', 'ends-with-dash-', 'has space');

const DASHED = 'letters, digits and dashes';

export const NAMES: Readonly<Record<string, Check>> = {
  azurerm_resource_group: name(
    1,
    90,
    /^[\p{L}\d_().-]*[\p{L}\d_()-]$/u,
    'letters, digits, _ ( ) . -, not ending in a dot',
    'ends.',
    'a b',
  ),
  azurerm_iothub: name(
    3,
    50,
    /^[A-Za-z\d](?:[A-Za-z\d-]*[A-Za-z\d])?$/,
    `${DASHED}, no dash at either end`,
    'has_underscore',
    'ends-',
  ),
  azurerm_iothub_dps: name(
    3,
    64,
    /^[A-Za-z\d](?:[A-Za-z\d-]*[A-Za-z\d])?$/,
    `${DASHED}, no dash at either end`,
    'has_underscore',
    'ends-',
  ),
  azurerm_iothub_dps_certificate: name(1, 64, /^[\w.-]+$/, 'letters, digits, dashes, dots and underscores', 'a b'),
  azurerm_iothub_certificate: name(1, 64, /^[\w.-]+$/, 'letters, digits, dashes, dots and underscores', 'a b'),
  azurerm_iothub_consumer_group: name(
    1,
    50,
    /^[\w.-]+$/,
    'letters, digits, dashes, dots and underscores',
    'a b',
    '$Default',
  ),
  azurerm_iothub_endpoint_eventhub: endpoint(),
  azurerm_iothub_endpoint_storage_container: endpoint(),
  azurerm_iothub_route: name(1, 64, /^[\w.-]+$/, 'letters, digits, dots, underscores and dashes', 'a b'),
  azurerm_storage_account: name(3, 24, /^[a-z\d]+$/, 'lower-case letters and digits only', 'st-with-dash', 'stUpper'),
  azurerm_storage_container: container(),
  azurerm_storage_data_lake_gen2_filesystem: container(),
  azurerm_eventhub_namespace: name(
    6,
    50,
    /^[A-Za-z][A-Za-z\d-]*[A-Za-z\d]$/,
    `${DASHED}, starting with a letter, no dash at the end`,
    '1starts',
    'ends-with-',
  ),
  azurerm_eventhub: name(
    1,
    256,
    /^[A-Za-z\d](?:[\w.-]*[A-Za-z\d])?$/,
    'letters, digits, dots, underscores and dashes, a letter or digit at both ends',
    '-a',
    'a b',
  ),
  azurerm_eventhub_consumer_group: name(
    1,
    50,
    /^[A-Za-z\d](?:[\w.-]*[A-Za-z\d])?$/,
    'letters, digits, dots, underscores and dashes, a letter or digit at both ends',
    '-a',
    'a b',
  ),
  azurerm_kusto_cluster: name(
    4,
    22,
    /^[a-z][a-z\d]*$/,
    'lower-case letters and digits, starting with a letter',
    '1adx',
    'dec-with-dash',
  ),
  azurerm_kusto_database: name(1, 260, /^[\w\s.-]+$/, 'letters, digits, spaces, dashes and dots', 'a/b'),
  azurerm_kusto_eventhub_data_connection: name(
    1,
    40,
    /^[A-Za-z\d][A-Za-z\d.-]*$/,
    'letters, digits, dashes and dots, starting with a letter or digit',
    '-a',
    'a b',
  ),
  azurerm_key_vault: name(
    3,
    24,
    /^[A-Za-z](?:[A-Za-z\d]|-(?!-))*[A-Za-z\d]$/,
    `${DASHED}, starting with a letter, no dash at the end, no two dashes together`,
    '1kv',
    'kv--a',
    'kv-',
  ),
  azurerm_container_registry: name(5, 50, /^[A-Za-z\d]+$/, 'letters and digits only', 'cr-dash'),
  azurerm_log_analytics_workspace: name(
    4,
    63,
    /^[A-Za-z\d][A-Za-z\d-]*[A-Za-z\d]$/,
    `${DASHED}, no dash at either end`,
    '-log-a',
    'log_a',
  ),
  azurerm_application_insights: name(
    1,
    255,
    /^[^%&\\?/]*[^%&\\?/ .]$/,
    'any characters but % & \\ ? /, not ending in a space or dot',
    'a/b',
    'a.',
  ),
  azurerm_monitor_action_group: name(
    1,
    260,
    /^[^:<>+/&%\\?|]*[^:<>+/&%\\?| .]$/,
    'any characters but : < > + / & % \\ ? |, not ending in a space or dot',
    'a/b',
    'a:b',
  ),
  azurerm_monitor_metric_alert: name(
    1,
    260,
    /^[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]$/,
    'any characters but * # & + : < > ? @ % { } \\ /, not ending in a space or dot',
    'a/b',
    'a#b',
  ),
  azurerm_monitor_scheduled_query_rules_alert_v2: name(
    1,
    260,
    /^[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]$/,
    'any characters but * # & + : < > ? @ % { } \\ /, not ending in a space or dot',
    'a/b',
    'a#b',
  ),
  azurerm_monitor_diagnostic_setting: name(
    1,
    260,
    /^[^<>*%&:\\?+/]*[^<>*%&:\\?+/ .]$/,
    'any characters but < > * % & : \\ ? + /',
    'a/b',
  ),
  azurerm_consumption_budget_resource_group: name(1, 63, /^[\w-]+$/, 'letters, digits, underscores and dashes', 'a b'),
  azurerm_consumption_budget_subscription: name(1, 63, /^[\w-]+$/, 'letters, digits, underscores and dashes', 'a b'),
  azurerm_user_assigned_identity: name(
    3,
    128,
    /^[A-Za-z\d][\w-]*$/,
    'letters, digits, underscores and dashes, starting with a letter or digit',
    '-id-a',
    'id.a',
  ),
  azurerm_federated_identity_credential: name(
    3,
    120,
    /^[A-Za-z\d][\w-]*$/,
    'letters, digits, underscores and dashes, starting with a letter or digit',
    '-fc',
    'a b c',
  ),
  azurerm_management_lock: name(1, 260, /^[\w-]+$/, 'letters, digits, underscores and dashes', 'a b'),
  azurerm_virtual_network: network(2),
  azurerm_subnet: network(1),
  azurerm_network_security_group: network(1),
  azurerm_network_security_rule: network(1),
  azurerm_route_table: network(1),
  azurerm_public_ip: network(1),
  azurerm_private_endpoint: network(2),
  azurerm_virtual_wan: network(1),
  azurerm_virtual_hub: name(1, 256, /^[A-Za-z\d][\w.-]*$/, WORD, '-a', 'a b'),
  azurerm_virtual_hub_connection: network(1),
  azurerm_virtual_hub_routing_intent: network(1),
  azurerm_firewall: name(1, 56, /^[A-Za-z\d](?:[\w.-]*\w)?$/, WORD, '-a', 'a b'),
  azurerm_firewall_policy: network(1),
  azurerm_firewall_policy_rule_collection_group: network(1),
  azurerm_express_route_gateway: network(1),
  azurerm_express_route_connection: network(1),
  azurerm_vpn_gateway: network(1),
  azurerm_vpn_site: network(1),
  azurerm_vpn_gateway_connection: network(1),
  azurerm_bastion_host: network(1),
  azurerm_private_dns_resolver: network(1),
  azurerm_private_dns_resolver_inbound_endpoint: network(1),
  azurerm_private_dns_resolver_outbound_endpoint: network(1),
  azurerm_private_dns_resolver_dns_forwarding_ruleset: network(1),
  azurerm_private_dns_resolver_forwarding_rule: network(1),
  azurerm_private_dns_resolver_virtual_network_link: network(1),
  azurerm_private_dns_zone_virtual_network_link: network(1),
  azurerm_private_dns_zone: pattern(
    /^(?=.{3,253}$)(?!-)[a-z\d_-]{1,63}(?:\.(?!-)[a-z\d_-]{1,63}){1,33}$/,
    'a domain of 2 to 34 labels in lower case, without a dot at the end',
    'single',
    'ends.with.dot.',
    'Has.Upper.Case',
  ),
};

/** A custom endpoint of an IoT Hub; `events` is the built-in one. */
function endpoint(): Check {
  const form = /^(?!(?:events|operationsMonitoringEvents|fileNotifications|\$default)$)[\w.-]+$/;
  return name(
    1,
    64,
    form,
    'letters, digits, dots, underscores and dashes, and not the built-in events',
    'events',
    'a b',
  );
}

/** A blob container; a double dash is not taken. */
function container(): Check {
  const form = /^(?:\$root|\$web|[a-z\d](?:[a-z\d]|-(?!-))*[a-z\d])$/;
  return name(
    3,
    63,
    form,
    'lower-case letters, digits and single dashes, a letter or digit at both ends',
    'Upper',
    'a--b',
    '-ab',
  );
}
