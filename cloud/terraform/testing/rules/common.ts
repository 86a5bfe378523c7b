// What holds for every type that has the argument: regions, groups, tags, identities, time limits, and the ids of other
// resources. A rule here applies where the schema has the argument at the top of the resource.
// Sources: "Azure regions list", "Use tags to organize your Azure resources" (limits), and the provider's pages.

import { anyArmId, armId, type Check, each, pattern, uuid } from './check.ts';
import { NAMES } from './names.ts';

const REGIONS = (
  'australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth ' +
  'brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral eastasia eastus eastus2 francecentral ' +
  'francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest ' +
  'koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast ' +
  'norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus southeastasia southindia ' +
  'spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest ' +
  'westcentralus westeurope westindia westus westus2 westus3 global'
).split(' ');

/** "France Central" and "francecentral" are one region; "france-central" is none. */
const location: Check = {
  judge: (value) => {
    const region = String(value).toLowerCase().replaceAll(' ', '');
    if (REGIONS.includes(region)) return undefined;
    const near = REGIONS.find((known) => known === region.replace(/[^a-z\d]/g, ''));
    return `must be an Azure region such as francecentral; it is "${value}"${near ? `. Did you mean "${near}"?` : ''}`;
  },
  wrong: ['france-central', 'marseille'],
};

const tags: Check = {
  judge: (value) => {
    const entries = Object.entries(value as Readonly<Record<string, unknown>>);
    if (entries.length > 50) return `must be 50 at most; there are ${entries.length}`;
    for (const [key, text] of entries) {
      if (key.length > 512 || /[<>%&\\?/]/.test(key)) {
        return `must have names of up to 512 characters without < > % & \\ ? /; one is "${key.slice(0, 60)}"`;
      }
      if (typeof text === 'string' && text.length > 256)
        return `must have values of up to 256 characters; "${key}" has more`;
    }
    return undefined;
  },
  wrong: [
    { 'a/b': 'c' },
    { a: 'x'.repeat(257) },
    Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, 'v'])),
  ],
};

const goDuration = pattern(/^(?:\d+(?:\.\d+)?(?:h|m|s))+$/, 'a time such as 30m or 1h30m', '30 minutes', 'PT30M');

const N = 'Microsoft.Network';
const IDENTITY = armId('Microsoft.ManagedIdentity/userAssignedIdentities/{}');
const HUB = armId('Microsoft.Devices/IotHubs/{}', 'Microsoft.Devices/iotHubs/{}');
const SUBNET = armId(`${N}/virtualNetworks/{}/subnets/{}`);
const WORKSPACE = armId('Microsoft.OperationalInsights/workspaces/{}');
const ROUTE_TABLES = each(armId(`${N}/virtualHubs/{}/hubRouteTables/{}`));

/** Path → its rule, for every azurerm resource whose schema has it. */
export const EVERYWHERE: Readonly<Record<string, Check>> = {
  location,
  tags,
  resource_group_name: NAMES.azurerm_resource_group!,
  'timeouts.create': goDuration,
  'timeouts.read': goDuration,
  'timeouts.update': goDuration,
  'timeouts.delete': goDuration,
  'identity.identity_ids': each(IDENTITY),
  identity_id: IDENTITY,
  user_assigned_identity_id: IDENTITY,
  tenant_id: uuid,
  iothub_id: HUB,
  subnet_id: SUBNET,
  'private_service_connection.private_connection_resource_id': anyArmId,
  'private_dns_zone_group.private_dns_zone_ids': each(armId(`${N}/privateDnsZones/{}`)),
  virtual_network_id: armId(`${N}/virtualNetworks/{}`),
  remote_virtual_network_id: armId(`${N}/virtualNetworks/{}`),
  virtual_wan_id: armId(`${N}/virtualWans/{}`),
  virtual_hub_id: armId(`${N}/virtualHubs/{}`),
  'virtual_hub.virtual_hub_id': armId(`${N}/virtualHubs/{}`),
  'routing_policy.next_hop': anyArmId,
  'routing.associated_route_table_id': armId(`${N}/virtualHubs/{}/hubRouteTables/{}`),
  'routing.propagated_route_table.route_table_ids': ROUTE_TABLES,
  firewall_policy_id: armId(`${N}/firewallPolicies/{}`),
  base_policy_id: armId(`${N}/firewallPolicies/{}`),
  express_route_gateway_id: armId(`${N}/expressRouteGateways/{}`),
  express_route_circuit_peering_id: armId(`${N}/expressRouteCircuits/{}/peerings/{}`),
  vpn_gateway_id: armId(`${N}/vpnGateways/{}`),
  remote_vpn_site_id: armId(`${N}/vpnSites/{}`),
  'vpn_link.vpn_site_link_id': armId(`${N}/vpnSites/{}/vpnSiteLinks/{}`),
  network_security_group_id: armId(`${N}/networkSecurityGroups/{}`),
  route_table_id: armId(`${N}/routeTables/{}`),
  private_dns_resolver_id: armId(`${N}/dnsResolvers/{}`),
  dns_forwarding_ruleset_id: armId(`${N}/dnsForwardingRulesets/{}`),
  private_dns_resolver_outbound_endpoint_ids: each(armId(`${N}/dnsResolvers/{}/outboundEndpoints/{}`)),
  'ip_configuration.subnet_id': SUBNET,
  'ip_configurations.subnet_id': SUBNET,
  'ip_configuration.public_ip_address_id': armId(`${N}/publicIPAddresses/{}`),
  log_analytics_workspace_id: WORKSPACE,
  storage_account_id: armId('Microsoft.Storage/storageAccounts/{}'),
  namespace_id: armId('Microsoft.EventHub/namespaces/{}'),
  eventhub_id: armId('Microsoft.EventHub/namespaces/{}/eventhubs/{}'),
  eventhub_authorization_rule_id: armId('Microsoft.EventHub/namespaces/{}/authorizationRules/{}'),
  key_vault_id: armId('Microsoft.KeyVault/vaults/{}'),
  container_registry_id: armId('Microsoft.ContainerRegistry/registries/{}'),
  target_resource_id: anyArmId,
  scopes: each(anyArmId),
  scope: anyArmId,
  resource_group_id: armId('/subscriptions/{}/resourceGroups/{}'),
  'action.action_group_id': armId('Microsoft.Insights/actionGroups/{}', 'Microsoft.Insights/actiongroups/{}'),
  'action.action_groups': each(armId('Microsoft.Insights/actionGroups/{}', 'Microsoft.Insights/actiongroups/{}')),
};
