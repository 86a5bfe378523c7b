// The policies of the landing zone, held against what the tests of stacks and examples make. A rule names the resource
// and the mend; what may differ is in exceptions.ts, with its reason.

import { at, type Estate, isArm, type Resource } from './estate.ts';

export interface Violation {
  readonly address: string;
  readonly what: string;
}

export interface Policy {
  readonly id: string;
  readonly says: string;
  /** Examples show one module: what belongs around it is asked of stacks alone. */
  readonly kinds: readonly Estate['kind'][];
  judge(estate: Estate): Violation[];
}

const DPS = 'Microsoft.Devices/provisioningServices';
const BOTH: readonly Estate['kind'][] = ['stack', 'example'];
const STACKS: readonly Estate['kind'][] = ['stack'];

interface Demand {
  readonly type: string;
  readonly path: string;
  readonly wanted: readonly unknown[];
  readonly mend: string;
}

/** A policy that every resource of a type has one of certain values. */
function values(id: string, says: string, demands: readonly Demand[]): Policy {
  return {
    id,
    says,
    kinds: BOTH,
    judge: ({ resources }) =>
      demands.flatMap(({ type, path, wanted, mend }) =>
        resources
          .filter((resource) => resource.type === type || isArm(resource, type))
          .filter((resource) => !wanted.includes(at(resource.values, path)))
          .map(({ address, values }) => ({
            address,
            what: `${path} is ${JSON.stringify(at(values, path) ?? null)}: ${mend}`,
          })),
      ),
  };
}

const demand = (type: string, path: string, wanted: unknown, mend: string): Demand => ({
  type,
  path,
  wanted: Array.isArray(wanted) ? wanted : [wanted],
  mend,
});

const OFF = 'turn it off; what must reach it has a private endpoint';

const publicAccess = values('public-access', 'no public network access', [
  demand('azurerm_iothub', 'public_network_access_enabled', false, OFF),
  demand('azurerm_iothub_dps', 'public_network_access_enabled', false, OFF),
  demand(DPS, 'body.properties.publicNetworkAccess', 'Disabled', OFF),
  demand('azurerm_key_vault', 'public_network_access_enabled', false, OFF),
  demand('azurerm_container_registry', 'public_network_access_enabled', false, OFF),
  demand('azurerm_kusto_cluster', 'public_network_access_enabled', false, OFF),
  demand('azurerm_storage_account', 'public_network_access_enabled', false, OFF),
  demand('azurerm_storage_account', 'allow_nested_items_to_be_public', false, 'no container may be public'),
  demand('azurerm_eventhub_namespace', 'public_network_access_enabled', false, OFF),
  demand(
    'azurerm_public_ip',
    'name',
    [],
    'nothing of ours is reached from the internet; the hub firewall has its own addresses',
  ),
]);

/** An exception to public access is worth nothing when the firewall behind it lets everybody in. */
const closedByDefault: Policy = {
  id: 'closed-by-default',
  says: 'where public access stays on for trusted services, everybody else is refused',
  kinds: BOTH,
  judge: ({ resources }) =>
    [
      ['azurerm_storage_account', 'network_rules'],
      ['azurerm_eventhub_namespace', 'network_rulesets'],
    ].flatMap(([type, block]) =>
      resources
        .filter((resource) => resource.type === type && resource.values.public_network_access_enabled !== false)
        .filter(
          ({ values }) => at(values, `${block}.default_action`) !== 'Deny' || hasRules(values, `${block}.ip_rule`),
        )
        .map(({ address }) => ({
          address,
          what: `${block}.default_action is not Deny, or addresses are let in: set Deny`,
        })),
    ),
};

function hasRules(values: Resource['values'], path: string): boolean {
  return [path, `${path}s`].some((name) => {
    const rules = at(values, name);
    return Array.isArray(rules) && rules.length > 0;
  });
}

const KEYS = 'sign in with an identity';

const localKeys = values('local-keys', 'no keys where identities work', [
  demand('azurerm_iothub', 'local_authentication_enabled', false, KEYS),
  demand('azurerm_iothub_endpoint_eventhub', 'authentication_type', 'identityBased', KEYS),
  demand('azurerm_iothub_endpoint_storage_container', 'authentication_type', 'identityBased', KEYS),
  demand('azurerm_iothub_file_upload', 'authentication_type', 'identityBased', KEYS),
  demand('azurerm_eventhub_namespace', 'local_authentication_enabled', false, KEYS),
  demand('azurerm_storage_account', 'shared_access_key_enabled', false, KEYS),
  demand('azurerm_container_registry', 'admin_enabled', false, KEYS),
  demand('azurerm_key_vault', 'rbac_authorization_enabled', true, 'access policies are keys by another name'),
  demand('azurerm_log_analytics_workspace', 'local_authentication_enabled', false, KEYS),
  demand('azurerm_iothub_dps', 'name', [], `its link to a hub needs a key: make it with azapi as ${DPS}`),
  demand('azurerm_iothub_shared_access_policy', 'name', [], 'a policy is a key: give a role to an identity'),
  demand('azurerm_eventhub_authorization_rule', 'name', [], 'a rule is a key: give a role to an identity'),
  demand('azurerm_eventhub_namespace_authorization_rule', 'name', [], 'a rule is a key: give a role to an identity'),
]);

const tls = values('tls', 'TLS 1.2 or newer', [
  demand('azurerm_iothub', 'min_tls_version', '1.2', 'set "1.2"; it can be set only when the hub is made'),
  demand('azurerm_storage_account', 'min_tls_version', ['TLS1_2', 'TLS1_3'], 'set "TLS1_2"'),
  demand('azurerm_storage_account', 'https_traffic_only_enabled', true, 'set true'),
  demand('azurerm_eventhub_namespace', 'minimum_tls_version', '1.2', 'set "1.2"'),
  demand('azurerm_linux_web_app', 'site_config.minimum_tls_version', ['1.2', '1.3'], 'set "1.3"'),
  demand('azurerm_linux_web_app', 'https_only', true, 'set true'),
]);

/** Subresource → private DNS zones that make its names private; {region} is whatever region it is in. */
const ENDPOINTS: readonly (readonly [type: string, subresource: string, zones: readonly RegExp[]])[] = [
  ['azurerm_iothub', 'iotHub', [/privatelink\.azure-devices\.net$/, /privatelink\.servicebus\.windows\.net$/]],
  ['azurerm_iothub_dps', 'iotDps', [/privatelink\.azure-devices-provisioning\.net$/]],
  [DPS, 'iotDps', [/privatelink\.azure-devices-provisioning\.net$/]],
  ['azurerm_eventhub_namespace', 'namespace', [/privatelink\.servicebus\.windows\.net$/]],
  ['azurerm_storage_account', 'blob', [/privatelink\.blob\.core\.windows\.net$/]],
  ['azurerm_key_vault', 'vault', [/privatelink\.vaultcore\.azure\.net$/]],
  ['azurerm_container_registry', 'registry', [/privatelink\.azurecr\.io$/]],
  ['azurerm_kusto_cluster', 'cluster', [/privatelink\.[a-z\d]+\.kusto\.windows\.net$/]],
  ['azurerm_linux_web_app', 'sites', [/privatelink\.azurewebsites\.net$/]],
];

/** What lies beside a resource: in the module that made it, or below. Mocked ids are alike, modules are not. */
function beside(estate: Estate, resource: Resource, type: string): Resource[] {
  return estate.resources.filter((other) => other.type === type && other.module.startsWith(resource.module));
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function endpointsOf(estate: Estate, resource: Resource, subresource: string): Resource[] {
  return beside(estate, resource, 'azurerm_private_endpoint').filter(
    ({ values }) =>
      at(values, 'private_service_connection.private_connection_resource_id') === resource.values.id &&
      list(at(values, 'private_service_connection.subresource_names')).includes(subresource),
  );
}

const privateEndpoints: Policy = {
  id: 'private-endpoint',
  says: 'a private endpoint with its DNS zones for every service',
  kinds: STACKS,
  judge: (estate) =>
    ENDPOINTS.flatMap(([type, subresource, zones]) => {
      const lake = (resource: Resource) =>
        type === 'azurerm_storage_account' && resource.values.is_hns_enabled === true;
      return estate.resources
        .filter((resource) => resource.type === type || isArm(resource, type))
        .flatMap((resource) => [
          ...endpointViolations(estate, resource, subresource, zones),
          ...(lake(resource)
            ? endpointViolations(estate, resource, 'dfs', [/privatelink\.dfs\.core\.windows\.net$/])
            : []),
        ]);
    }),
};

function endpointViolations(
  estate: Estate,
  resource: Resource,
  subresource: string,
  zones: readonly RegExp[],
): Violation[] {
  const { address } = resource;
  const endpoints = endpointsOf(estate, resource, subresource);
  if (endpoints.length === 0) return [{ address, what: `no private endpoint for ${subresource}: add one` }];
  return endpoints.flatMap((endpoint) => {
    const ids = list(at(endpoint.values, 'private_dns_zone_group.private_dns_zone_ids')).map(String);
    const missing = zones.filter((zone) => !ids.some((id) => zone.test(id)));
    return missing.map((zone) => ({
      address: endpoint.address,
      what: `no zone ${zone.source.replaceAll('\\', '').replace('$', '')}: its name stays public without it`,
    }));
  });
}

/** Types whose logs and metrics are kept. */
const OBSERVED: readonly string[] = [
  ...['azurerm_iothub', 'azurerm_iothub_dps', DPS, 'azurerm_eventhub_namespace', 'azurerm_storage_account'],
  ...['azurerm_key_vault', 'azurerm_container_registry', 'azurerm_kusto_cluster', 'azurerm_log_analytics_workspace'],
  ...['azurerm_firewall', 'azurerm_express_route_gateway', 'azurerm_vpn_gateway', 'azurerm_bastion_host'],
  ...['azurerm_network_security_group', 'azurerm_linux_web_app'],
];

const diagnostics: Policy = {
  id: 'diagnostics',
  says: 'a diagnostic setting on everything that has one',
  kinds: STACKS,
  judge: (estate) =>
    OBSERVED.flatMap((type) =>
      estate.resources
        .filter((resource) => resource.type === type || isArm(resource, type))
        .filter(
          (resource) =>
            !beside(estate, resource, 'azurerm_monitor_diagnostic_setting').some(({ values }) =>
              String(values.target_resource_id).startsWith(String(resource.values.id)),
            ),
        )
        .map(({ address }) => ({ address, what: 'no diagnostic setting: send its logs to the workspace' })),
    ),
};

/** Abbreviations of the Cloud Adoption Framework ("Abbreviation recommendations for Azure resources"). */
const ABBREVIATIONS: Readonly<Record<string, RegExp>> = {
  azurerm_resource_group: /^rg-/,
  azurerm_iothub: /^iot-/,
  azurerm_iothub_dps: /^provs-/,
  azurerm_storage_account: /^(?:st|dls)/,
  azurerm_eventhub_namespace: /^evhns-/,
  azurerm_kusto_cluster: /^dec/,
  azurerm_key_vault: /^kv-/,
  azurerm_container_registry: /^cr/,
  azurerm_log_analytics_workspace: /^log-/,
  azurerm_monitor_action_group: /^ag-/,
  azurerm_virtual_network: /^vnet-/,
  azurerm_subnet: /^(?:snet-|AzureBastionSubnet$|GatewaySubnet$|AzureFirewallSubnet$)/,
  azurerm_network_security_group: /^nsg-/,
  azurerm_route_table: /^rt-/,
  azurerm_private_endpoint: /^pep-/,
  azurerm_virtual_wan: /^vwan-/,
  azurerm_virtual_hub: /^vhub-/,
  azurerm_firewall: /^afw-/,
  azurerm_firewall_policy: /^afwp-/,
  azurerm_express_route_gateway: /^ergw-/,
  azurerm_vpn_gateway: /^vpng-/,
  azurerm_vpn_site: /^vst-/,
  azurerm_bastion_host: /^bas-/,
  azurerm_private_dns_resolver: /^dnspr-/,
  azurerm_user_assigned_identity: /^id-/,
};

const names: Policy = {
  id: 'names',
  says: 'names begin with the abbreviation of the Cloud Adoption Framework',
  kinds: BOTH,
  judge: ({ resources }) =>
    resources
      .map((resource) => [resource, isArm(resource, DPS) ? /^provs-/ : ABBREVIATIONS[resource.type]] as const)
      .filter(([{ values }, form]) => form !== undefined && !form.test(String(values.name)))
      .map(([{ address, values }, form]) => ({ address, what: `name "${values.name}" does not match ${form}` })),
};

export const TAGS: readonly string[] = ['environment', 'owner', 'zone'];

const tags: Policy = {
  id: 'tags',
  says: `the tags ${TAGS.join(', ')} on everything that takes tags`,
  kinds: STACKS,
  judge: ({ resources }) =>
    resources
      .filter(({ values }) => 'tags' in values)
      .map(({ address, values }) => {
        const given = (values.tags ?? {}) as Readonly<Record<string, unknown>>;
        return { address, missing: TAGS.filter((tag) => typeof given[tag] !== 'string' || given[tag] === '') };
      })
      .filter(({ missing }) => missing.length > 0)
      .map(({ address, missing }) => ({ address, what: `no tag ${missing.join(', ')}: add them` })),
};

const LOCKED: readonly string[] = [
  'azurerm_iothub',
  'azurerm_iothub_dps',
  DPS,
  'azurerm_storage_account',
  'azurerm_key_vault',
];

const locks: Policy = {
  id: 'locks',
  says: 'in production nobody deletes hub, DPS, lake or vault by accident',
  kinds: STACKS,
  judge: (estate) =>
    estate.environment !== 'prod'
      ? []
      : estate.resources
          .filter((resource) => LOCKED.some((type) => resource.type === type || isArm(resource, type)))
          .filter(
            (resource) =>
              !beside(estate, resource, 'azurerm_management_lock').some(
                ({ values }) => values.scope === resource.values.id && values.lock_level === 'CanNotDelete',
              ),
          )
          .map(({ address }) => ({ address, what: 'no lock CanNotDelete: add one' })),
};

/** Subnets that Azure keeps to itself, or whose service forbids a group. */
const WITHOUT_GROUP = /^(?:AzureFirewallSubnet|GatewaySubnet|AzureFirewallManagementSubnet)$/;

const segments: Policy = {
  id: 'segments',
  says: 'a network security group on every subnet, traffic of every spoke through the firewall',
  kinds: STACKS,
  judge: (estate) => [
    ...estate.resources
      .filter(({ type, values }) => type === 'azurerm_subnet' && !WITHOUT_GROUP.test(String(values.name)))
      .filter(
        (subnet) =>
          beside(estate, subnet, 'azurerm_subnet_network_security_group_association').length <
          beside(estate, subnet, 'azurerm_subnet').filter(({ values }) => !WITHOUT_GROUP.test(String(values.name)))
            .length,
      )
      .map(({ address }) => ({ address, what: 'no network security group: associate one' })),
    ...estate.resources
      .filter(({ type }) => type === 'azurerm_virtual_network')
      .flatMap(({ address, values }) =>
        list(values.subnet)
          .filter((subnet) => !WITHOUT_GROUP.test(String(at(subnet, 'name'))) && !at(subnet, 'security_group'))
          .map((subnet) => ({ address, what: `no network security group on ${at(subnet, 'name')}: give it one` })),
      ),
    ...estate.resources
      .filter(
        ({ type, values }) => type === 'azurerm_virtual_hub_connection' && values.internet_security_enabled !== true,
      )
      .map(({ address }) => ({ address, what: 'internet_security_enabled is not true: set it' })),
  ],
};

export const POLICIES: readonly Policy[] = [
  ...[publicAccess, closedByDefault, localKeys, tls, privateEndpoints, diagnostics, names, tags, locks, segments],
];
