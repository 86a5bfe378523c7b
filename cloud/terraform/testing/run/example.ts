// An example is a root that a person would copy. It has no tests of its own, so the bench writes one that applies it to
// mocked providers, runs it and takes it away again. Ids that other resources take apart look like real ones.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './targets.ts';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000000';
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-example`;
const UUID = '11111111-1111-1111-1111-111111111111';

/** What follows `…/providers/` in the id of each type that another resource is given the id of. */
const IDS: Readonly<Record<string, string>> = {
  azurerm_iothub: 'Microsoft.Devices/iotHubs/example',
  azurerm_iothub_dps: 'Microsoft.Devices/provisioningServices/example',
  azurerm_storage_account: 'Microsoft.Storage/storageAccounts/example',
  azurerm_eventhub_namespace: 'Microsoft.EventHub/namespaces/example',
  azurerm_eventhub: 'Microsoft.EventHub/namespaces/example/eventhubs/example',
  azurerm_eventhub_consumer_group: 'Microsoft.EventHub/namespaces/example/eventhubs/example/consumerGroups/example',
  azurerm_kusto_cluster: 'Microsoft.Kusto/clusters/example',
  azurerm_kusto_database: 'Microsoft.Kusto/clusters/example/databases/example',
  azurerm_key_vault: 'Microsoft.KeyVault/vaults/example',
  azurerm_container_registry: 'Microsoft.ContainerRegistry/registries/example',
  azurerm_log_analytics_workspace: 'Microsoft.OperationalInsights/workspaces/example',
  azurerm_monitor_action_group: 'Microsoft.Insights/actionGroups/example',
  azurerm_user_assigned_identity: 'Microsoft.ManagedIdentity/userAssignedIdentities/example',
  azurerm_virtual_network: 'Microsoft.Network/virtualNetworks/example',
  azurerm_subnet: 'Microsoft.Network/virtualNetworks/example/subnets/example',
  azurerm_network_security_group: 'Microsoft.Network/networkSecurityGroups/example',
  azurerm_route_table: 'Microsoft.Network/routeTables/example',
  azurerm_public_ip: 'Microsoft.Network/publicIPAddresses/example',
  azurerm_private_endpoint: 'Microsoft.Network/privateEndpoints/example',
  azurerm_private_dns_zone: 'Microsoft.Network/privateDnsZones/example.com',
  azurerm_private_dns_resolver: 'Microsoft.Network/dnsResolvers/example',
  azurerm_private_dns_resolver_outbound_endpoint: 'Microsoft.Network/dnsResolvers/example/outboundEndpoints/example',
  azurerm_private_dns_resolver_dns_forwarding_ruleset: 'Microsoft.Network/dnsForwardingRulesets/example',
  azurerm_virtual_wan: 'Microsoft.Network/virtualWans/example',
  azurerm_virtual_hub: 'Microsoft.Network/virtualHubs/example',
  azurerm_firewall: 'Microsoft.Network/azureFirewalls/example',
  azurerm_firewall_policy: 'Microsoft.Network/firewallPolicies/example',
  azurerm_express_route_gateway: 'Microsoft.Network/expressRouteGateways/example',
  azurerm_vpn_gateway: 'Microsoft.Network/vpnGateways/example',
  azurerm_vpn_site: 'Microsoft.Network/vpnSites/example',
  azapi_resource: 'Microsoft.Devices/provisioningServices/example',
};

const OTHERS: Readonly<Record<string, string>> = {
  azurerm_resource_group: `{ id = "${GROUP}" }`,
  azurerm_vpn_site: `{ id = "${GROUP}/providers/${IDS.azurerm_vpn_site}", link = { id = "${GROUP}/providers/Microsoft.Network/vpnSites/example/vpnSiteLinks/example" } }`,
};

/** The providers that a folder asks for in its terraform.tf, by their local names. */
function providersOf(folder: string): string[] {
  const text = readFileSync(join(folder, 'terraform.tf'), 'utf8');
  return [...text.matchAll(/^\s*(\w+)\s*=\s*\{\s*(?:#[^\n]*\s*)?source\s*=/gm)].map(([, name]) => name!);
}

function mockOf(provider: string): string {
  const resources = Object.keys({ ...IDS, ...OTHERS })
    .filter((type) => type.startsWith(`${provider}_`))
    .map((type) => {
      const defaults = OTHERS[type] ?? `{ id = "${GROUP}/providers/${IDS[type]}" }`;
      return `  mock_resource "${type}" {\n    defaults = ${defaults}\n  }`;
    });
  const client = `  mock_data "azurerm_client_config" {\n    defaults = { tenant_id = "${UUID}", object_id = "${UUID}", subscription_id = "${UUID}" }\n  }`;
  const parts = provider === 'azurerm' ? [...resources, client] : resources;
  return `mock_provider "${provider}" {\n${parts.join('\n')}\n}\n`;
}

/** Writes the test, runs `use`, and removes it whatever happens. */
export async function withTest<T>(target: Target, use: () => Promise<T>): Promise<T> {
  const file = join(target.folder, `bench-${process.pid}.tftest.hcl`);
  const run = 'run "example" {\n  command = apply\n}\n';
  writeFileSync(file, [...providersOf(target.folder).map(mockOf), run].join('\n'));
  try {
    return await use();
  } finally {
    rmSync(file, { force: true });
  }
}
