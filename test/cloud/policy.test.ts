// Every policy finds its planted violation in an estate that is otherwise in order, and finds nothing in that estate.

import { describe, expect, it } from 'vitest';
import { type Estate, estatesOf, type Resource } from '../../cloud/terraform/testing/policy/estate.ts';
import { judge } from '../../cloud/terraform/testing/policy/judge.ts';
import { POLICIES, TAGS } from '../../cloud/terraform/testing/policy/rules.ts';

const GROUP = '/subscriptions/s/resourceGroups/rg-lav-data-prod-frc-001/providers';
const ZONES = `${GROUP}/Microsoft.Network/privateDnsZones`;
const DPS = 'Microsoft.Devices/provisioningServices';
const tags = Object.fromEntries(TAGS.map((tag) => [tag, tag === 'environment' ? 'prod' : 'x']));

type Values = Record<string, unknown>;

function resource(module: string, type: string, values: Values): Resource {
  return { address: `${module}${type}.this`, mode: 'managed', type, module, values };
}

/** A service with what belongs around it, as a module makes it. */
function service(
  name: string,
  type: string,
  subresources: Readonly<Record<string, string[]>>,
  values: Values,
): Resource[] {
  const module = `module.${name}.`;
  const id = `${GROUP}/Some.Provider/things/${name}`;
  const endpoints = Object.entries(subresources).map(([subresource, zones]) =>
    resource(`${module}module.endpoint["${subresource}"].`, 'azurerm_private_endpoint', {
      name: `pep-${name}-${subresource}`,
      tags,
      private_service_connection: [{ private_connection_resource_id: id, subresource_names: [subresource] }],
      private_dns_zone_group: [{ private_dns_zone_ids: zones.map((zone) => `${ZONES}/${zone}`) }],
    }),
  );
  return [
    resource(module, type, { id, tags, ...values }),
    ...endpoints,
    resource(module, 'azurerm_management_lock', { scope: id, lock_level: 'CanNotDelete' }),
    resource(`${module}module.diagnostics.`, 'azurerm_monitor_diagnostic_setting', { target_resource_id: id }),
  ];
}

function estate(): Estate {
  const resources = [
    ...service(
      'hub',
      'azurerm_iothub',
      { iotHub: ['privatelink.azure-devices.net', 'privatelink.servicebus.windows.net'] },
      {
        name: 'iot-lav-data-prod-frc-001',
        public_network_access_enabled: false,
        local_authentication_enabled: false,
        min_tls_version: '1.2',
      },
    ),
    ...service(
      'dps',
      'azapi_resource',
      { iotDps: ['privatelink.azure-devices-provisioning.net'] },
      {
        name: 'provs-lav-data-prod-frc-001',
        type: `${DPS}@2022-02-05`,
        body: { properties: { publicNetworkAccess: 'Disabled' } },
      },
    ),
    ...service(
      'lake',
      'azurerm_storage_account',
      { blob: ['privatelink.blob.core.windows.net'], dfs: ['privatelink.dfs.core.windows.net'] },
      {
        name: 'dlslavdataprodfrc001',
        is_hns_enabled: true,
        public_network_access_enabled: true,
        network_rules: [{ default_action: 'Deny', bypass: ['AzureServices'], ip_rules: [] }],
        allow_nested_items_to_be_public: false,
        shared_access_key_enabled: false,
        min_tls_version: 'TLS1_2',
        https_traffic_only_enabled: true,
      },
    ),
    ...service(
      'events',
      'azurerm_eventhub_namespace',
      { namespace: ['privatelink.servicebus.windows.net'] },
      {
        name: 'evhns-lav-data-prod-frc-001',
        public_network_access_enabled: true,
        network_rulesets: [{ default_action: 'Deny', ip_rule: [] }],
        local_authentication_enabled: false,
        minimum_tls_version: '1.2',
      },
    ),
    ...service(
      'vault',
      'azurerm_key_vault',
      { vault: ['privatelink.vaultcore.azure.net'] },
      {
        name: 'kv-lav-data-prod-frc-001',
        public_network_access_enabled: false,
        rbac_authorization_enabled: true,
      },
    ),
    resource('module.spoke.', 'azurerm_virtual_network', {
      name: 'vnet-lav-data-prod-frc-001',
      tags,
      subnet: [{ name: 'snet-func', security_group: `${GROUP}/Microsoft.Network/networkSecurityGroups/nsg` }],
    }),
    resource('module.spoke.', 'azurerm_subnet', { name: 'snet-pep' }),
    resource('module.spoke.', 'azurerm_subnet_network_security_group_association', {}),
    resource('module.spoke.', 'azurerm_virtual_hub_connection', { internet_security_enabled: true }),
  ];
  return { title: 'stacks/40-data, run "prod"', kind: 'stack', environment: 'prod', resources };
}

function violations(changed: Estate): string[] {
  return judge([changed]).judgements.flatMap(({ policy, violations: found }) => found.map(() => policy));
}

/** The estate with other values for one resource. */
function withValues(address: RegExp, values: Values): Estate {
  const base = estate();
  const index = base.resources.findIndex((one) => address.test(one.address));
  const old = base.resources[index]!;
  return { ...base, resources: base.resources.with(index, { ...old, values: { ...old.values, ...values } }) };
}

function without(address: RegExp): Estate {
  const base = estate();
  const left = base.resources.filter((one) => !address.test(one.address));
  expect(left.length).toBeLessThan(base.resources.length);
  return { ...base, resources: left };
}

const HUB = /hub\.azurerm_iothub\.this/;
const LAKE = /azurerm_storage_account/;
const EVENTS = /azurerm_eventhub_namespace/;

/** Policy → estates that break it. */
const PLANTS: Readonly<Record<string, readonly Estate[]>> = {
  'public-access': [
    withValues(HUB, { public_network_access_enabled: true }),
    withValues(/azapi_resource/, { body: { properties: { publicNetworkAccess: 'Enabled' } } }),
    withValues(/azurerm_key_vault/, { public_network_access_enabled: true }),
    withValues(LAKE, { allow_nested_items_to_be_public: true }),
  ],
  'closed-by-default': [
    withValues(LAKE, { network_rules: [{ default_action: 'Allow' }] }),
    withValues(LAKE, { network_rules: [{ default_action: 'Deny', ip_rules: ['203.0.113.4'] }] }),
    withValues(EVENTS, { network_rulesets: [] }),
    withValues(EVENTS, { network_rulesets: [{ default_action: 'Deny', ip_rule: [{ ip_mask: '203.0.113.4' }] }] }),
  ],
  'local-keys': [
    withValues(HUB, { local_authentication_enabled: true }),
    withValues(LAKE, { shared_access_key_enabled: true }),
    withValues(EVENTS, { local_authentication_enabled: true }),
    withValues(/azurerm_key_vault/, { rbac_authorization_enabled: false }),
  ],
  tls: [withValues(HUB, { min_tls_version: '1.0' }), withValues(LAKE, { https_traffic_only_enabled: false })],
  'private-endpoint': [
    without(/hub\.module\.endpoint/),
    without(/dps\.module\.endpoint/),
    without(/lake\.module\.endpoint\["dfs"\]/),
    withValues(/hub\.module\.endpoint/, {
      private_dns_zone_group: [{ private_dns_zone_ids: [`${ZONES}/privatelink.azure-devices.net`] }],
    }),
  ],
  diagnostics: [without(/hub\.module\.diagnostics/), without(/vault\.module\.diagnostics/)],
  names: [withValues(HUB, { name: 'hub-prod' }), withValues(/azapi_resource/, { name: 'dps-prod' })],
  tags: [withValues(HUB, { tags: { environment: 'prod' } }), withValues(LAKE, { tags: null })],
  locks: [
    without(/hub\.azurerm_management_lock/),
    withValues(/vault\.azurerm_management_lock/, { lock_level: 'ReadOnly' }),
  ],
  segments: [
    without(/azurerm_subnet_network_security_group_association/),
    withValues(/azurerm_virtual_network\.this/, { subnet: [{ name: 'snet-func', security_group: '' }] }),
    withValues(/azurerm_virtual_hub_connection/, { internet_security_enabled: false }),
  ],
};

describe('the policies', () => {
  it('find nothing in an estate that is in order', () => {
    expect(judge([estate()]).judgements.flatMap(({ violations: found }) => found)).toEqual([]);
  });

  it.each(POLICIES.map(({ id }) => id))('%s finds its planted violation, and no other policy does', (id) => {
    const plants = PLANTS[id] ?? [];
    expect(plants.length).toBeGreaterThan(0);
    for (const plant of plants) expect(new Set(violations(plant))).toEqual(new Set([id]));
  });

  it('ask for locks in production alone', () => {
    const preprod = { ...without(/azurerm_management_lock/), environment: 'preprod' };
    expect(violations(preprod)).toEqual([]);
  });

  it('tell of an exception that excuses nothing', () => {
    const idle = { policy: 'tls', address: /nothing/, path: 'min_tls_version', reason: 'none' };
    expect(judge([estate()], [idle]).idle).toEqual([idle]);
    expect(judge([estate()], [idle]).judgements.some(({ violations: found }) => found.length > 0)).toBe(true);
  });
});

describe('an estate', () => {
  it('is an applied run of a stack or an example, with the environment of its tags', () => {
    const hub = {
      address: 'module.a["x"].azurerm_iothub.this[0]',
      mode: 'managed',
      type: 'azurerm_iothub',
      values: { tags },
    } as const;
    const run = { file: 'f', name: 'prod', status: 'pass', applied: true, instances: [hub] };
    const target = { kind: 'stack', folder: '/x', name: 'stacks/40-data' } as const;
    const [found, ...more] = estatesOf([
      { target, problems: [], runs: [run, { ...run, applied: false }], seconds: 1 },
      { target: { ...target, kind: 'module' }, problems: [], runs: [run], seconds: 1 },
    ]);
    expect(more).toEqual([]);
    expect(found?.environment).toBe('prod');
    expect(found?.resources[0]?.module).toBe('module.a["x"].');
  });
});
